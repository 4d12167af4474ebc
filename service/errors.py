"""The error tree. Each class carries its own code, HTTP status and WebSocket close code.

SottoError
├── BadRequest            400  the caller can mend it; `field` names what is wrong
│   ├── BadAudio          400  not decodable, truncated, or not what the format says
│   ├── UnsupportedMedia  415  a container or codec that Sotto does not read
│   ├── UnknownModel      404
│   ├── UnknownList       404  a bias list that a request names
│   ├── TooLarge          413  bytes or seconds over the limit
│   ├── TooManyEntries    422  more bias entries than allowed, in a list or in all lists of a request
│   └── TooManyLists      422  more named bias lists than the tenant may keep
├── Unauthorized          401
├── Forbidden             403  the key is known, but lacks a scope
├── NotFound              404  no such session, job, bias list or route
├── Conflict              409  a session taken over by another connection, a bias list changed meanwhile
├── Refused               429  nothing wrong with the request: not now; carries retry_after_s
│   ├── AtCapacity        429
│   ├── QuotaExceeded     429  more than the tenant may use at once; `field` names the limit
│   ├── AllowanceSpent    429  the tenant's audio of this month is used up
│   ├── NoWorkers         503
│   └── Restarting        503  cut off by a gateway that ends; another one answers
└── Failed                500  Sotto's fault
    ├── DecodeFailed      500  a turn that failed on every delivery
    ├── StoreUnavailable  503  Redis cannot be reached
    ├── IssuerUnavailable 503  the issuer of tokens cannot be reached
    └── ModelUnavailable  503  a model could not be fetched, verified or loaded
"""

WS_POLICY = 1008
WS_TOO_BIG = 1009
WS_INTERNAL = 1011
WS_RESTART = 1012
WS_TRY_LATER = 1013


class SottoError(Exception):
    """`code` is stable and for programs; the message is for people; `field` names the input at fault."""

    code = "error"
    status = 500
    close_code = WS_INTERNAL

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class BadRequest(SottoError):
    code = "invalid_request"
    status = 400
    close_code = WS_POLICY


class BadAudio(BadRequest):
    code = "invalid_audio"


class UnsupportedMedia(BadRequest):
    code = "unsupported_media"
    status = 415


class UnknownModel(BadRequest):
    code = "model_not_found"
    status = 404


class UnknownList(BadRequest):
    code = "bias_list_not_found"
    status = 404


class TooLarge(BadRequest):
    code = "too_large"
    status = 413
    close_code = WS_TOO_BIG


class TooManyEntries(BadRequest):
    code = "too_many_entries"
    status = 422


class TooManyLists(BadRequest):
    code = "too_many_lists"
    status = 422


class Unauthorized(SottoError):
    code = "unauthorized"
    status = 401
    close_code = WS_POLICY


class Forbidden(SottoError):
    code = "forbidden"
    status = 403
    close_code = WS_POLICY


class NotFound(SottoError):
    code = "not_found"
    status = 404
    close_code = WS_POLICY


class Conflict(SottoError):
    code = "conflict"
    status = 409
    close_code = WS_POLICY


class IdleTimeout(SottoError):
    code = "idle_timeout"
    status = 408
    close_code = WS_POLICY


class Refused(SottoError):
    code = "refused"
    status = 429
    close_code = WS_TRY_LATER

    def __init__(self, message: str, *, field: str | None = None, retry_after_s: int = 5) -> None:
        super().__init__(message, field=field)
        self.retry_after_s = retry_after_s


class AtCapacity(Refused):
    code = "at_capacity"


class QuotaExceeded(Refused):
    code = "quota_exceeded"


class AllowanceSpent(Refused):
    code = "allowance_spent"
    close_code = WS_POLICY  # it makes no sense to come back soon


class NoWorkers(Refused):
    code = "no_workers"
    status = 503


class Restarting(Refused):
    code = "restarting"
    status = 503


class Failed(SottoError):
    code = "internal_error"


class DecodeFailed(Failed):
    code = "decode_failed"


class StoreUnavailable(Failed):
    code = "store_unavailable"
    status = 503
    close_code = WS_TRY_LATER


class IssuerUnavailable(Failed):
    code = "issuer_unavailable"
    status = 503
    close_code = WS_TRY_LATER


class ModelUnavailable(Failed):
    code = "model_unavailable"
    status = 503
    close_code = WS_TRY_LATER
