// What Deepgram's SDK for JavaScript hears of raw 16 kHz PCM on stdin, live, and of a file, as JSON on stdout.
// Usage: node listen.mjs KEY BASE_URL FILE QUERY_JSON
import { readFileSync } from "node:fs";
import { DeepgramClient } from "@deepgram/sdk";

const [key, base, file, query] = process.argv.slice(2);
const production = base.replace("http", "ws");
const environment = { base, production, agent: production, agentRest: base };
const client = new DeepgramClient({ apiKey: key, environment, maxRetries: 0 });
const audio = readFileSync(0);
const FRAME = 6400;

async function live() {
  const socket = await client.listen.v1.connect({
    model: "nova-3",
    encoding: "linear16",
    sample_rate: 16000,
    reconnectAttempts: 0,
    ...JSON.parse(query),
  });
  const messages = [];
  socket.on("message", (message) => messages.push(message));
  const closed = new Promise((resolve) => socket.on("close", (event) => resolve(event.code)));
  socket.connect();
  await socket.waitForOpen();
  for (let at = 0; at < audio.length; at += FRAME) {
    socket.sendMedia(audio.subarray(at, at + FRAME));
  }
  socket.sendKeepAlive({ type: "KeepAlive" });
  socket.sendFinalize({ type: "Finalize" });
  socket.sendCloseStream({ type: "CloseStream" });
  return { messages, code: await closed };
}

async function recorded() {
  return client.listen.v1.media.transcribeFile(readFileSync(file), { model: "nova-3", smart_format: true });
}

console.log(JSON.stringify({ live: await live(), recorded: await recorded() }));
process.exit(0);
