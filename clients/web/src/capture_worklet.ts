/** Runs on the audio thread: mixes to mono, posts 16-bit samples in frames of 100 ms, and the rest when told to stop. */

declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

const FRAME = Math.round(sampleRate / 10);

class Capture extends AudioWorkletProcessor {
  #samples = new Int16Array(FRAME);
  #filled = 0;
  #stopped = false;

  constructor() {
    super();
    this.port.onmessage = () => {
      this.#post(this.#samples.slice(0, this.#filled));
      this.#stopped = true;
      this.port.postMessage(null);
    };
  }

  process([channels = []]: Float32Array[][]): boolean {
    const length = channels[0]?.length ?? 0;
    for (let i = 0; i < length && !this.#stopped; i += 1) {
      let sum = 0;
      for (const channel of channels) sum += channel[i] ?? 0;
      const sample = Math.max(-1, Math.min(1, sum / channels.length));
      this.#samples[this.#filled] = sample < 0 ? sample * 0x8000 : sample * 0x7fff;
      this.#filled += 1;
      if (this.#filled === FRAME) {
        this.#post(this.#samples);
        this.#samples = new Int16Array(FRAME);
        this.#filled = 0;
      }
    }
    return !this.#stopped;
  }

  #post(samples: Int16Array<ArrayBuffer>): void {
    if (samples.length > 0) this.port.postMessage(samples, [samples.buffer]);
  }
}

registerProcessor("capture", Capture);

export {};
