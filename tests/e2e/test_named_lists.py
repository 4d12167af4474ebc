"""`/v1/bias-lists`: what is put is what there is, and a bad body is named and changes nothing."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis

from service.biasing.entries import MAX_ENTRIES
from service.gateway.limits import MAX_LIST_BYTES
from tests.e2e.conftest import KEYS
from tests.e2e.test_refused_uploads import problem

NAME = "gucci-fr"
ROUTE = f"/v1/bias-lists/{NAME}"


@pytest.fixture
def lists(api: httpx.Client, store: "redis.Redis") -> httpx.Client:
    """The API where no list has ever been."""
    store.delete(KEYS.bias_lists("default"))
    return api


def stored(api: httpx.Client) -> list[dict[str, Any]]:
    phrases: list[dict[str, Any]] = api.get(ROUTE).json()["phrases"]
    return phrases


def test_a_list_is_made_read_changed_and_removed(lists: httpx.Client) -> None:
    made = lists.put(ROUTE, json=["Brunello Cucinelli", {"phrase": "Loewe", "boost": 1.5}, "", "Loewe"])
    body = made.json()
    assert (made.status_code, made.headers["etag"]) == (200, '"1"')
    assert (body["name"], body["version"], body["entries"]) == (NAME, 1, 2)
    assert [(each["index"], each["phrase"], each["reason"]) for each in body["rejected"]] == [
        (2, "", "empty"),
        (3, "Loewe", "duplicate"),
    ]
    read = lists.get(ROUTE).json()
    assert read["phrases"] == [{"phrase": "Brunello Cucinelli"}, {"phrase": "Loewe", "boost": 1.5}]
    assert lists.put(ROUTE, json=read).json()["entries"] == 2
    changed = lists.patch(ROUTE, json={"add": ["Dior", "🍷"], "remove": ["Loewe"]}).json()
    assert (changed["version"], changed["entries"], len(changed["rejected"])) == (3, 2, 1)
    assert [entry["phrase"] for entry in stored(lists)] == ["Brunello Cucinelli", "Dior"]
    listed = lists.get("/v1/bias-lists").json()["data"]
    assert [(each["name"], each["version"], each["entries"]) for each in listed] == [(NAME, 3, 2)]
    assert lists.delete(ROUTE).json()["name"] == NAME
    for reply in (lists.get(ROUTE), lists.delete(ROUTE), lists.patch(ROUTE, json={"add": ["x"]})):
        assert problem(reply) == (404, "not_found", "name")
    assert lists.put(ROUTE, json=[]).json()["version"] == 4


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", "# brands\nLoewe\nDior, Paris\n"),
        ("text/csv; charset=utf-8", 'phrase,language\nLoewe,\n"Dior, Paris",\n'),
        ("application/json", '{"entries": ["Loewe", "Dior, Paris"]}'),
    ],
)
def test_every_format_says_the_same(lists: httpx.Client, content_type: str, body: str) -> None:
    reply = lists.put(ROUTE, content=body, headers={"Content-Type": content_type})
    assert reply.json()["rejected"] == []
    assert stored(lists) == [{"phrase": "Loewe"}, {"phrase": "Dior, Paris"}]


def test_ten_thousand_entries_are_taken_and_one_more_is_not(lists: httpx.Client) -> None:
    phrases = [f"Client {i}" for i in range(MAX_ENTRIES)]
    assert lists.put(ROUTE, json=phrases).json()["entries"] == MAX_ENTRIES
    assert problem(lists.put(ROUTE, json=[*phrases, "x"])) == (422, "too_many_entries", "entries")
    assert problem(lists.patch(ROUTE, json={"add": ["x"]})) == (422, "too_many_entries", "entries")
    assert problem(lists.patch(ROUTE, json={"add": [*phrases, "x"]})) == (422, "too_many_entries", "add")
    assert lists.get(ROUTE).json()["version"] == 1


@pytest.mark.parametrize("method", ["put", "patch"])
@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"[", {}, (400, "invalid_request", {"put": "entries", "patch": "body"})),
        (b'"\xff"', {}, (400, "invalid_request", {"put": "entries", "patch": "body"})),
        (b"[" * 100_000, {}, (400, "invalid_request", {"put": "entries", "patch": "body"})),
        (b"7", {}, (400, "invalid_request", {"put": "entries", "patch": "body"})),
        (bytes(MAX_LIST_BYTES + 1), {}, (413, "too_large", {"put": "body", "patch": "body"})),
        (b"[]", {"If-Match": "latest"}, (400, "invalid_request", {"put": "if-match", "patch": "if-match"})),
    ],
    ids=["cut off", "not UTF-8", "nested", "a number", "too large", "tag"],
)
def test_a_bad_body_is_named_and_changes_nothing(
    lists: httpx.Client, method: str, body: bytes, headers: dict[str, str], expected: tuple[int, str, dict[str, str]]
) -> None:
    lists.put(ROUTE, json=["Loewe"])
    status, code, field = expected
    reply = lists.request(method.upper(), ROUTE, content=body, headers={"Content-Type": "application/json"} | headers)
    assert problem(reply) == (status, code, field[method])
    assert (lists.get(ROUTE).json()["version"], stored(lists)) == (1, [{"phrase": "Loewe"}])


@pytest.mark.parametrize(
    ("body", "field"),
    [({"add": "Loewe"}, "add"), ({"remove": [7]}, "remove.0"), ({"entries": []}, "entries")],
)
def test_a_bad_change_names_its_field(lists: httpx.Client, body: dict[str, Any], field: str) -> None:
    lists.put(ROUTE, json=["Loewe"])
    assert problem(lists.patch(ROUTE, json=body)) == (400, "invalid_request", field)


@pytest.mark.parametrize("name", ["Gucci", "-gucci", "g" * 65, "gucci%20fr", "gücci"])
def test_a_bad_name_is_refused(lists: httpx.Client, name: str) -> None:
    assert problem(lists.put(f"/v1/bias-lists/{name}", json=[])) == (400, "invalid_request", "name")


def test_an_unknown_content_type_is_refused(lists: httpx.Client) -> None:
    reply = lists.put(ROUTE, content=b"Loewe", headers={"Content-Type": "application/xml"})
    assert problem(reply) == (415, "unsupported_media", "content-type")


def test_what_cannot_be_written_can_be_rejected(lists: httpx.Client) -> None:
    body = json.dumps(["\ud83d", {"phrase": "x", "boost": 10**400}, 10**4000, "Loewe"])
    reply = lists.put(ROUTE, content=body)
    assert [each["reason"] for each in reply.json()["rejected"]] == ["control_character", "invalid", "invalid"]
    assert stored(lists) == [{"phrase": "Loewe"}]


def test_a_change_to_a_version_that_is_not_there_any_more_is_refused(lists: httpx.Client) -> None:
    seen = lists.put(ROUTE, json=["Loewe"]).headers["etag"]
    assert lists.put(ROUTE, json=["Dior"], headers={"If-Match": seen}).status_code == 200
    for reply in (
        lists.put(ROUTE, json=["Fendi"], headers={"If-Match": seen}),
        lists.patch(ROUTE, json={"add": ["Fendi"]}, headers={"If-Match": seen}),
        lists.delete(ROUTE, headers={"If-Match": seen}),
    ):
        assert problem(reply) == (409, "conflict", "version")
    assert stored(lists) == [{"phrase": "Dior"}]


def test_people_who_add_at_the_same_time_lose_nothing(lists: httpx.Client) -> None:
    lists.put(ROUTE, json=[])
    added = [f"Client {i}" for i in range(16)]
    with ThreadPoolExecutor(8) as people:
        replies = list(people.map(lambda phrase: lists.patch(ROUTE, json={"add": [phrase]}), added))
    assert {reply.status_code for reply in replies} == {200}
    assert sorted(entry["phrase"] for entry in stored(lists)) == sorted(added)
