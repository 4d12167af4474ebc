// Streams a file through the TypeScript client and prints its events, one JSON object a line; behind them, if the
// stream failed, {"failed": {name, kind, code, field, message}}. Called as: node stream_file.mjs FILE '{"url": ...}'

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

import { SottoStream } from "../../clients/typescript/dist/index.js";

const { WebSocket } = createRequire(new URL("../../clients/typescript/package.json", import.meta.url))("ws");

const [file, how] = process.argv.slice(2);
const { url, options, apiKey, patience, messageBytes = 3200, paceMs = 0, flushAt, configure } = JSON.parse(how);
const audio = new Uint8Array(readFileSync(file));

async function send(stream) {
  for (let start = 0; start < audio.length; start += messageBytes) {
    if (start === flushAt) stream.flush();
    if (start === configure?.at) stream.configure(configure.settings);
    await stream.room();
    stream.sendAudio(audio.subarray(start, start + messageBytes));
    await sleep(paceMs);
  }
  stream.finish();
}

async function print(stream) {
  for await (const event of stream) console.log(JSON.stringify(event));
}

try {
  const stream = new SottoStream(url, options, { apiKey, patience, WebSocket });
  await stream.connect();
  await Promise.all([send(stream), print(stream)]);
} catch (error) {
  const { name, kind, code, field, message } = error;
  console.log(JSON.stringify({ failed: { name, kind, code, field, message } }));
}
