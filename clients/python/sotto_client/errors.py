"""What can go wrong, as a caller sees it.

SottoClientError
├── Unreachable       no server answered, or the stream could not be resumed before its deadline
├── ProtocolError     the server said something that this client does not understand
├── StreamClosed      audio or a command was sent after `finish` or after the stream ended
├── JobCancelled      the job that was waited for was cancelled
└── ApiError          the server refused or failed; carries `code`, `field` and `status`
    ├── Unauthorized  the key is missing or wrong
    ├── NotFound      no such session, model, job, bias list or route
    ├── BadRequest    the request or its audio is at fault; the caller can mend it
    ├── Conflict      another connection took the session over
    ├── Refused       not now: try again after `retry_after_s`
    └── Failed        the server's fault
"""

import re
from typing import Any


class SottoClientError(Exception):
    """Root of everything this package raises on purpose."""


class Unreachable(SottoClientError):
    pass


class ProtocolError(SottoClientError):
    pass


class StreamClosed(SottoClientError):
    pass


class JobCancelled(SottoClientError):
    pass


class ApiError(SottoClientError):
    """`code` is stable and for programs, the message for people; `field` names the input at fault.

    `status` is the HTTP status, None when the error was told by a stream, a job or a server-sent event.
    `retry_after_s`: seconds after which to try again, where the server says so.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        field: str | None = None,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.field = field
        self.status = status
        self.retry_after_s = retry_after_s


class Unauthorized(ApiError):
    pass


class NotFound(ApiError):
    pass


class BadRequest(ApiError):
    pass


class Conflict(ApiError):
    pass


class Refused(ApiError):
    pass


class Failed(ApiError):
    pass


_CLASS_BY_CODE: dict[str, type[ApiError]] = {
    "unauthorized": Unauthorized,
    "not_found": NotFound,
    "model_not_found": NotFound,
    "bias_list_not_found": NotFound,
    "conflict": Conflict,
    "refused": Refused,
    "at_capacity": Refused,
    "no_workers": Refused,
}
_CLASS_BY_STATUS: dict[int | None, type[ApiError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    409: Conflict,
    429: Refused,
    503: Refused,
}
_CODE_BY_STATUS = {
    401: "unauthorized",
    403: "unauthorized",
    404: "not_found",
    409: "conflict",
    429: "refused",
    503: "refused",
}


def reason(error: BaseException) -> str:
    """Why a connection failed, in the system's words without its numbers."""
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__


def error_from_event(code: str, message: str, field: str | None, close_code: int | None) -> ApiError:
    """The error for an `error` message that ended a stream with WebSocket `close_code`."""
    known = _CLASS_BY_CODE.get(code)
    if known is None and close_code == 1013:
        known = Refused
    elif known is None:
        known = BadRequest if close_code in (1003, 1007, 1008, 1009) else Failed
    return known(message, code=code, field=field)


def error_from_response(status: int | None, body: Any, retry_after: str | None = None) -> ApiError:
    """The error for an HTTP answer, or for one told within an answer that began well (`status` None).

    `body` is the decoded JSON, or None when it was not JSON.
    """
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    code, message = error.get("code"), error.get("message")
    if status is None:
        mendable = error.get("type") == "invalid_request_error"
        code, message = code or "internal_error", message or "the server does not say what went wrong"
    else:
        mendable = status < 500
        code = code or _CODE_BY_STATUS.get(status) or f"http_{status}"
        message = message or f"the server answered with HTTP status {status}"
    kind = _CLASS_BY_CODE.get(code) or _CLASS_BY_STATUS.get(status) or (BadRequest if mendable else Failed)
    try:
        retry_after_s = float(retry_after) if retry_after is not None else None
    except ValueError:  # the other form of the header is a date
        retry_after_s = None
    return kind(message, code=code, field=error.get("param"), status=status, retry_after_s=retry_after_s)
