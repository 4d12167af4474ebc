/** Audio and commands in the order they were given, kept until the server has them safe. Pure: no I/O. */

import { ProtocolError } from "./errors.js";

/** What goes into one WebSocket message: audio, or a command as JSON. */
export type Payload = Uint8Array<ArrayBuffer> | string;

interface Item {
  /** Audio byte offset in the stream where the item stands. */
  readonly start: number;
  readonly payload: Payload;
}

/**
 * A queue that can be rewound to any byte the server has not acknowledged.
 *
 * `packets`: the audio consists of packets that must not be cut (Opus). A command stays until audio behind it is safe,
 * so after a rewind the server may see it twice, at the same place in the audio.
 */
export class Outbox {
  readonly #packets: boolean;
  #items: Item[] = [];
  #done = 0; // items at the front that are forgotten; cut off now and then, so that forgetting one is cheap
  #sent = 0; // items before this one were taken since the last rewind
  #safe = 0;
  #end = 0;

  constructor(packets: boolean) {
    this.#packets = packets;
  }

  /** Audio bytes held here because the server has not acknowledged them. */
  get unsafeBytes(): number {
    return this.#end - this.#safe;
  }

  addAudio(audio: Uint8Array<ArrayBuffer>): void {
    this.#items.push({ start: this.#end, payload: audio });
    this.#end += audio.byteLength;
  }

  addCommand(command: string): void {
    this.#items.push({ start: this.#end, payload: command });
  }

  /** The next payload to send on this connection, null when everything is out. */
  take(): Payload | null {
    const item = this.#items[this.#sent];
    if (item === undefined) return null;
    this.#sent += 1;
    return item.payload;
  }

  /** Forgets what lies wholly before audio byte `safe`. Throws ProtocolError for audio never given. */
  acknowledge(safe: number): void {
    if (safe > this.#end) {
      throw new ProtocolError(`the server acknowledged ${safe} bytes of ${this.#end} that were given`);
    }
    this.#safe = Math.max(this.#safe, safe);
    while (this.#done < this.#items.length && this.#isDone(this.#items[this.#done]!)) this.#done += 1;
    this.#sent = Math.max(this.#sent, this.#done);
    if (this.#done > 64 || this.#done === this.#items.length) this.#cutOff();
  }

  /** Starts over at audio byte `offset`. Throws ProtocolError when that audio is gone or cuts a packet. */
  rewind(offset: number): void {
    if (offset < this.#safe) {
      throw new ProtocolError(`the server asks for byte ${offset} after it acknowledged ${this.#safe}`);
    }
    this.acknowledge(offset);
    this.#cutOff();
    this.#sent = 0;
    const index = this.#items.findIndex((item) => item.start < offset && offset < endOf(item));
    if (index < 0) return;
    const { start, payload } = this.#items[index]!;
    if (this.#packets || typeof payload === "string") {
      throw new ProtocolError(`the server asks for byte ${offset}, inside a packet`);
    }
    this.#items[index] = { start: offset, payload: payload.subarray(offset - start) };
  }

  #isDone(item: Item): boolean {
    return typeof item.payload === "string" ? item.start < this.#safe : endOf(item) <= this.#safe;
  }

  #cutOff(): void {
    this.#items.splice(0, this.#done);
    this.#sent -= Math.min(this.#sent, this.#done);
    this.#done = 0;
  }
}

function endOf(item: Item): number {
  return item.start + (typeof item.payload === "string" ? 0 : item.payload.byteLength);
}
