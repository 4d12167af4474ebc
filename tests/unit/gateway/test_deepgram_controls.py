"""Text frames of `/v1/listen`."""

import json
from typing import Any

import pytest
from deepgram.listen.v1.types import (
    ListenV1CloseStream,
    ListenV1Configure,
    ListenV1Finalize,
    ListenV1KeepAlive,
)

from service.gateway.sockets.deepgram.controls import (
    CloseStream,
    Configure,
    Control,
    Finalize,
    KeepAlive,
    SchemaError,
    parse_control,
)


@pytest.mark.parametrize(
    ("sent", "control"),
    [
        (ListenV1KeepAlive(type="KeepAlive"), KeepAlive()),
        (ListenV1CloseStream(type="CloseStream"), CloseStream()),
        (ListenV1Finalize(type="Finalize"), Finalize()),
        (ListenV1Configure(keyterms=["a", "b"]), Configure(("a", "b"))),
        (ListenV1Configure(keyterms=[]), Configure(())),
        (ListenV1Configure(features={"numerals": True}), Configure(None)),
    ],
)
def test_what_the_sdk_sends_is_understood(sent: Any, control: Control) -> None:
    assert parse_control(json.dumps(sent.dict())) == control


def test_one_channel_can_be_finalized() -> None:
    assert parse_control('{"type": "Finalize", "channel": 1}') == Finalize(1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "KeepAlive",
        "[]",
        "null",
        "[" * 100_000,
        '{"type": 7}',
        '{"type": "Sync"}',
        '{"type": "Finalize", "channel": true}',
        '{"type": "Configure", "keyterms": [1]}',
        '{"type": "Configure", "features": {"numerals": "yes"}}',
        '{"type": "Configure", "words": []}',
    ],
)
def test_anything_else_is_a_schema_error(text: str) -> None:
    with pytest.raises(SchemaError, match="Could not deserialize last text message: "):
        parse_control(text)
