"""What the end of a connection means for its stream."""

from sotto_client.errors import ApiError, error_from_event
from sotto_client.events import Problem

_FATAL_CLOSE_CODES = frozenset({1002, 1003, 1007, 1008, 1009})
_INTERNAL_ERROR = 1011
_TRY_AGAIN_LATER = 1013
_PRIVATE_CLOSE_CODES = range(4000, 5000)


def fatal_error(
    close_code: int | None, reason: str | None, problem: Problem | None, *, resumable: bool
) -> ApiError | None:
    """The error that ended the stream, or None when another connection may carry it on.

    `problem`: the `error` message that came last, if one did; `resumable`: the server has the session. "Try again
    later" (1013) refuses a stream that has not started, and only delays one that has.
    """
    fatal = (
        close_code in _FATAL_CLOSE_CODES
        or close_code in _PRIVATE_CLOSE_CODES
        or (close_code == _TRY_AGAIN_LATER and not resumable)
        or (close_code == _INTERNAL_ERROR and problem is not None)
    )
    if not fatal:
        return None
    if problem is not None:
        return error_from_event(problem.code, problem.message, problem.field, close_code)
    return error_from_event("closed", f"the server ended the stream: {reason or close_code}", None, close_code)
