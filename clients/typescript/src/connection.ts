/** One WebSocket from dialling to its end, with what tells a dead one from a quiet one. */

import type { SocketLike } from "./dialing.js";
import type { Patience } from "./options.js";
import type { Payload } from "./outbox.js";

const TICK_MS = 500;
const PROBE_MS = 4_000; // a network that was just lost or changed has so long to prove that the connection lives
const CONGESTED_BYTES = 2 ** 20;
const ABNORMAL = 1006;
const PING = '{"type":"ping"}';

export interface Ending {
  readonly code: number;
  readonly reason: string;
  /** 0 when it never opened. */
  readonly connectedForMs: number;
}

export interface ConnectionHandlers {
  opened(): void;
  /** What it throws ends the connection and rejects `ended`. */
  received(message: string): void;
}

/** `ended` settles once: however the socket went, or at once when it is given up. */
export class Connection {
  readonly ended: Promise<Ending>;
  readonly #socket: SocketLike;
  readonly #patience: Patience;
  readonly #timer: ReturnType<typeof setInterval>;
  #settle!: (ending: Ending | Error) => void;
  #openedAt: number | null = null;
  #answerBy: number | null; // until the server has answered our first message
  #heardBy: number | null = null; // something was sent since the server was last heard
  #sentAt = performance.now();

  constructor(socket: SocketLike, patience: Patience, handlers: ConnectionHandlers) {
    this.#socket = socket;
    this.#patience = patience;
    this.#answerBy = performance.now() + patience.answerMs;
    this.ended = new Promise((resolve, reject) => {
      this.#settle = (ending) => (ending instanceof Error ? reject(ending) : resolve(ending));
    });
    this.#timer = setInterval(() => this.#tick(performance.now()), TICK_MS);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#openedAt = performance.now();
      handlers.opened();
    };
    socket.onmessage = ({ data }) => {
      this.#heardBy = null;
      try {
        handlers.received(String(data));
      } catch (error) {
        this.#end(error instanceof Error ? error : new Error(String(error)));
      }
    };
    socket.onclose = ({ code, reason }) => this.#end(this.#ending(code, reason));
    socket.onerror = () => {}; // a close event follows
  }

  /** Whether so much waits to go out that more had better wait where it can be rewound. */
  get congested(): boolean {
    return this.#socket.bufferedAmount > CONGESTED_BYTES;
  }

  send(payload: Payload): void {
    this.#sentAt = performance.now();
    this.#heardBy ??= this.#sentAt + this.#patience.silenceMs;
    this.#socket.send(payload);
  }

  /** The server has answered the first message. */
  answered(): void {
    this.#answerBy = null;
  }

  /** Gives the connection up unless the server is heard very soon. */
  probe(): void {
    if (this.#answerBy !== null) return;
    this.send(PING);
    this.#heardBy = Math.min(this.#heardBy ?? Infinity, performance.now() + PROBE_MS);
  }

  /** Gives the connection up at once: a socket without a network may take minutes to notice. */
  drop(reason: string): void {
    this.#end(this.#ending(ABNORMAL, reason));
  }

  #tick(now: number): void {
    if (this.#answerBy !== null) {
      if (now >= this.#answerBy) this.drop("the server did not answer");
    } else if (this.#heardBy !== null && now >= this.#heardBy) {
      this.drop("the server is not heard any more");
    } else if (now >= this.#sentAt + this.#patience.keepaliveMs) {
      this.send(PING);
    }
  }

  #ending(code: number, reason: string): Ending {
    return { code, reason, connectedForMs: this.#openedAt === null ? 0 : performance.now() - this.#openedAt };
  }

  #end(ending: Ending | Error): void {
    clearInterval(this.#timer);
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#settle(ending);
  }
}
