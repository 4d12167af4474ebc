/** From the tap that starts a recording to its last word: microphone, encoder, dictation, figures. */

import { Dictation, type DictationHandlers } from "./dictation.js";
import { type Chunk, type Encoder, opusEncoder, pcmEncoder } from "./encoding.js";
import { CaptureTimes, Median } from "./latency.js";
import { type Microphone, openMicrophone } from "./microphone.js";
import { SottoClientError, type StreamSettings } from "./sotto-client/index.js";

/** More audio than this is not kept while the server is away: recording stops. */
export const MAX_KEPT_S = 600;

export interface RecordingSetup {
  readonly server: string;
  readonly apiKey: string | undefined;
  readonly settings: StreamSettings;
  readonly opus: boolean;
}

export interface RecordingHandlers extends DictationHandlers {
  /** The microphone is off by itself: unplugged, taken, or because too much audio waits. */
  onMicrophoneEnd(cause: "lost" | "too_much_kept" | "encoder"): void;
}

/** Milliseconds from when the end of an utterance was captured to when its text came, over all recordings. */
export class Latency {
  readonly final = new Median();
  readonly caption = new Median();
}

export class Recording {
  readonly #handlers: RecordingHandlers;
  readonly #latency: Latency;
  readonly #times = new CaptureTimes();
  #microphone: Microphone | null = null;
  #encoder!: Encoder;
  #dictation!: Dictation;
  #captured = 0; // seconds
  #stopping: Promise<void> | null = null;

  private constructor(handlers: RecordingHandlers, latency: Latency) {
    this.#handlers = handlers;
    this.#latency = latency;
  }

  /** Throws what `openMicrophone` does. */
  static async start(setup: RecordingSetup, handlers: RecordingHandlers, latency: Latency): Promise<Recording> {
    const recording = new Recording(handlers, latency);
    const early: Int16Array<ArrayBuffer>[] = [];
    let take = (samples: Int16Array<ArrayBuffer>): void => void early.push(samples);
    const lost = (): void => handlers.onMicrophoneEnd("lost");
    const microphone = await openMicrophone((samples) => take(samples), lost);
    recording.#prepare(setup, microphone);
    take = (samples) => recording.#hear(samples);
    early.forEach(take);
    return recording;
  }

  get seconds(): number {
    return this.#captured;
  }

  /** Seconds of audio that are only here. */
  get unsafeS(): number {
    return this.#dictation.unsafeS;
  }

  level(): number {
    return this.#microphone?.level() ?? 0;
  }

  /** As `Dictation.run`. */
  run(): Promise<void> {
    return this.#dictation.run();
  }

  configure(settings: StreamSettings): void {
    this.#dictation.configure(settings);
  }

  /** The network may be another, or the page is looked at again. */
  nudge(): void {
    if (this.#stopping === null) this.#microphone?.resume();
    this.#dictation.nudge();
  }

  /** Ends the microphone; `run` resolves when the last text is there. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  abandon(): void {
    this.#dictation.abandon();
    void this.stop();
  }

  #prepare(setup: RecordingSetup, microphone: Microphone): void {
    this.#microphone = microphone;
    const push = (chunk: Chunk): void => this.#push(chunk);
    const broken = (): void => this.#handlers.onMicrophoneEnd("encoder");
    this.#encoder = setup.opus
      ? opusEncoder(microphone.sampleRate, push, broken)
      : pcmEncoder(microphone.sampleRate, push);
    this.#dictation = new Dictation({ ...setup, format: this.#encoder.format }, this.#timed(this.#handlers));
  }

  /** The handlers, with each text's latency noted on the way. */
  #timed(handlers: RecordingHandlers): DictationHandlers {
    const note = (median: Median, end: number): void => {
      const capturedAt = this.#times.at(end);
      if (capturedAt !== null) median.add(performance.now() - capturedAt);
    };
    return {
      ...handlers,
      onCaption: (caption, end) => {
        note(this.#latency.caption, end);
        handlers.onCaption(caption, end);
      },
      onFinal: (final, end) => {
        note(this.#latency.final, end);
        handlers.onFinal(final, end);
      },
    };
  }

  #hear(samples: Int16Array<ArrayBuffer>): void {
    this.#captured += samples.length / this.#microphone!.sampleRate;
    this.#times.add(this.#captured, performance.now());
    this.#encoder.encode(samples);
    if (this.unsafeS > MAX_KEPT_S && this.#stopping === null) this.#handlers.onMicrophoneEnd("too_much_kept");
  }

  #push(chunk: Chunk): void {
    try {
      this.#dictation.push(chunk);
    } catch (error) {
      // what ended the stream reaches whoever awaits `run`
      if (!(error instanceof SottoClientError)) throw error;
    }
  }

  async #stop(): Promise<void> {
    await this.#microphone?.stop();
    await this.#encoder.flush();
    this.#dictation.stop();
  }
}
