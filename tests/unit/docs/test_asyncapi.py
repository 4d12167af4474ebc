"""/asyncapi.yaml says what `/v1/stream` does: its messages are those of the code."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from pydantic import BaseModel

import service
from service.audio.endpointer import EndpointerOptions
from service.audio.stream_decoder import ENCODINGS, MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, StreamFormat
from service.errors import BadRequest, SottoError
from service.gateway.sockets.messages import AudioFormat, Configure, Finish, Flush, Ping, Resume, Start
from service.gateway.sockets.native import error_event
from service.log.turns import Turn
from service.transcript import Final, Partial, Word
from service.worker.finishing import final_event, partial_event
from tests.unit.docs.conftest import CheckMessage, Description, resolved

CLIENT_MODELS: dict[str, type[BaseModel]] = {
    "Start": Start,
    "AudioFormat": AudioFormat,
    "Resume": Resume,
    "Configure": Configure,
    "Flush": Flush,
    "Finish": Finish,
    "Ping": Ping,
}
SERVER_EVENTS = {
    "started", "ack", "speech_started", "speech_ended", "partial", "final", "resumed", "configured", "pong", "finished",
    "error",
}  # fmt: skip
EMITTING = (
    "gateway/sockets/native.py",
    "gateway/opening.py",
    "gateway/live_session.py",
    "gateway/writer.py",
    "worker",
    "log",
)
TURN = Turn("final", f"s_{'0' * 32}", 2, 16_000, 48_000, 40_000, {})


# ---- the document


def test_document_has_the_parts_that_asyncapi_3_requires(asyncapi: Description) -> None:
    assert asyncapi["asyncapi"] == "3.0.0"
    assert asyncapi["info"]["version"] == service.__version__
    known = {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"}
    assert asyncapi.keys() <= known
    for operation in asyncapi["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert resolved(asyncapi, operation["channel"])["address"] == "/v1/stream"
    for server in asyncapi["servers"].values():
        assert {"host", "protocol"} <= server.keys()


def test_every_reference_resolves(asyncapi: Description) -> None:
    references = [value for key, value in walk(asyncapi) if key == "$ref"]
    assert references
    for reference in references:
        assert resolved(asyncapi, {"$ref": reference})


def test_every_message_belongs_to_one_operation(asyncapi: Description) -> None:
    channel = asyncapi["channels"]["stream"]["messages"]
    used = [m["$ref"].rsplit("/", 1)[1] for op in asyncapi["operations"].values() for m in op["messages"]]
    assert sorted(used) == sorted(channel) == sorted(asyncapi["components"]["messages"])


def test_every_schema_is_json_schema_and_used(asyncapi: Description) -> None:
    references = {value for key, value in walk(asyncapi) if key == "$ref"}
    for name, schema in asyncapi["components"]["schemas"].items():
        Draft7Validator.check_schema(schema)
        assert f"#/components/schemas/{name}" in references


def test_every_example_is_valid(asyncapi: Description, check_message: CheckMessage) -> None:
    for name, message in asyncapi["components"]["messages"].items():
        if name == "audio":
            continue
        assert message["examples"], f"{name} has no example"
        for example in message["examples"]:
            check_message(name, example["payload"])
            assert example["payload"]["type"] == name


# ---- what clients send


@pytest.mark.parametrize("name", CLIENT_MODELS)
def test_client_message_is_that_of_the_code(asyncapi: Description, name: str) -> None:
    described, model = asyncapi["components"]["schemas"][name], CLIENT_MODELS[name]
    generated = model.model_json_schema()
    assert described["properties"].keys() == generated["properties"].keys()
    assert set(described.get("required", ())) == set(generated.get("required", ()))
    assert described["additionalProperties"] is False
    assert generated["additionalProperties"] is False
    for field, schema in generated["properties"].items():
        ours = resolved(asyncapi, described["properties"][field])
        theirs = behind_reference(generated, schema)
        assert types(ours) == types(theirs), field
        assert limits(theirs).items() <= limits(ours).items(), field
        if name != "Configure" and "default" in theirs:  # there, what is not sent stays as it is
            assert ours["default"] == theirs["default"], field


def test_audio_formats_are_those_of_the_decoder(asyncapi: Description) -> None:
    properties = asyncapi["components"]["schemas"]["AudioFormat"]["properties"]
    assert tuple(properties["encoding"]["enum"]) == ENCODINGS
    assert (properties["sample_rate"]["minimum"], properties["sample_rate"]["maximum"]) == (
        MIN_SAMPLE_RATE,
        MAX_SAMPLE_RATE,
    )
    assert properties["channels"]["maximum"] == MAX_CHANNELS
    assert StreamFormat(**{name: schema["default"] for name, schema in properties.items()}) == StreamFormat()


def test_endpointing_is_that_of_the_endpointer(asyncapi: Description) -> None:
    properties = asyncapi["components"]["schemas"]["Endpointing"]["properties"]
    defaults = dataclasses.asdict(EndpointerOptions())
    assert {name: schema["default"] for name, schema in properties.items()} == defaults
    for name, schema in properties.items():
        others: dict[str, Any] = {"max_utterance_ms": 26_000} if name == "min_utterance_ms" else {}
        for value in (schema["minimum"], schema["maximum"]):
            EndpointerOptions(**others | {name: value})
        step = 0.01 if schema["type"] == "number" else 1
        for value in (schema["minimum"] - step, schema["maximum"] + step):
            with pytest.raises(BadRequest, match=name):
                EndpointerOptions(**others | {name: value})


# ---- what the server sends


def test_every_event_that_the_code_emits_is_described(asyncapi: Description) -> None:
    root = Path(service.__file__).parent
    sources = [
        file for part in EMITTING for file in ([root / part] if part.endswith(".py") else (root / part).rglob("*"))
    ]
    text = "".join(file.read_text("utf-8") for file in sources if file.suffix in (".py", ".lua"))
    assert set(re.findall(r'"type":\s*"(\w+)"', text)) == SERVER_EVENTS
    sent = asyncapi["operations"]["sendEvents"]["messages"]
    assert {message["$ref"].rsplit("/", 1)[1] for message in sent} == SERVER_EVENTS


def test_finals_of_the_worker_are_valid(check_message: CheckMessage) -> None:
    words = (Word("Bonjour", 1.02, 1.5, 0.93), Word("madame.", 1.5, 2.0, 1.0))
    final = Final(2, "Bonjour madame.", 1.02, 2.0, "fr", words, (12, 345), -0.21, 0.01, 0.8, 0.2)
    check_message("final", {"seq": 9} | final_event(TURN, final))


def test_partials_of_the_worker_are_valid(check_message: CheckMessage) -> None:
    check_message("partial", {"seq": 9} | partial_event(TURN, Partial(2, "Bonjour", " madame", 1.0, 2.2, 0.91)))


@pytest.mark.parametrize("field", [None, "format.encoding"])
def test_errors_of_the_socket_are_valid(check_message: CheckMessage, field: str | None) -> None:
    check_message("error", {"seq": 1} | error_event(BadRequest("no such encoding", field=field)))


def test_error_codes_are_those_of_the_error_tree(asyncapi: Description) -> None:
    channel = asyncapi["channels"]["stream"]
    close_of = {error.code: error.close_code for error in descendants(SottoError)}
    for entry in channel["x-error-codes"]:
        assert entry["code"] in close_of
        if entry["code"] != "decode_failed":  # costs one utterance, closes nothing
            assert entry["close"] == close_of[entry["code"]], entry
    closes = {entry["close"] for entry in channel["x-error-codes"]} - {None}
    assert closes <= {entry["code"] for entry in channel["x-close-codes"]}


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


def behind_reference(generated: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return generated["$defs"][reference.rsplit("/", 1)[1]] if reference else schema


def types(schema: dict[str, Any]) -> set[str]:
    """The JSON types that a schema admits, however it says so."""
    if "const" in schema:
        return {str(schema["const"])}
    if "anyOf" in schema:
        return set().union(*(types(each) for each in schema["anyOf"]))
    kind = schema["type"]
    return {kind} if isinstance(kind, str) else set(kind)


def limits(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: schema[name] for name in ("minimum", "maximum", "minLength", "maxLength") if name in schema}


def descendants(kind: type[SottoError]) -> Iterator[type[SottoError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)
