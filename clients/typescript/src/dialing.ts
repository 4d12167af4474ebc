/** Where the server is, and opening a WebSocket there from a browser or from Node. */

import { ApiError, SottoClientError } from "./errors.js";

const SOCKET_SCHEMES: Readonly<Record<string, string>> = { "http:": "ws:", "https:": "wss:", "ws:": "ws:", "wss:": "wss:" };
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/; // what RFC 7230 lets stand in a subprotocol's name

/** The part of the standard WebSocket that is used; that of browsers, of Node 22 and of the package `ws` have it. */
export interface SocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: never) => void) | null;
  send(payload: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export type SocketConstructor = new (url: string, protocols?: string[]) => SocketLike;

/**
 * `http://host:8000` -> `ws://host:8000/v1/stream`; a URL that has a path keeps it.
 * Throws SottoClientError for anything that is not an http, https, ws or wss URL.
 */
export function streamUrl(base: string): string {
  const match = /^(https?:|wss?:)\/\/([^/?#]+)([^?#]*)(\?[^#]*)?/.exec(base);
  const scheme = SOCKET_SCHEMES[match?.[1] ?? ""];
  if (!match || scheme === undefined) throw new SottoClientError(`${base} is not an http:// or ws:// URL`);
  return `${scheme}//${match[2]}${match[3]?.replace(/\/+$/, "") || "/v1/stream"}${match[4] ?? ""}`;
}

/**
 * The key as subprotocols, since browsers cannot set a header on a WebSocket; none without a key.
 * Throws ApiError of the kind `unauthorized` for a key that cannot travel this way.
 */
export function keyProtocols(apiKey: string | undefined): string[] {
  if (!apiKey) return [];
  if (!TOKEN.test(apiKey)) {
    const message = "the API key has characters that a WebSocket cannot carry from a browser";
    throw new ApiError(message, { kind: "unauthorized", code: "unauthorized", field: "authorization" });
  }
  return ["sotto", `sotto-key.${apiKey}`];
}
