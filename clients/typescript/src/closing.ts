/** What the end of a connection means for its stream. */

import { type ApiError, errorFromEvent } from "./errors.js";
import type { Problem } from "./events.js";

const FATAL_CLOSE_CODES: ReadonlySet<number> = new Set([1002, 1003, 1007, 1008, 1009]);
const INTERNAL_ERROR = 1011;
const TRY_AGAIN_LATER = 1013;

/**
 * The error that ended the stream, or null when another connection may carry it on.
 *
 * `problem`: the `error` message that came last, if one did; `resumable`: the server has the session. "Try again
 * later" (1013) refuses a stream that has not started, and only delays one that has.
 */
export function fatalError(code: number, reason: string, problem: Problem | null, resumable: boolean): ApiError | null {
  const fatal =
    FATAL_CLOSE_CODES.has(code) ||
    (code >= 4000 && code < 5000) ||
    (code === TRY_AGAIN_LATER && !resumable) ||
    (code === INTERNAL_ERROR && problem !== null);
  if (!fatal) return null;
  if (problem !== null) return errorFromEvent(problem.code, problem.message, problem.field, code);
  return errorFromEvent("closed", `the server ended the stream: ${reason || code}`, null, code);
}
