"""Errors as Deepgram answers them, in the handshake and over REST: {"err_code", "err_msg", "request_id"}."""

import uuid

from fastapi.responses import JSONResponse

from service import metrics
from service.errors import (
    AllowanceSpent,
    AtCapacity,
    BadAudio,
    BadRequest,
    Forbidden,
    QuotaExceeded,
    Refused,
    SottoError,
    TooLarge,
    Unauthorized,
    UnknownModel,
    UnsupportedMedia,
)

CODES: dict[type[SottoError], tuple[int, str]] = {
    Unauthorized: (401, "INVALID_AUTH"),
    Forbidden: (403, "INSUFFICIENT_PERMISSIONS"),
    TooLarge: (413, "PAYLOAD_TOO_LARGE"),
    AtCapacity: (429, "TOO_MANY_REQUESTS"),
    QuotaExceeded: (429, "TOO_MANY_REQUESTS"),
    AllowanceSpent: (429, "TOO_MANY_REQUESTS"),
    Refused: (503, "SERVICE_UNAVAILABLE"),
    BadRequest: (400, "Bad Request"),
}
BAD_AUDIO = "Bad Request: failed to process audio: corrupt or unsupported data"
NO_SUCH_MODEL = "Bad Request: No such model/language/tier combination found."


def new_request_id() -> str:
    return str(uuid.uuid4())


def refusal(error: SottoError, request_id: str | None = None) -> JSONResponse:
    """The answer, which tells the error in headers, too; counts it."""
    request_id = request_id or new_request_id()
    metrics.ERRORS.labels(error.code).inc()
    if isinstance(error, Refused):
        metrics.REFUSALS.labels(error.code).inc()
    status, code = next(
        (known for kind, known in CODES.items() if isinstance(error, kind)), (error.status, "INTERNAL_SERVER_ERROR")
    )
    if status == BadRequest.status and error.field == "url":
        code = "REMOTE_CONTENT_ERROR"
    message = _message(error)
    headers = {"dg-request-id": request_id, "dg-error": message.encode("ascii", "replace").decode()}
    if isinstance(error, Refused):
        headers["Retry-After"] = str(error.retry_after_s)
    return JSONResponse({"err_code": code, "err_msg": message, "request_id": request_id}, status, headers)


def _message(error: SottoError) -> str:
    """Deepgram's words where clients may look for them, with Sotto's behind."""
    if isinstance(error, Unauthorized):
        return "Invalid credentials."
    if isinstance(error, BadAudio | UnsupportedMedia):
        return f"{BAD_AUDIO} ({error.message})"
    if isinstance(error, UnknownModel) or (isinstance(error, BadRequest) and error.field in ("model", "language")):
        return f"{NO_SUCH_MODEL} ({error.message})"
    if isinstance(error, BadRequest) and not isinstance(error, TooLarge):
        return f"Bad Request: {error.message}"
    return error.message
