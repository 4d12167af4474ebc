"""How errors look on the wire: OpenAI's shape for REST."""

from service.errors import SottoError


def error_body(error: SottoError) -> dict[str, object]:
    """{"error": {message, type, param, code}}; `param` names the field at fault."""
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    return {"error": {"message": error.message, "type": kind, "param": error.field, "code": error.code}}
