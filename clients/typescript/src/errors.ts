/**
 * What can go wrong, as a caller sees it.
 *
 *     SottoClientError
 *     ├── Unreachable    no server answered, or the stream could not be resumed before its deadline
 *     ├── ProtocolError  the server said something that this client does not understand
 *     ├── StreamClosed   audio or a command was sent after `finish` or after the stream ended
 *     └── ApiError       the server refused or failed; `kind` says how, `code` and `field` what
 */
export class SottoClientError extends Error {
  override readonly name: string = "SottoClientError";
}

export class Unreachable extends SottoClientError {
  override readonly name = "Unreachable";
}

export class ProtocolError extends SottoClientError {
  override readonly name = "ProtocolError";
}

export class StreamClosed extends SottoClientError {
  override readonly name = "StreamClosed";
}

/**
 * `unauthorized`: the key is missing or wrong. `not_found`: no such session, model, list or route. `bad_request`: the
 * caller can mend it. `conflict`: another connection took the session over. `refused`: not now, try again later.
 * `failed`: the server's fault.
 */
export type ErrorKind = "unauthorized" | "not_found" | "bad_request" | "conflict" | "refused" | "failed";

export interface ApiErrorDetails {
  readonly kind: ErrorKind;
  /** Stable, for programs; the message is for people. */
  readonly code: string;
  /** Names the input at fault. */
  readonly field?: string | null;
  /** HTTP status; undefined when the error came over a WebSocket. */
  readonly status?: number;
}

export class ApiError extends SottoClientError {
  override readonly name = "ApiError";
  readonly kind: ErrorKind;
  readonly code: string;
  readonly field: string | null;
  readonly status: number | undefined;

  constructor(message: string, details: ApiErrorDetails) {
    super(message);
    this.kind = details.kind;
    this.code = details.code;
    this.field = details.field ?? null;
    this.status = details.status;
  }
}

const KIND_BY_CODE: ReadonlyMap<string, ErrorKind> = new Map<string, ErrorKind>([
  ["unauthorized", "unauthorized"],
  ["not_found", "not_found"],
  ["model_not_found", "not_found"],
  ["bias_list_not_found", "not_found"],
  ["conflict", "conflict"],
  ["at_capacity", "refused"],
  ["no_workers", "refused"],
]);
const KIND_BY_STATUS: ReadonlyMap<number, ErrorKind> = new Map<number, ErrorKind>([
  [401, "unauthorized"],
  [403, "unauthorized"],
  [404, "not_found"],
  [409, "conflict"],
  [429, "refused"],
  [503, "refused"],
]);
const BAD_REQUEST_CLOSE_CODES: ReadonlySet<number> = new Set([1003, 1007, 1008, 1009]);

/** The error for an `error` message that ended a stream with WebSocket `closeCode`. */
export function errorFromEvent(code: string, message: string, field: string | null, closeCode: number): ApiError {
  const late = closeCode === 1013 ? "refused" : BAD_REQUEST_CLOSE_CODES.has(closeCode) ? "bad_request" : "failed";
  return new ApiError(message, { kind: KIND_BY_CODE.get(code) ?? late, code, field });
}

/** The error for an HTTP answer; `body` is the decoded JSON, or null when it was not JSON. */
export function errorFromResponse(status: number, body: unknown): ApiError {
  const told = (body as { error?: { code?: string; message?: string; param?: string | null } } | null)?.error ?? {};
  const code = told.code ?? `http_${status}`;
  const kind = KIND_BY_CODE.get(code) ?? KIND_BY_STATUS.get(status) ?? (status < 500 ? "bad_request" : "failed");
  const message = told.message ?? `the server answered with HTTP status ${status}`;
  return new ApiError(message, { kind, code, field: told.param ?? null, status });
}
