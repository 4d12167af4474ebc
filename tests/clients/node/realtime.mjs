// What OpenAI's Node SDK hears over /v1/realtime, as JSON on stdout: every event, up to COUNT transcripts.
// usage: node realtime.mjs BASE_URL API_KEY AUDIO SESSION COUNT     AUDIO: a file in the session's format
import fs from "node:fs";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const FRAME_BYTES = 9_600;
const [baseURL, apiKey, audio, session, count] = process.argv.slice(2);
const connection = new OpenAIRealtimeWS({ intent: "transcription" }, new OpenAI({ baseURL, apiKey }));
const events = [];
let waiting = Number(count);

connection.on("event", (event) => events.push(event));
connection.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
connection.on("session.created", () => {
  connection.send({ type: "session.update", session: JSON.parse(session) });
});
connection.on("session.updated", ({ session }) => {
  const bytes = fs.readFileSync(audio);
  for (let at = 0; at < bytes.length; at += FRAME_BYTES) {
    const frame = bytes.subarray(at, at + FRAME_BYTES).toString("base64");
    connection.send({ type: "input_audio_buffer.append", audio: frame });
  }
  if (session.audio.input.turn_detection === null) connection.send({ type: "input_audio_buffer.commit" });
});
connection.on("conversation.item.input_audio_transcription.completed", () => {
  waiting -= 1;
  if (waiting === 0) connection.close();
});
connection.socket.on("close", () => console.log(JSON.stringify(events)));
