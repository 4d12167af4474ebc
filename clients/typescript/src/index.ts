/** Live streams that resume, for browsers and Node. The protocol is in docs/streaming.md. */

export { streamUrl, type SocketConstructor, type SocketLike } from "./dialing.js";
export { ApiError, type ErrorKind, ProtocolError, SottoClientError, StreamClosed, Unreachable } from "./errors.js";
export type {
  Acknowledged,
  BiasMatch,
  BiasReport,
  Configured,
  Final,
  Finished,
  Partial,
  Pong,
  Problem,
  Rejection,
  Resumed,
  SottoEvent,
  SpeechEnded,
  SpeechStarted,
  Started,
  Word,
} from "./events.js";
export type { AudioFormat, Keyword, Patience, StreamOptions, StreamSettings } from "./options.js";
export { type BiasList, type Model, SottoRest } from "./rest.js";
export { type ConnectionState, SottoStream, type StreamEvent, type StreamSetup } from "./stream.js";
