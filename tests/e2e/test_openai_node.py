"""OpenAI's Node SDK gets what OpenAI's Python SDK gets, of the same server, call for call."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.audio import Transcription

from tests.conftest import DATA
from tests.e2e import node
from tests.e2e.recordings import error_rate, manifest, two_sentences

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # OpenAI's own translations

ENGLISH, LONGER, SPANISH = "two sentences", "demo", "human-es-conf-invalid"
VAD = {"type": "server_vad", "silence_duration_ms": 300, "threshold": 0.5}
TRANSCRIPTIONS: dict[str, dict[str, Any]] = {
    "json": {},
    "text": {"response_format": "text"},
    "srt": {"response_format": "srt"},
    "vtt": {"response_format": "vtt"},
    "verbose_json": {"response_format": "verbose_json"},
    "words": {"response_format": "verbose_json", "timestamp_granularities": ["word"]},
    "both granularities": {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]},
    "logprobs": {"include": ["logprobs"]},
    "keywords": {"keywords": ["Loewe", "directory"], "prompt": "Thank you."},
    "languages": {"model": "gpt-transcribe", "language": "", "languages": ["en", "es"]},
    "auto": {"chunking_strategy": "auto"},
    "server_vad": {"chunking_strategy": VAD, "response_format": "verbose_json"},
    "stream": {"stream": True},
    "stream with logprobs": {"stream": True, "include": ["logprobs"]},
    "stream of segments": {"stream": True, "response_format": "verbose_json"},
}
TRANSLATIONS = {name: TRANSCRIPTIONS[name] for name in ("json", "text", "srt", "vtt", "verbose_json")}
REFUSED: dict[str, dict[str, Any]] = {
    "model": {"model": "whisper-9"},
    "language": {"language": "klingon"},
    "granularity": {"timestamp_granularities": ["word"]},
    "speakers": {"response_format": "diarized_json"},
    "strategy": {"chunking_strategy": {"type": "server_vad", "threshold": 7}, "stream": True},
}


SEVERAL_SEGMENTS = {name for name, given in TRANSCRIPTIONS.items() if "stream" in given}


def parameters_of(parameters: dict[str, Any]) -> dict[str, Any]:
    return {"model": "whisper-1", "language": "en"} | parameters


CALLS = [
    *[
        ("transcriptions", LONGER if name in SEVERAL_SEGMENTS else ENGLISH, parameters_of(given))
        for name, given in TRANSCRIPTIONS.items()
    ],
    *[("translations", SPANISH, {"model": "whisper-1"} | given) for given in TRANSLATIONS.values()],
    *[("transcriptions", ENGLISH, parameters_of(given)) for given in REFUSED.values()],
]
NAMES = [*TRANSCRIPTIONS, *(f"translated {name}" for name in TRANSLATIONS), *(f"bad {name}" for name in REFUSED)]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    english = tmp_path_factory.mktemp("spoken") / "two-sentences.flac"
    english.write_bytes(two_sentences())
    return {ENGLISH: english} | {clip: DATA / manifest()[clip]["audio"] for clip in (LONGER, SPANISH)}


@pytest.fixture(scope="module")
def told(live_server: str, recordings: dict[str, Path]) -> list[Any]:
    """What the Node SDK got, call for call."""
    node.install()
    calls = [
        {"resource": resource, "file": str(recordings[clip]), "parameters": parameters}
        for resource, clip, parameters in CALLS
    ]
    answers: list[Any] = node.run("rest.mjs", f"{live_server}/v1", "any", json.dumps(calls))
    return answers


@pytest.fixture(scope="module")
def python(live_server: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{live_server}/v1", api_key="any", max_retries=0, timeout=120) as client:
        yield client


def told_by_python(client: OpenAI, resource: str, path: Path, parameters: dict[str, Any]) -> Any:
    """The same call by the Python SDK, in the words of the script."""
    try:
        answer = getattr(client.audio, resource).create(file=path, **parameters)
    except openai.APIStatusError as error:
        told = {name: getattr(error, name) for name in ("code", "param", "type")}
        return {"error": told | {"class": type(error).__name__, "status": error.status_code, "retry_after": None}}
    if parameters.get("stream"):
        return {"events": [event.to_dict() for event in answer]}
    return {"answer": answer if isinstance(answer, str) else answer.to_dict()}


@pytest.mark.parametrize("number", range(len(CALLS)), ids=NAMES)
def test_both_sdks_get_the_same(told: list[Any], python: OpenAI, recordings: dict[str, Path], number: int) -> None:
    resource, clip, parameters = CALLS[number]
    assert told[number] == told_by_python(python, resource, recordings[clip], parameters)


def test_the_node_sdk_gets_the_text(told: list[Any]) -> None:
    text = told[NAMES.index("json")]["answer"]["text"]
    assert error_rate("demo", text, sentences=2) < 0.1
    streamed = told[NAMES.index("stream")]["events"][-1]["text"]
    assert error_rate(LONGER, streamed) < 0.1
    assert set(told[NAMES.index("json")]["answer"]) <= set(Transcription.model_fields)
    assert {"number", "invalid"} <= set(told[NAMES.index("translated json")]["answer"]["text"].lower().split())
    errors = [answer["error"] for answer in told if "error" in answer]
    assert [(error["class"], error["param"]) for error in errors] == [
        ("NotFoundError", "model"),
        ("BadRequestError", "language"),
        ("BadRequestError", "timestamp_granularities[]"),
        ("BadRequestError", "response_format"),
        ("BadRequestError", "chunking_strategy[threshold]"),
    ]
