"""Keywords and lists on transcriptions and jobs: taken in every spelling, told, refused by name."""

import json
from typing import Any

import httpx
import pytest
from openai import OpenAI

from service.biasing.entries import MAX_ENTRIES
from service.gateway.biasing import MAX_LISTS, REJECTIONS_TOLD
from tests.e2e.recordings import flac
from tests.e2e.test_refused_uploads import problem

CLIP = "human-en-vm-nobox"
ROUTE = "/v1/audio/transcriptions"
LISTS = "/v1/bias-lists"


def transcribe(api: httpx.Client, response_format: str = "json", **fields: Any) -> dict[str, Any]:
    form = {"language": "en", "response_format": response_format} | fields
    reply = api.post(ROUTE, files={"file": ("speech.flac", flac(CLIP))}, data=form)
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


@pytest.mark.parametrize(
    "fields",
    [
        {"keywords[]": ["Brunello Cucinelli", "Loewe"]},
        {"keywords": ["Brunello Cucinelli", '{"phrase": "Loewe", "boost": 2}']},
        {"keywords": ["Brunello Cucinelli"], "keywords[]": ["Loewe"]},
        {"keywords": '["Brunello Cucinelli", {"phrase": "Loewe"}]'},
    ],
    ids=["repeated", "objects", "both", "one array"],
)
def test_every_spelling_of_keywords_is_taken(api: httpx.Client, fields: dict[str, Any]) -> None:
    bias = transcribe(api, **fields)["bias"]
    assert (bias["entries"], bias["strength"], bias["lists"], bias["rejected"]) == (2, 1.0, [], [])


def test_the_sdk_sends_keywords(live_server: str) -> None:
    with OpenAI(base_url=f"{live_server}/v1", api_key="any", max_retries=0, timeout=120) as client:
        answer: Any = client.audio.transcriptions.create(
            model="whisper-1", file=("a.flac", flac(CLIP)), language="en", extra_body={"keywords": ["Loewe", "🍷"]}
        )
    assert (answer.bias["entries"], answer.bias["rejected_total"]) == (1, 1)


def test_lists_and_keywords_are_told_with_versions_and_rejections(api: httpx.Client) -> None:
    version = api.put(f"{LISTS}/told", json=["Dior", "Fendi"]).json()["version"]
    sent = {"keywords[]": ["Loewe", "x" * 300], "bias_lists[]": ["told", "told"], "bias_strength": "0.5"}
    for response_format in ("json", "verbose_json"):
        bias = transcribe(api, response_format, **sent)["bias"]
        assert bias.keys() == {"entries", "strength", "lists", "rejected", "rejected_total", "matches"}
        assert bias["lists"] == [{"name": "told", "version": version, "entries": 2}]
        assert (bias["entries"], bias["strength"], bias["rejected_total"]) == (3, 0.5, 1)
        assert [(each["index"], each["reason"]) for each in bias["rejected"]] == [(1, "too_long")]


def test_without_a_wish_nothing_is_told(api: httpx.Client) -> None:
    assert "bias" not in transcribe(api)
    assert "bias" not in transcribe(api, "verbose_json")


def test_a_bias_that_weighs_nothing_changes_nothing(api: httpx.Client) -> None:
    plain = transcribe(api, "verbose_json")
    for fields in ({"keywords[]": ["mail box"], "bias_strength": "0"}, {"keywords[]": ["🍷"]}, {"bias_strength": "2"}):
        biased = transcribe(api, "verbose_json", **fields)
        assert biased.pop("bias")["matches"] == []
        assert biased == plain


def test_server_sent_events_end_with_the_report(api: httpx.Client) -> None:
    form = {"language": "en", "stream": "true", "keywords[]": ["Loewe"]}
    reply = api.post(ROUTE, files={"file": flac(CLIP)}, data=form)
    *_, done, end = [line.removeprefix("data: ") for line in reply.text.splitlines() if line]
    assert end == "[DONE]"
    assert json.loads(done)["bias"]["entries"] == 1


def test_a_job_tells_at_once_and_in_its_result(api: httpx.Client) -> None:
    api.put(f"{LISTS}/of-a-job", json=["Dior"])
    form = {"language": "en", "bias_lists[]": ["of-a-job"], "keywords[]": [""]}
    submitted = api.post("/v1/jobs", files={"file": ("speech.flac", flac(CLIP))}, data=form).json()
    api.delete(f"{LISTS}/of-a-job")
    assert (submitted["bias"]["entries"], submitted["bias"]["rejected_total"]) == (1, 1)
    job = submitted
    while job["status"] in ("queued", "running"):
        job = api.get(f"/v1/jobs/{submitted['id']}").json()
    assert job["status"] == "succeeded", job
    told = job["result"]["bias"]
    assert told.pop("matches") is not None
    assert told == submitted["bias"]


def test_ten_thousand_keywords_are_taken(api: httpx.Client) -> None:
    keywords = [f"Kundin Größe {i}" for i in range(MAX_ENTRIES)]
    assert transcribe(api, **{"keywords[]": keywords})["bias"]["entries"] == MAX_ENTRIES
    assert transcribe(api, keywords=json.dumps(keywords))["bias"]["entries"] == MAX_ENTRIES


def test_of_many_rejections_the_first_are_told(api: httpx.Client) -> None:
    bias = transcribe(api, keywords=json.dumps([""] * MAX_ENTRIES))["bias"]
    assert (len(bias["rejected"]), bias["rejected_total"]) == (REJECTIONS_TOLD, MAX_ENTRIES)


@pytest.mark.parametrize("route", [ROUTE, "/v1/jobs"])
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"bias_lists[]": ["no-such-list"]}, (404, "bias_list_not_found", "bias_lists")),
        ({"bias_lists": ["No Such List"]}, (400, "invalid_request", "bias_lists")),
        ({"bias_lists": '[["a"]]'}, (400, "invalid_request", "bias_lists")),
        ({"bias_lists": '["\\ud83d"]'}, (400, "invalid_request", "bias_lists")),
        ({"bias_lists[]": [f"list-{i}" for i in range(MAX_LISTS + 1)]}, (400, "invalid_request", "bias_lists")),
        ({"keywords": json.dumps(["x"] * (MAX_ENTRIES + 1))}, (422, "too_many_entries", "keywords")),
        ({"keywords": "[1, 2"}, (400, "invalid_request", "keywords")),
        ({"keywords": '{"phrase": "Loewe"'}, (400, "invalid_request", "keywords")),
        ({"bias_strength": "2.5"}, (400, "invalid_request", "bias_strength")),
        ({"bias_strength": "-1"}, (400, "invalid_request", "bias_strength")),
        ({"bias_strength": "nan"}, (400, "invalid_request", "bias_strength")),
        ({"bias_strength": "strong"}, (400, "invalid_request", "bias_strength")),
    ],
)
def test_what_cannot_be_done_is_named(
    api: httpx.Client, route: str, fields: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    assert problem(api.post(route, files={"file": flac(CLIP)}, data=fields)) == expected


def test_lists_and_keywords_together_have_one_limit(api: httpx.Client) -> None:
    api.put(f"{LISTS}/full", json=[f"Client {i}" for i in range(MAX_ENTRIES)])
    fields = {"keywords[]": ["Loewe"], "bias_lists[]": ["full"]}
    reply = api.post(ROUTE, files={"file": flac(CLIP)}, data=fields)
    assert problem(reply) == (422, "too_many_entries", "bias_lists")
