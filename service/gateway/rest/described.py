"""What routes answer and refuse with, as the OpenAPI description tells it."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class ErrorDetail(BaseModel):
    model_config = ConfigDict(extra="forbid")

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """OpenAI's shape of errors; `param` names the field at fault."""

    model_config = ConfigDict(extra="forbid")

    error: ErrorDetail


Responses = dict[int | str, dict[str, Any]]

CAUSES = {
    400: "a field or the file is at fault; `error.param` names it",
    401: "the key is missing or not known here",
    403: "the key lacks a scope; the message names it",
    404: "not found: a model, list or job",
    409: "the list has another version by now, or the model or alias is not as it must be for that",
    413: "more bytes or seconds than allowed",
    415: "a container, codec or content type that is not read",
    422: "more bias entries than allowed",
    429: "no room now, or a limit of the tenant; try again after `Retry-After` seconds",
    500: "Sotto's fault",
    503: "no worker is ready, or Redis cannot be reached",
}


def described(model: Any, *refused: int, status: int = 200, content: dict[str, Any] | None = None) -> Responses:
    """For the `responses` of a route: the JSON that it answers with, other content, and the statuses it refuses with.

    What wants a key is also refused without its scope, and over the tenant's limits. `default` tells the shape of all
    other errors; without it FastAPI describes a 422 that is never sent.
    """
    responses: Responses = {status: {"model": model, "content": content or {}}}
    if 401 in refused:
        refused = tuple(sorted({*refused, 403, 429}))
    responses |= {each: {"model": ErrorBody, "description": CAUSES[each]} for each in refused}
    return responses | {"default": {"model": ErrorBody, "description": "any other error"}}
