"""`/v1/bias-lists`: named lists of phrases, kept in Redis version by version."""

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from service.biasing.entries import Rejection, check
from service.biasing.formats import ListFormat, parse, parse_json
from service.errors import BadRequest, TooLarge, UnsupportedMedia
from service.gateway.auth import caller_of
from service.gateway.context import Gateway
from service.gateway.limits import MAX_LIST_BYTES
from service.gateway.rest import schemas
from service.gateway.rest.described import described
from service.log.bias_lists import LIST_NAME, BiasLists, NamedList

router = APIRouter(prefix="/v1/bias-lists", tags=["bias lists"])

FORMATS: dict[str, ListFormat] = {"application/json": "json", "text/csv": "csv", "text/plain": "text"}

Name = Annotated[str, Path(pattern=LIST_NAME, description="small letters, digits, `.`, `_`, `-`")]
IfMatch = Annotated[str | None, Header(description='the `ETag` that was seen: change this version only, as in `"3"`')]


class Change(BaseModel):
    """The body of a PATCH."""

    model_config = ConfigDict(extra="forbid", strict=True)

    add: list[Any] = []
    remove: list[str] = []


def _body_of(*content_types: str, description: str) -> dict[str, Any]:
    """For the API page: bodies are read by hand, so that a large one is refused before it is parsed."""
    content: dict[str, Any] = {content_type: {} for content_type in content_types}
    return {"requestBody": {"required": True, "description": description, "content": content}}


@router.get(
    "",
    summary="All lists",
    response_model=None,
    responses=described(schemas.BiasLists, 401, 503),
)
async def all_lists(request: Request) -> dict[str, Any]:
    return {"object": "list", "data": [public(named) for named in await _lists(request).names()]}


@router.get(
    "/{name}",
    summary="One list with its entries",
    response_model=None,
    responses=described(schemas.WholeBiasList, 400, 401, 404, 503),
)
async def get(request: Request, response: Response, name: Name) -> dict[str, Any]:
    lists = _lists(request)
    named = await lists.get(name)
    entries = await lists.load(named.digest)
    return _told(response, named) | {"phrases": [entry.to_json() for entry in entries]}


@router.put(
    "/{name}",
    summary="Create or replace a list",
    response_model=None,
    responses=described(schemas.ChangedBiasList, 400, 401, 409, 413, 415, 422, 503),
    openapi_extra=_body_of(*FORMATS, description="entries: a JSON array, CSV with a header, or one phrase a line"),
)
async def put(request: Request, response: Response, name: Name, if_match: IfMatch = None) -> dict[str, Any]:
    expected = _version(if_match)
    list_format = _format(request.headers.get("content-type", "application/json"))
    body = await _read(request)
    checked = await asyncio.to_thread(lambda: check(parse(body, list_format)))
    named = await _lists(request).put(name, checked.accepted, expected=expected)
    return _told(response, named, checked.rejected)


@router.patch(
    "/{name}",
    summary="Add and remove entries",
    response_model=None,
    responses=described(schemas.ChangedBiasList, 400, 401, 404, 409, 413, 422, 503),
    openapi_extra=_body_of("application/json", description='`{"add": [entries], "remove": [phrases]}`'),
)
async def patch(request: Request, response: Response, name: Name, if_match: IfMatch = None) -> dict[str, Any]:
    expected = _version(if_match)
    change = await asyncio.to_thread(_change, await _read(request))
    checked = await asyncio.to_thread(check, change.add, field="add")
    named = await _lists(request).patch(name, add=checked.accepted, remove=change.remove, expected=expected)
    return _told(response, named, checked.rejected)


@router.delete(
    "/{name}",
    summary="Remove a list; streams that use it keep it",
    response_model=None,
    responses=described(schemas.BiasList, 400, 401, 404, 409, 503),
)
async def delete(request: Request, name: Name, if_match: IfMatch = None) -> dict[str, Any]:
    return public(await _lists(request).delete(name, expected=_version(if_match)))


def public(named: NamedList) -> dict[str, Any]:
    return {
        "object": "bias_list",
        "name": named.name,
        "version": named.version,
        "entries": named.entries,
        "updated_at": named.updated_at,
    }


def _told(response: Response, named: NamedList, rejected: Sequence[Rejection] | None = None) -> dict[str, Any]:
    """The list as it is now, its version as ETag, and of a change the entries that were rejected."""
    response.headers["ETag"] = f'"{named.version}"'
    return public(named) | ({} if rejected is None else {"rejected": [each.to_json() for each in rejected]})


def _lists(request: Request) -> BiasLists:
    gateway: Gateway = request.app.state.gateway
    return gateway.biasing.lists_of(caller_of(request).tenant)


def _format(content_type: str) -> ListFormat:
    list_format = FORMATS.get(content_type.partition(";")[0].strip().lower())
    if list_format is None:
        raise UnsupportedMedia(f"send the list as {', '.join(FORMATS)}", field="content-type")
    return list_format


def _version(if_match: str | None) -> int | None:
    if if_match is None:
        return None
    tag = re.fullmatch(r'"(\d{1,18})"', if_match.strip())
    if not tag:
        raise BadRequest('If-Match takes one version as in `"3"`', field="if-match")
    return int(tag[1])


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_LIST_BYTES:
            raise TooLarge(f"the list is larger than {MAX_LIST_BYTES // (1024 * 1024)} MiB", field="body")
    return bytes(body)


def _change(body: bytes) -> Change:
    try:
        return Change.model_validate(parse_json(body, field="body"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadRequest(first["msg"], field=".".join(map(str, first["loc"])) or "body") from error
