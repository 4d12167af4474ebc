/** The audio of a recording that may have to be sent again. Pure: no I/O. Times are seconds of the recording. */

import type { Chunk } from "./encoding.js";

/** Audio that the server has safe is kept for so long all the same, until its final comes: a session may expire. */
const UNFINISHED_S = 90;

interface Kept extends Chunk {
  /** Bytes of the current stream up to its end. */
  endByte: number;
}

/** A stream begins at a chunk of it; another begins at the first that is still kept. */
export class KeptAudio {
  #chunks: Kept[] = [];
  #streamBytes = 0;
  #safe = 0;
  #final = 0;

  /** Where the audio so far ends. */
  end = 0;

  add(chunk: Chunk): void {
    this.#streamBytes += chunk.data.byteLength;
    this.#chunks.push({ ...chunk, endByte: this.#streamBytes });
    this.end = chunk.end;
    this.#forget();
  }

  /** Seconds that the server does not have safe. */
  get unsafeS(): number {
    return Math.max(0, this.end - this.#safe);
  }

  /** The server has so many bytes of the current stream safe. */
  acknowledge(bytes: number): void {
    for (const chunk of this.#chunks) {
      if (chunk.endByte > bytes) break;
      this.#safe = Math.max(this.#safe, chunk.end);
    }
    this.#forget();
  }

  /** The text up to here has arrived. */
  finalise(end: number): void {
    this.#final = Math.max(this.#final, end);
    this.#forget();
  }

  /** Starts another stream: what it shall be sent, and where in the recording it begins. */
  restart(): { chunks: readonly Chunk[]; start: number } {
    this.#streamBytes = 0;
    for (const chunk of this.#chunks) {
      this.#streamBytes += chunk.data.byteLength;
      chunk.endByte = this.#streamBytes;
    }
    const start = this.#chunks[0]?.start ?? this.end;
    this.#safe = start;
    return { chunks: this.#chunks, start };
  }

  #forget(): void {
    const until = Math.min(this.#safe, Math.max(this.#final, this.end - UNFINISHED_S));
    const first = this.#chunks.findIndex((chunk) => chunk.end > until);
    this.#chunks.splice(0, first < 0 ? this.#chunks.length : first);
  }
}
