/** One recording on its way to text: a stream that resumes, and another in its place when the server forgot it. */

import type { Chunk } from "./encoding.js";
import { KeptAudio } from "./kept_audio.js";
import {
  ApiError,
  type AudioFormat,
  type BiasReport,
  type ConnectionState,
  type Final,
  type Partial,
  SottoStream,
  type StreamEvent,
  type StreamSettings,
} from "./sotto-client/index.js";

const REFUSED_WAIT_MS = 5_000;
const FOR_EVER = { connectMs: Infinity, reconnectMs: Infinity }; // the audio that is kept is what sets the bound

export interface DictationSetup {
  readonly server: string;
  readonly apiKey: string | undefined;
  readonly format: AudioFormat;
  readonly settings: StreamSettings;
}

/** Times are seconds of the recording. */
export interface DictationHandlers {
  onState(state: ConnectionState): void;
  onCaption(caption: Partial, end: number): void;
  onFinal(final: Final, end: number): void;
  onBias(report: BiasReport): void;
  /** The text of one utterance is lost. */
  onLost(message: string): void;
  /** The server has no room just now, and is asked again soon. */
  onRefused(error: ApiError): void;
  /** Another stream takes over: captions that are open come again. */
  onRestart(): void;
}

export class Dictation {
  readonly #setup: DictationSetup;
  readonly #handlers: DictationHandlers;
  readonly #kept = new KeptAudio();
  #settings: StreamSettings;
  #stream: SottoStream | null = null;
  #start = 0; // of the stream, in seconds of the recording
  #stopped = false;
  #abandoned = false;
  #waitOver: () => void = () => {};

  constructor(setup: DictationSetup, handlers: DictationHandlers) {
    this.#setup = setup;
    this.#settings = setup.settings;
    this.#handlers = handlers;
  }

  /** Seconds of audio that are only here. */
  get unsafeS(): number {
    return this.#kept.unsafeS;
  }

  /** Resolves when all text is there or the dictation was abandoned; throws what ended it otherwise. */
  async run(): Promise<void> {
    while (!this.#abandoned) {
      try {
        await this.#runStream();
        return;
      } catch (error) {
        if (this.#abandoned) return;
        if (!(error instanceof ApiError)) throw error;
        if (error.kind === "refused") {
          this.#handlers.onRefused(error);
          await this.#wait();
        } else if (error.code !== "not_found" && error.code !== "too_large") {
          throw error;
        }
        this.#handlers.onRestart();
      }
    }
  }

  push(chunk: Chunk): void {
    this.#kept.add(chunk);
    this.#stream?.sendAudio(chunk.data);
  }

  configure(settings: StreamSettings): void {
    this.#settings = { ...this.#settings, ...settings };
    if (!this.#stopped) this.#stream?.configure(settings);
  }

  /** No more audio comes. */
  stop(): void {
    this.#stopped = true;
    this.#stream?.flush();
    this.#stream?.finish();
  }

  abandon(): void {
    this.#abandoned = true;
    this.#stream?.close();
    this.#waitOver();
  }

  /** The network may be another, or back. */
  nudge(): void {
    this.#stream?.nudge();
    this.#waitOver();
  }

  async #runStream(): Promise<void> {
    const { server, apiKey, format } = this.#setup;
    const setup = { apiKey, patience: FOR_EVER, onState: this.#handlers.onState };
    const stream = new SottoStream(server, { format, ...this.#settings }, setup);
    const { chunks, start } = this.#kept.restart();
    this.#stream = stream;
    this.#start = start;
    for (const chunk of chunks) stream.sendAudio(chunk.data);
    if (this.#stopped) this.stop();
    try {
      await stream.connect();
      for await (const event of stream) this.#receive(event);
    } finally {
      this.#stream = null;
      stream.close();
    }
  }

  #receive(event: StreamEvent): void {
    switch (event.type) {
      case "started":
      case "configured":
        if (event.bias) this.#handlers.onBias(event.bias);
        break;
      case "ack":
      case "resumed":
        this.#kept.acknowledge(event.bytes);
        break;
      case "partial":
        this.#handlers.onCaption(event, this.#start + event.end);
        break;
      case "final":
        this.#kept.finalise(this.#start + event.end);
        this.#handlers.onFinal(event, this.#start + event.end);
        break;
      case "error":
        this.#handlers.onLost(event.message);
        break;
      case "speech_started":
      case "speech_ended":
      case "finished":
        break;
    }
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, REFUSED_WAIT_MS);
      this.#waitOver = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
