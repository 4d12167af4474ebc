"""Errors as the Realtime API words them: a code, the parameter at fault, and a message with both."""

from typing import Any

from pydantic import ValidationError

from service.errors import BadRequest, SottoError


class InvalidEvent(BadRequest):
    """A client event that cannot be obeyed; the session goes on."""

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.code = code


def from_validation(error: ValidationError, root: str, *, skip: int = 0) -> InvalidEvent:
    """The first thing that is wrong with a client's JSON; `root` is put before its path, less `skip` parts."""
    first = error.errors(include_url=False)[0]
    kind, context = first["type"], first.get("ctx", {})
    param = _path(root, first["loc"][skip:])
    if kind == "extra_forbidden":
        return InvalidEvent("unknown_parameter", f"Unknown parameter: '{param}'.", field=param)
    if kind in ("missing", "union_tag_not_found"):
        param = f"{param}.type".lstrip(".") if kind != "missing" else param
        return InvalidEvent("missing_required_parameter", f"Missing required parameter: '{param}'.", field=param)
    if kind in ("literal_error", "union_tag_invalid"):
        given = context.get("tag", first["input"])
        expected = str(context.get("expected", context.get("expected_tags"))).replace(" or ", ", ")
        param = f"{param}.type" if kind != "literal_error" else param
        message = f"Invalid value: '{given}'. Supported values are: {expected}."
        return InvalidEvent("invalid_value", message, field=param)
    if kind.endswith("_type"):
        return InvalidEvent("invalid_type", f"Invalid type for '{param}': {first['msg']}.", field=param)
    return InvalidEvent("invalid_value", f"Invalid value for '{param}': {first['msg']}.", field=param)


TAGS = frozenset({"audio/pcm", "audio/pcmu", "audio/pcma", "server_vad", "semantic_vad"})


def _path(root: str, location: tuple[int | str, ...]) -> str:
    """Where in the client's JSON it is: `session.audio.input.format`, `session.include[0]`."""
    path = root
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in TAGS:
            path += f".{part}" if path else part
    return path


def error_body(error: SottoError, event_id: str | None = None) -> dict[str, Any]:
    """The `error` object of an `error` or `failed` event."""
    kind = "invalid_request_error" if isinstance(error, BadRequest) else "server_error"
    return {
        "type": kind,
        "code": error.code,
        "message": error.message,
        "param": error.field,
        "event_id": event_id,
    }
