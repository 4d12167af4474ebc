/** What a stream asks of the server, and how long it is willing to wait. */

export interface AudioFormat {
  /** What the bytes given to `sendAudio` are; `opus`: each call is one packet. */
  readonly encoding:
    | "pcm_s16le"
    | "pcm_f32le"
    | "mulaw"
    | "alaw"
    | "opus"
    | "ogg_opus"
    | "webm_opus"
    | "aac_adts"
    | "mp3"
    | "flac"
    | "wav";
  /** Hz and interleaved channels; both count for PCM only. */
  readonly sample_rate?: number;
  readonly channels?: number;
}

/** A name or phrase that may be spoken. */
export type Keyword =
  | string
  | {
      readonly phrase: string;
      readonly boost?: number;
      readonly sounds_like?: readonly string[];
      readonly language?: string;
    };

/** What may change while the stream is open. `language` null: detect it. */
export interface StreamSettings {
  readonly language?: string | null;
  readonly interim?: boolean;
  readonly endpointing?: Readonly<Record<string, number>>;
  readonly keywords?: readonly Keyword[];
  readonly bias_lists?: readonly string[];
  /** 0 to 2: how readily keywords and lists are believed. */
  readonly bias_strength?: number;
}

/** What is asked of the server, in the protocol's own names. What is left out is the server's choice. */
export interface StreamOptions extends StreamSettings {
  readonly format: AudioFormat;
  readonly model?: string;
}

/** How long to wait for what; Infinity waits for ever. */
export interface Patience {
  /** For the answer to dialling and to the first message. */
  readonly answerMs: number;
  /** For a server to answer at the very beginning; 0 tries once. */
  readonly connectMs: number;
  /** For a lost connection to come back. */
  readonly reconnectMs: number;
  /** Without anything to send, a ping goes out so often. */
  readonly keepaliveMs: number;
  /** A connection that brings nothing for so long, though something was sent, is given up. */
  readonly silenceMs: number;
  /** `room` waits while more bytes than this are unacknowledged. */
  readonly maxUnsafeBytes: number;
}

export const DEFAULT_PATIENCE: Patience = {
  answerMs: 10_000,
  connectMs: 0,
  reconnectMs: 30_000,
  keepaliveMs: 15_000,
  silenceMs: 20_000,
  maxUnsafeBytes: 8 * 2 ** 20,
};
