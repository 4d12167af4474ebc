// Numbers as people read them, with their units. Each gives text; "–" where nothing is known.

const NONE = "–";
const whole = new Intl.NumberFormat("en");

export const count = (n) => (n == null ? NONE : whole.format(Math.round(n)));

export const plural = (n, word) => `${count(n)} ${word}${Math.round(n) === 1 ? "" : "s"}`;

/** Seconds of waiting: ms below a tenth, two digits behind the point below ten. */
export function latency(s) {
  if (s == null) return NONE;
  if (s < 0.0995) return `${Math.round(s * 1000)} ms`;
  return `${s < 9.95 ? s.toFixed(2) : s.toFixed(0)} s`;
}

/** Of a percentile: of what lies beyond the last edge of its buckets nothing more is known. */
export const latencyUpTo = (edge) => (s) => (s != null && s >= edge ? `> ${edge} s` : latency(s));

export const ratio = (x) => (x == null ? NONE : x < 0.0995 ? x.toFixed(3) : x.toFixed(2));

export const percent = (x) => `${Number(x.toFixed(1))} %`;

/** Seconds of audio or of age. */
export function duration(s) {
  if (s == null) return NONE;
  if (s < 60) return `${Math.floor(s)} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(s % 60)).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} days`;
}

export function bytes(n) {
  if (n == null) return NONE;
  if (n >= 1e9) return `${(n / 1e9).toFixed(1)} GB`;
  return `${count(n / 1e6)} MB`;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
export const time = (unix) => clock.format(unix * 1000);
