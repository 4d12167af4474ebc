"""The form fields that bias a transcription. Clients write `keywords[]` or `keywords`, once per entry or as JSON."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any

from fastapi import Form, Request, Response
from fastapi.routing import APIRoute
from starlette._utils import AwaitableOrContextManager
from starlette.datastructures import FormData

from service.biasing.entries import MAX_ENTRIES
from service.biasing.formats import parse_json
from service.errors import BadRequest
from service.gateway.biasing import BiasWish
from service.gateway.limits import MAX_LIST_BYTES

MAX_FIELDS = MAX_ENTRIES + 1_000

Repeated = list[str] | None


class FormRoute(APIRoute):
    """A route whose form may hold a whole bias list, as one field or as one field per entry."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def with_limits(request: Request) -> Response:
            return await handler(_FormRequest(request.scope, request.receive))

        return with_limits


class _FormRequest(Request):
    def form(self, **_: Any) -> AwaitableOrContextManager[FormData]:
        return super().form(max_files=10, max_fields=MAX_FIELDS, max_part_size=MAX_LIST_BYTES)


def bias_form(
    keywords: Annotated[Repeated, Form(description="phrases, entries as JSON objects, or JSON arrays of both")] = None,
    keywords_: Annotated[Repeated, Form(alias="keywords[]", description="the same, as OpenAI's SDKs write it")] = None,
    bias_lists: Annotated[Repeated, Form(description="names of lists under /v1/bias-lists")] = None,
    bias_lists_: Annotated[Repeated, Form(alias="bias_lists[]")] = None,
    bias_strength: Annotated[float | None, Form(description="0 (no bias) to 2; 1 by default")] = None,
) -> BiasWish:
    """Raises BadRequest for what looks like JSON and is none."""
    names = _values(bias_lists, bias_lists_, "bias_lists")
    if names and not all(isinstance(name, str) for name in names):
        raise BadRequest("the names of lists are strings", field="bias_lists")
    return BiasWish(_values(keywords, keywords_, "keywords"), names, bias_strength)


def _values(plain: Repeated, bracketed: Repeated, field: str) -> Sequence[Any] | None:
    """What both spellings of a field hold; None when neither was sent."""
    if plain is None and bracketed is None:
        return None
    found: list[Any] = []
    for value in (*(plain or ()), *(bracketed or ())):
        if value.lstrip().startswith("["):
            found += parse_json(value.encode(), field=field)
        elif value.lstrip().startswith("{"):
            found.append(parse_json(value.encode(), field=field))
        else:
            found.append(value)
    return found
