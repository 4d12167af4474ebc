// The events of the gateway, for as long as the page is open. The key goes in a header, so this is no EventSource.

const EVENTS = "../v1/admin/dashboard/events";
const SILENCE_MS = 8_000; // an event comes every two seconds
const PAUSES_MS = [500, 1_000, 2_000, 4_000];

/**
 * Calls `on.event(name, data)`, `on.denied(message)` when a key is needed and `on.lost(reason)` when the connection is
 * gone; it comes back by itself. `key()` gives the key, or null.
 */
export async function follow(key, on) {
  for (let failures = 0; ; failures += 1) {
    try {
      await once(key(), {
        ...on,
        event(name, data) {
          failures = 0;
          on.event(name, data);
        },
      });
      on.lost("The gateway has ended the connection.");
    } catch (error) {
      if (error instanceof Denied) {
        await on.denied(error.message);
        failures = -1;
        continue;
      }
      on.lost("The gateway does not answer.");
    }
    await pause(PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)]);
  }
}

export class Denied extends Error {}

async function once(key, on) {
  const given_up = new AbortController();
  let watchdog = setTimeout(() => given_up.abort(), SILENCE_MS);
  try {
    const headers = { Accept: "text/event-stream", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
    const reply = await fetch(EVENTS, { headers, cache: "no-store", signal: given_up.signal });
    if (reply.status === 401 || reply.status === 403) throw new Denied((await reply.json()).error.message);
    if (!reply.ok) throw new Error(`HTTP ${reply.status}`);
    let rest = "";
    for await (const text of chunks(reply.body)) {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => given_up.abort(), SILENCE_MS);
      const events = (rest + text).split("\n\n");
      rest = events.pop();
      for (const event of events) tell(event, on);
    }
  } finally {
    clearTimeout(watchdog);
  }
}

async function* chunks(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) yield piece.value;
  } finally {
    reader.cancel().catch(() => {}); // it may have failed already, and then there is nothing to end
  }
}

function tell(event, on) {
  const fields = Object.fromEntries(event.split("\n").map((line) => line.split(/: (.*)/s, 2)));
  const data = JSON.parse(fields.data);
  if (fields.event === "denied") throw new Denied(data.message);
  on.event(fields.event, data);
}

const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));
