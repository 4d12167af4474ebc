// What each table shows.

import { bytes, count, duration, latency, latencyUpTo, percent, plural, ratio } from "./format.js";

const KINDS = { final: "Finals", partial: "Partials", bulk: "Recordings" };
const STATES = { loaded: "good", loading: "busy", cold: "idle", no_room: "bad", failed: "bad" };
const STATE_WORDS = { loaded: "in memory", loading: "loading", cold: "on disk", no_room: "no room", failed: "failed" };
const PROTOCOLS = { sotto: "Sotto", openai: "OpenAI", deepgram: "Deepgram", wyoming: "Wyoming" };
const SESSION_WORDS = { open: "open", finished: "finished", left: "disconnected" };

/** The last edges of the histograms: LATENCY_S and COST_S of service/metrics.py. */
export const finalLatency = latencyUpTo(10);
const turnWait = latencyUpTo(5);

const modelsOf = (worker) =>
  worker.models.map(({ id, state }) => (state === "loaded" ? id : `${id} (${STATE_WORDS[state]})`)).join(", ");

const reasonsOf = (worker) => worker.models.filter(({ reason }) => reason).map(({ id, reason }) => `${id}: ${reason}`).join("; ");

export const TABLES = {
  workers: {
    empty: "No worker is running: streams are refused until one is. Start one with sotto worker.",
    columns: [
      {
        title: "Process",
        kind: "code",
        cell: (w) => ({ text: w.id, mood: w.silent_s > 4 ? "bad" : "good" }),
      },
      { title: "Models", cell: (w) => ({ text: modelsOf(w) || "none", more: reasonsOf(w) }), full: true },
      { title: "Device", cell: (w) => ({ text: w.device, more: w.compute_type === "none" ? "" : w.compute_type }) },
      {
        title: "Memory of models",
        cell: (w) => ({
          text: bytes(w.memory_bytes),
          more: w.memory_limit ? `of ${bytes(w.memory_limit)}` : "",
          ...(w.memory_limit ? { share: w.memory_bytes / w.memory_limit } : {}),
        }),
      },
      { title: "Slots busy", cell: (w) => ({ text: `${w.busy} of ${w.slots}`, share: w.slots ? w.busy / w.slots : 0 }) },
      { title: "Last heartbeat", kind: "number", cell: (w) => (w.silent_s < 2 ? "now" : `${duration(w.silent_s)} ago`) },
    ],
    rows: (now) => now.workers,
  },
  queues: {
    about: "Turns waiting or being decoded; finals go before partials before recordings",
    empty: "No model is served.",
    columns: [
      { title: "Model", kind: "code", cell: ([model]) => model },
      ...["final", "partial", "bulk"].map((kind) => ({
        title: KINDS[kind],
        kind: "number",
        cell: ([, queues]) => {
          const { length, oldest_ms: oldest } = queues.find((queue) => queue.kind === kind);
          return { text: count(length), more: length ? `oldest ${latency(oldest / 1000)}` : "" };
        },
      })),
    ],
    rows: (now) => Object.entries(Object.groupBy(now.queues, ({ model }) => model)),
  },
  decoding: {
    about: "The last five minutes",
    empty: "Nothing was decoded.",
    columns: [
      { title: "Turns of", cell: (row) => KINDS[row.kind] },
      { title: "Taken", kind: "number", cell: (row) => count(row.count) },
      { title: "Wait p50", kind: "number", cell: (row) => turnWait(row.p50) },
      { title: "Wait p95", kind: "number", cell: (row) => turnWait(row.p95) },
      { title: "Batch", kind: "number", cell: (row) => (row.batch == null ? "–" : row.batch.toFixed(1)) },
    ],
    rows: (now) => now.waits.map((wait, place) => ({ ...wait, batch: now.batches[place].mean })),
  },
  models: {
    about: "Begun: streams and recordings of the last hour. Latency and factor: five minutes",
    empty: "No model is known yet.",
    columns: [
      { title: "Model", kind: "code", cell: (m) => ({ text: m.id, mood: m.loaded ? "good" : m.wanted ? "bad" : "idle" }) },
      { title: "Workers", kind: "number", cell: (m) => count(m.loaded) },
      { title: "Begun", kind: "number", cell: (m) => count(m.routed) },
      { title: "Final p95", kind: "number", cell: (m) => finalLatency(m.final_s.p95) },
      { title: "RTF", kind: "number", cell: (m) => ratio(m.real_time_factor) },
    ],
    rows: (now) => now.models,
  },
  aliases: {
    about: "What a name leads to, and the share of new streams that each model gets",
    empty: "No alias: every name is a model's own.",
    columns: [
      { title: "Alias", kind: "code", cell: (a) => a.name },
      { title: "Model", kind: "code", cell: (a) => a.model },
      { title: "Is", cell: (a) => ({ text: a.is, more: a.tenants.length ? `all of ${a.tenants.join(", ")}` : "" }) },
      { title: "Share", kind: "number", cell: (a) => ({ text: percent(a.percent), share: a.percent / 100 }) },
    ],
    rows: (now) => now.aliases.flatMap(({ name, stable, percent: rest, canaries }) => [
      { name, model: stable, is: "stable", percent: rest, tenants: [] },
      ...canaries.map((canary) => ({ name, is: "canary", ...canary })),
    ]),
  },
  refusals: {
    about: "The last hour: no room, or a limit of the tenant",
    empty: "Nobody was refused in the last hour.",
    columns: [
      { title: "Reason", kind: "code", cell: (r) => r.name },
      { title: "Times", kind: "number", cell: (r) => count(r.count) },
    ],
    rows: (now) => now.refusals,
  },
  errors: {
    about: "The last hour, by code; refusals are among them",
    empty: "No error was answered in the last hour.",
    columns: [
      { title: "Code", kind: "code", cell: (e) => e.name },
      { title: "Times", kind: "number", cell: (e) => count(e.count) },
    ],
    rows: (now) => [...now.errors, ...(now.dead_turns ? [{ name: "turns given up (dead letters)", count: now.dead_turns }] : [])],
  },
  sessions: {
    about: "The latest live streams. Texts only of tenants that allow it, and only while the stream is open",
    empty: "No stream yet since these gateways started. Open one at /app/, or with sotto stream.",
    columns: [
      { title: "Session", kind: "code", cell: (s) => ({ text: `${s.id}…`, mood: s.state === "open" ? "good" : "idle" }) },
      { title: "Tenant", cell: (s) => s.tenant },
      { title: "Protocol", cell: (s) => PROTOCOLS[s.protocol] ?? s.protocol },
      { title: "Model", kind: "code", cell: (s) => s.model },
      { title: "State", cell: (s) => SESSION_WORDS[s.state] },
      { title: "Begun", kind: "number", cell: (s) => `${duration(s.age_s)} ago` },
      { title: "Audio", kind: "number", cell: (s) => duration(s.audio_s) },
      { title: "Utterances", kind: "number", cell: (s) => count(s.utterances) },
      { title: "Last final", full: true, kind: "quiet", cell: (s) => s.text },
    ],
    rows: (now) => now.sessions,
  },
  lists: {
    about: "Hits: phrases in finals of the last hour",
    empty: "No list is kept. Put one with sotto bias-lists put NAME FILE.",
    columns: [
      { title: "List", cell: (l) => ({ text: l.name, more: l.more }) },
      { title: "Entries", kind: "number", cell: (l) => (l.entries == null ? "" : count(l.entries)) },
      { title: "Hits", kind: "number", cell: (l) => count(l.hits) },
    ],
    rows: ({ lists: { named, total, other_hits: other } }) => [
      ...named.map((list) => ({ ...list, more: `${list.tenant}, version ${list.version}` })),
      ...(total > named.length ? [{ name: `${plural(total - named.length, "list")} of fewer hits`, more: "", hits: null }] : []),
      ...(other ? [{ name: "Keywords of requests", more: "and earlier versions of lists", hits: other }] : []),
    ],
  },
  tenants: {
    about: "Since midnight UTC",
    empty: "No tenant.",
    columns: [
      { title: "Tenant", cell: (t) => ({ text: t.id, more: t.name === t.id ? "" : t.name }) },
      { title: "Streams", kind: "number", cell: (t) => (t.max_streams ? `${count(t.streams)} of ${count(t.max_streams)}` : count(t.streams)) },
      { title: "Live", kind: "number", cell: (t) => duration(t.live_s) },
      { title: "Recordings", kind: "number", cell: (t) => duration(t.bulk_s) },
      { title: "Words", kind: "number", cell: (t) => count(t.words) },
    ],
    rows: (now) => now.tenants,
  },
  gateways: {
    empty: "No gateway has reported yet.",
    columns: [
      { title: "Gateway", kind: "code", cell: (g) => ({ text: g.id, mood: g.silent > 6 ? "bad" : "good" }) },
      { title: "Host", kind: "code", cell: (g) => g.host },
      { title: "Version", cell: (g) => g.version },
      { title: "Open streams", kind: "number", cell: (g) => count(g.streams) },
      { title: "Running for", kind: "number", cell: (g) => duration(g.age) },
      { title: "Last heartbeat", kind: "number", cell: (g) => (g.silent < 3 ? "now" : `${duration(g.silent)} ago`) },
    ],
    rows: (now) => now.gateways.map((g) => ({ ...g, silent: now.at - g.at, age: now.at - g.started })),
  },
};

/** [value, unit, note] of each tile. */
export const TILES = {
  streams: ({ summary: s, gateways }) => [count(s.streams), "", `of ${count(s.max_streams)} allowed, on ${plural(gateways.length, "gateway")}`],
  words: ({ summary: s }) => [count(s.words_per_minute), "", `${s.audio_s_per_s.toFixed(1)} s of audio came in each second`],
  latency: ({ summary: { final_s: f, finals } }) => [
    ...finalLatency(f.p95).split(/ (?=m?s$)/),
    ...(f.p95 == null ? [""] : []),
    finals ? `p50 ${finalLatency(f.p50)}, p99 ${finalLatency(f.p99)} of ${plural(finals, "final")} in 5 min` : "No final in the last 5 min",
  ],
  waiting: ({ summary: s }) => [count(s.waiting), "", s.oldest_final_ms ? `The oldest final waits ${latency(s.oldest_final_ms / 1000)}` : "No final waits"],
  decoding: ({ summary: s }) => [
    ratio(s.real_time_factor),
    "",
    `${s.busy} of ${plural(s.slots, "slot")} busy${s.batch_size ? `, batches of ${s.batch_size.toFixed(1)}` : ""}`,
  ],
  refused: ({ summary: s }) => [count(s.refusals), "", s.errors ? `${plural(s.errors, "error")} answered in all` : "No errors"],
};
