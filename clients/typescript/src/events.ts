/** The server's messages, as they are on the wire. Times are seconds since the stream's first sample. */

import { ProtocolError } from "./errors.js";

/** A word of a final; `confidence` is in 0..1. */
export interface Word {
  readonly word: string;
  readonly start: number;
  readonly end: number;
  readonly confidence: number;
}

/** `words` words from `first_word` on spell `phrase`, where Whisper had `heard` something, perhaps the same. */
export interface BiasMatch {
  readonly phrase: string;
  readonly first_word: number;
  readonly words: number;
  readonly heard: string;
  /** Phonetic distance in 0..1; what was gained and had to be gained, in nats. */
  readonly evidence: { readonly distance: number; readonly gain: number; readonly needed: number };
}

/** An entry that does not count; `index` is its place among those that were sent, from 0. */
export interface Rejection {
  readonly index: number;
  readonly phrase: string;
  readonly reason: string;
  readonly message: string;
}

/** What a stream is biased towards. `rejected` are the first of `rejected_total`. */
export interface BiasReport {
  readonly entries: number;
  readonly strength: number;
  readonly lists: readonly { readonly name: string; readonly version: number; readonly entries: number }[];
  readonly rejected: readonly Rejection[];
  readonly rejected_total: number;
}

/** `seq` increases strictly over the life of a stream, reconnections included; there may be gaps. */
interface Sequenced {
  readonly seq: number;
}

export interface Started extends Sequenced {
  readonly type: "started";
  readonly session: string;
  readonly resume_token: string;
  readonly expires_at: string;
  readonly bias?: BiasReport;
}

/** `bytes` of the client's audio, counted from the start of the stream, are safe in the server's store. */
export interface Acknowledged extends Sequenced {
  readonly type: "ack";
  readonly bytes: number;
}

/** Everything missed has been sent again; the stream goes on from audio byte `bytes`. */
export interface Resumed extends Sequenced {
  readonly type: "resumed";
  readonly bytes: number;
}

export interface SpeechStarted extends Sequenced {
  readonly type: "speech_started";
  readonly id: string;
  readonly start: number;
}

/**
 * An utterance has ended at `end`, and its final is being decoded: `silence` was heard, it had grown to the greatest
 * `length`, or a `flush` or the end of the audio cut it.
 */
export interface SpeechEnded extends Sequenced {
  readonly type: "speech_ended";
  readonly id: string;
  readonly end: number;
  readonly cause: "silence" | "length" | "flush";
}

/** The caption of an open utterance: `committed` only ever grows, `tentative` may change. */
export interface Partial extends Sequenced {
  readonly type: "partial";
  readonly id: string;
  readonly committed: string;
  readonly tentative: string;
  readonly start: number;
  readonly end: number;
  /** 0 to 1, of the hypothesis behind the caption. */
  readonly confidence: number;
}

/** The immutable transcript of one utterance; `bias` tells which words keywords or lists put there. */
export interface Final extends Sequenced {
  readonly type: "final";
  readonly id: string;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly language: string;
  readonly words: readonly Word[];
  readonly bias: readonly BiasMatch[];
}

export interface Configured extends Sequenced {
  readonly type: "configured";
  readonly bias?: BiasReport;
}

export interface Pong extends Sequenced {
  readonly type: "pong";
  readonly id: string | number | null;
}

/** The stream is complete; `duration` is the seconds of audio heard. */
export interface Finished extends Sequenced {
  readonly type: "finished";
  readonly duration: number;
}

/** An error that the server reported. With an `id` it cost that utterance its text and the stream goes on. */
export interface Problem extends Sequenced {
  readonly type: "error";
  readonly code: string;
  readonly message: string;
  readonly field: string | null;
  readonly id?: string;
}

export type SottoEvent =
  | Started
  | Acknowledged
  | Resumed
  | SpeechStarted
  | SpeechEnded
  | Partial
  | Final
  | Configured
  | Pong
  | Finished
  | Problem;

type Shape = Readonly<Record<string, "string" | "number" | "array">>;

const SHAPES: Readonly<Record<SottoEvent["type"], Shape>> = {
  started: { session: "string", resume_token: "string" },
  ack: { bytes: "number" },
  resumed: { bytes: "number" },
  speech_started: { id: "string", start: "number" },
  speech_ended: { id: "string", end: "number", cause: "string" },
  partial: { id: "string", committed: "string", tentative: "string", start: "number", end: "number" },
  final: { id: "string", text: "string", start: "number", end: "number", words: "array", bias: "array" },
  configured: {},
  pong: {},
  finished: { duration: "number" },
  error: { code: "string", message: "string" },
};

/**
 * The event in one WebSocket message; null for a type that this version does not know. Unknown fields stay.
 * Throws ProtocolError for anything that is not a message of the protocol.
 */
export function parseEvent(message: string): SottoEvent | null {
  const values = parseObject(message);
  const type = values["type"];
  if (typeof type !== "string" || !Number.isSafeInteger(values["seq"])) throw notUnderstood(message, "type or seq");
  if (!Object.hasOwn(SHAPES, type)) return null;
  const withDefaults = type === "final" ? { words: [], bias: [], ...values } : values;
  for (const [field, wanted] of Object.entries(SHAPES[type as SottoEvent["type"]])) {
    const value = (withDefaults as Record<string, unknown>)[field];
    const is = Array.isArray(value) ? "array" : typeof value;
    if (is !== wanted) throw notUnderstood(message, field);
  }
  return withDefaults as unknown as SottoEvent;
}

function parseObject(message: string): Record<string, unknown> {
  let values: unknown;
  try {
    values = JSON.parse(message);
  } catch {
    throw notUnderstood(message, "JSON");
  }
  if (typeof values !== "object" || values === null) throw notUnderstood(message, "JSON");
  return values as Record<string, unknown>;
}

function notUnderstood(message: string, part: string): ProtocolError {
  return new ProtocolError(`message not understood (${part}): ${message.slice(0, 200)}`);
}
