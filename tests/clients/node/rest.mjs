// What OpenAI's Node SDK gets of the REST API, as JSON on stdout.
// usage: node rest.mjs BASE_URL API_KEY CALLS     where CALLS is a JSON array of calls, as below
//
// {"resource": "transcriptions" | "translations", "file": path, "parameters": {...}}: the answer comes as
// {"answer": ...}, of a stream {"events": [...]}, of an error {"error": {class, status, code, param, type, retry_after}}.
import fs from "node:fs";
import OpenAI from "openai";

const [baseURL, apiKey, calls] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });

async function run({ resource, file, parameters }) {
  try {
    const answer = await client.audio[resource].create({ file: fs.createReadStream(file), ...parameters });
    if (!parameters.stream) return { answer };
    const events = [];
    for await (const event of answer) events.push(event);
    return { events };
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    const { status, code, param, type } = error;
    const retry_after = error.headers?.get("retry-after") ?? null;
    return { error: { class: error.constructor.name, status, code, param, type, retry_after } };
  }
}

const told = [];
for (const call of JSON.parse(calls)) told.push(await run(call));
console.log(JSON.stringify(told));
