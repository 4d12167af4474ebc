// The page: connects, keeps the points of the last hour, and shows what each event tells.

import { Chart, Spark } from "./charts.js";
import { follow } from "./connection.js";
import { byId, element, write } from "./dom.js";
import { count, duration, ratio } from "./format.js";
import { TABLES, TILES, finalLatency } from "./sections.js";
import { Series } from "./series.js";
import { Table } from "./tables.js";

const STALE_MS = 5_000; // events come every two seconds
const THEMES = ["", "light", "dark"];
const THEME_WORDS = { "": "as the system", light: "light", dark: "dark" };
const KEY = "sotto-dashboard-key";

const short = (x) => String(Number(x.toPrecision(2)));

const CHARTS = {
  latency: {
    lines: [
      { column: "final_p50_s", name: "p50", tone: "first" },
      { column: "final_p95_s", name: "p95", tone: "second" },
      { column: "final_p99_s", name: "p99", tone: "third" },
    ],
    format: finalLatency,
    axis: (s) => `${short(s)} s`,
    least: 1,
  },
  streams: { lines: [{ column: "streams", name: "open streams", tone: "first" }], format: count, least: 4 },
  words: { lines: [{ column: "words_per_minute", name: "words per minute", tone: "first" }], format: count, least: 20 },
  queues: {
    lines: [
      { column: "queue_final", name: "finals", tone: "first" },
      { column: "queue_partial", name: "partials", tone: "second" },
      { column: "queue_bulk", name: "recordings", tone: "third" },
    ],
    format: count,
    least: 4,
  },
  decoding: { lines: [{ column: "real_time_factor", name: "real-time factor", tone: "first" }], format: ratio, axis: short, least: 0.1 },
};

const SPARKS = {
  streams: ["streams"],
  words: ["words_per_minute"],
  latency: ["final_p95_s"],
  waiting: ["queue_final", "queue_partial", "queue_bulk"],
  decoding: ["real_time_factor"],
  refused: ["refusals"],
};

const at = (attribute, name) => document.querySelector(`[data-${attribute}="${name}"]`);
const charts = Object.entries(CHARTS).map(([name, options]) => new Chart(at("chart", name), options));
const sparks = Object.entries(SPARKS).map(([name, columns]) => new Spark(at("tile", name), columns));
const tables = Object.entries(TABLES).map(([name, options]) => [new Table(at("table", name), options), options.rows]);
const series = new Series();

let shownSeconds = 3600;
let heardAt = 0;
let reason = "";

function showNow(now) {
  for (const [name, tell] of Object.entries(TILES)) showTile(at("tile", name), tell(now));
  for (const [table, rows] of tables) table.update(rows(now));
  document.title = `${now.summary.streams} open · Sotto operations`;
}

function showTile(tile, [value, unit, note]) {
  const where = tile.querySelector(".value");
  const told = `${value} ${unit}`;
  if (where.told !== told) {
    where.told = told;
    where.replaceChildren(value, ...(unit ? [element("small", {}, unit)] : []));
  }
  write(tile.querySelector(".note"), note);
}

function showPoints() {
  for (const each of [...charts, ...sparks]) each.update(series, shownSeconds);
}

// ---- the connection

function heard(name, data) {
  if (name === "trouble") {
    reason = `${data.message}.`;
    return;
  }
  if (name === "history") series.reset(data);
  else {
    series.add(data.points);
    heardAt = performance.now();
    reason = "";
    showNow(data);
  }
  showPoints();
  showState();
}

/** Says it when what is shown is older than it should be. */
function showState() {
  if (document.body.dataset.state === "locked") return;
  const age = heardAt ? performance.now() - heardAt : 0;
  const stale = age > STALE_MS || (!heardAt && reason);
  document.body.dataset.state = stale ? "stale" : heardAt ? "live" : "connecting";
  write(byId("status"), stale ? "Not live" : heardAt ? "Live" : "Connecting…");
  byId("notice").hidden = !stale;
  if (stale) {
    const old = heardAt ? ` These figures are ${duration(age / 1000)} old.` : "";
    write(byId("notice"), `${reason || "The gateway is silent."}${old} Trying again by itself.`);
  }
}

/** Asks for a key until one is given. */
function askForKey(message) {
  const had = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  document.body.dataset.state = "locked";
  write(byId("status"), "Locked");
  write(byId("refusal"), had ? message : "");
  byId("notice").hidden = true;
  byId("door").hidden = false;
  byId("key").focus();
  return new Promise((given) => {
    byId("door").onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY, byId("key").value.trim());
      byId("key").value = "";
      byId("door").hidden = true;
      document.body.dataset.state = "connecting";
      heardAt = 0;
      write(byId("status"), "Connecting…");
      given();
    };
  });
}

// ---- choices

function showTheme() {
  const theme = document.documentElement.dataset.theme ?? "";
  byId("theme").setAttribute("aria-label", `Theme: ${THEME_WORDS[theme]}`);
  byId("theme").title = `Theme: ${THEME_WORDS[theme]}`;
}

byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "") + 1) % THEMES.length];
  if (next) root.dataset.theme = next;
  else delete root.dataset.theme;
  localStorage.setItem("sotto-theme", next);
  showTheme();
});

byId("span").addEventListener("click", ({ target }) => {
  const minutes = target.dataset.minutes;
  if (!minutes) return;
  shownSeconds = Number(minutes) * 60;
  for (const button of byId("span").children) button.setAttribute("aria-pressed", String(button === target));
  if (heardAt) showPoints();
});

showTheme();
setInterval(showState, 1_000);
follow(() => sessionStorage.getItem(KEY), {
  event: heard,
  denied: askForKey,
  lost(why) {
    reason = why;
    showState();
  },
});
