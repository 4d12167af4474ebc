/** A live stream that survives disconnections. */

import { fatalError } from "./closing.js";
import { Connection, type Ending } from "./connection.js";
import { keyProtocols, type SocketConstructor, streamUrl } from "./dialing.js";
import { SottoClientError, StreamClosed, Unreachable } from "./errors.js";
import { parseEvent, type Pong, type Problem, type SottoEvent, type Started } from "./events.js";
import { DEFAULT_PATIENCE, type Patience, type StreamOptions, type StreamSettings } from "./options.js";
import { Outbox } from "./outbox.js";
import { Reconnection } from "./reconnection.js";

const MAX_AUDIO_MESSAGE_BYTES = 32 * 2 ** 10;
const CONGESTED_MS = 50;

export type StreamEvent = Exclude<SottoEvent, Pong>;

/** `waiting`: the connection is lost, or a server was not reached, and the next attempt comes in `retryInMs`. */
export type ConnectionState =
  | { readonly state: "connecting" }
  | { readonly state: "connected"; readonly resumed: boolean }
  | { readonly state: "waiting"; readonly retryInMs: number }
  | { readonly state: "closed" };

export interface StreamSetup {
  readonly apiKey?: string | undefined;
  readonly patience?: { readonly [field in keyof Patience]?: Patience[field] };
  /** Where there is no global WebSocket (Node before 22): that of the package `ws`. */
  readonly WebSocket?: SocketConstructor;
  readonly onState?: (state: ConnectionState) => void;
}

/**
 * One dictation over a WebSocket; an async iterable of events, for one reader.
 *
 *     const stream = new SottoStream("http://localhost:8000", { format: { encoding: "pcm_s16le", sample_rate: 48000 } });
 *     await stream.connect();
 *     stream.sendAudio(chunk);
 *     stream.finish();
 *     for await (const event of stream) ...
 *
 * Audio is kept until the server acknowledges it. After a disconnection the stream is resumed by itself: missed events
 * arrive, none arrives twice, and unacknowledged audio is sent again. Events wait in an unbounded queue. Iteration ends
 * after `finished`.
 *
 * `connect` and iteration reject, and sending throws, with Unreachable when no server can be reached for as long as
 * `patience` says, ApiError when the server ends the stream with an error, ProtocolError when it is not a Sotto server.
 */
export class SottoStream implements AsyncIterable<StreamEvent> {
  readonly #url: string;
  readonly #options: StreamOptions;
  readonly #protocols: string[];
  readonly #patience: Patience;
  readonly #WebSocket: SocketConstructor;
  readonly #onState: (state: ConnectionState) => void;
  readonly #outbox: Outbox;
  readonly #events: StreamEvent[] = [];
  #reconnection: Reconnection;
  #reached = false; // a server has answered at all
  #connection: Connection | null = null;
  #ready = false; // this connection was answered with started or resumed
  #session: Started | null = null;
  #lastSeq = -1;
  #problem: Problem | null = null; // what this connection ended with
  #running: Promise<Started> | null = null;
  #ending = false; // finish was called
  #over = false;
  #failure: unknown = null;
  #waiters: (() => void)[] = []; // for an event, for room, or for the end
  #pauseOver: (() => void) | null = null;
  #pumpLater: ReturnType<typeof setTimeout> | undefined;

  /** Throws SottoClientError for a URL, and ApiError for a key, that cannot be used. */
  constructor(url: string, options: StreamOptions, setup: StreamSetup = {}) {
    this.#url = streamUrl(url);
    this.#options = options;
    this.#protocols = keyProtocols(setup.apiKey);
    this.#patience = { ...DEFAULT_PATIENCE, ...setup.patience };
    this.#WebSocket = setup.WebSocket ?? globalWebSocket();
    this.#onState = setup.onState ?? (() => {});
    this.#outbox = new Outbox(options.format.encoding === "opus");
    this.#reconnection = new Reconnection(this.#patience.connectMs);
  }

  /** Audio bytes that the server has not acknowledged. */
  get unsafeBytes(): number {
    return this.#outbox.unsafeBytes;
  }

  /** Dials. Resolves when the stream has started; audio may be given before, too. */
  connect(): Promise<Started> {
    this.#running ??= this.#start();
    return this.#running;
  }

  /** Queues audio and never waits: see `room`. The bytes must not change afterwards. */
  sendAudio(audio: Uint8Array<ArrayBuffer>): void {
    this.#requireOpen();
    const isPacket = this.#options.format.encoding === "opus";
    const step = isPacket ? Math.max(1, audio.byteLength) : MAX_AUDIO_MESSAGE_BYTES;
    for (let start = 0; start < audio.byteLength; start += step) {
      this.#outbox.addAudio(audio.subarray(start, start + step));
    }
    this.#pump();
  }

  /** Resolves when less than `patience.maxUnsafeBytes` of audio is unacknowledged: for senders faster than speech. */
  async room(): Promise<void> {
    this.#requireOpen();
    while (this.unsafeBytes >= this.#patience.maxUnsafeBytes) {
      await this.#change();
      this.#requireOpen();
    }
  }

  /** Has the server finalise what was said so far; the stream stays open. */
  flush(): void {
    this.#command({ type: "flush" });
  }

  /** Changes what is named from here on; empty `keywords` or `bias_lists` take away those that there were. */
  configure(settings: StreamSettings): void {
    this.#command({ type: "configure", ...settings });
  }

  /** Says that no more audio comes; the remaining events end with `finished`. */
  finish(): void {
    this.#command({ type: "finish" });
    this.#ending = true;
  }

  /** Abandons the stream unless it has finished; iteration ends. */
  close(): void {
    this.#over = true;
    this.#connection?.drop("closed");
    this.#pauseOver?.();
    this.#changed();
  }

  /** The network may have changed: ends a wait between attempts, or has a connection prove that it still lives. */
  nudge(): void {
    this.#pauseOver?.();
    this.#connection?.probe();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent, void> {
    for (;;) {
      for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) yield event;
      if (this.#failure !== null) throw this.#failure;
      if (this.#over) return;
      await this.#change();
    }
  }

  #command(command: object): void {
    this.#requireOpen();
    this.#outbox.addCommand(JSON.stringify(command));
    this.#pump();
  }

  #requireOpen(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#ending || this.#over) throw new StreamClosed("the stream is not open for audio or commands");
  }

  async #start(): Promise<Started> {
    void this.#run();
    while (this.#session === null && !this.#over) await this.#change();
    if (this.#session !== null) return this.#session;
    throw this.#failure ?? new StreamClosed("the stream was closed before it started");
  }

  async #run(): Promise<void> {
    try {
      while (!this.#over) await this.#connectAndTalk();
    } catch (error) {
      this.#failure = error; // handed to whoever sends or iterates
    } finally {
      this.#over = true;
      this.#onState({ state: "closed" });
      this.#changed();
    }
  }

  /** One connection from dialling to its end. Throws when the stream cannot go on. */
  async #connectAndTalk(): Promise<void> {
    const delayMs = this.#reconnection.nextDelayMs(performance.now());
    if (delayMs === null) throw new Unreachable(`no server answers at ${this.#url}`);
    if (delayMs > 0) await this.#pause(delayMs);
    if (this.#over) return;
    this.#onState({ state: "connecting" });
    const ending = await this.#talk();
    if (this.#over) return;
    const fatal = fatalError(ending.code, ending.reason, this.#problem, this.#session !== null);
    if (fatal !== null) throw fatal;
    this.#reconnection.lost(performance.now(), ending.connectedForMs);
  }

  async #pause(delayMs: number): Promise<void> {
    this.#onState({ state: "waiting", retryInMs: delayMs });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#pauseOver = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#pauseOver = null;
  }

  async #talk(): Promise<Ending> {
    this.#problem = null;
    const socket = new this.#WebSocket(this.#url, this.#protocols);
    const connection = new Connection(socket, this.#patience, {
      opened: () => {
        if (!this.#reached) this.#reconnection = new Reconnection(this.#patience.reconnectMs);
        this.#reached = true;
        connection.send(JSON.stringify(this.#greeting()));
      },
      received: (message) => this.#receive(message),
    });
    this.#connection = connection;
    try {
      return await connection.ended;
    } finally {
      this.#connection = null;
      this.#ready = false;
    }
  }

  #greeting(): object {
    if (this.#session === null) return { type: "start", ...this.#options };
    const { session, resume_token } = this.#session;
    return { type: "resume", session, resume_token, last_seq: this.#lastSeq };
  }

  #receive(message: string): void {
    const event = parseEvent(message);
    if (event === null) return;
    if (event.type === "error" && event.id === undefined) {
      this.#problem = event; // of the connection, not of the stream: its seq may be any
      return;
    }
    if (event.seq <= this.#lastSeq) return;
    this.#problem = null;
    this.#lastSeq = event.seq;
    if (event.type === "started") {
      this.#session = event;
      this.#answered(false);
    } else if (event.type === "resumed") {
      this.#outbox.rewind(event.bytes);
      this.#answered(true);
    } else {
      this.#reconnection.settled();
    }
    if (event.type === "ack") this.#outbox.acknowledge(event.bytes);
    if (event.type !== "pong") this.#events.push(event);
    if (event.type === "finished") this.close();
    this.#changed();
  }

  #answered(resumed: boolean): void {
    this.#connection?.answered();
    this.#ready = true;
    this.#onState({ state: "connected", resumed });
    this.#pump();
  }

  /** Sends what there is to send, as far as the connection takes it. */
  #pump(): void {
    const connection = this.#connection;
    clearTimeout(this.#pumpLater);
    while (this.#ready && connection !== null && !this.#over) {
      if (connection.congested) {
        this.#pumpLater = setTimeout(() => this.#pump(), CONGESTED_MS);
        return;
      }
      const payload = this.#outbox.take();
      if (payload === null) return;
      connection.send(payload);
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #changed(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }
}

function globalWebSocket(): SocketConstructor {
  if (typeof WebSocket === "undefined") {
    throw new SottoClientError("there is no WebSocket here: pass one, such as that of the package `ws`");
  }
  return WebSocket as unknown as SocketConstructor;
}
