"""What a client of `/v1/listen` says in text frames: parsing, pure."""

import json
from dataclasses import dataclass
from typing import Any

TYPES = ("CloseStream", "Configure", "KeepAlive", "Finalize")
CONFIGURE_FIELDS = ("features", "processors", "keyterms", "language_hints")


@dataclass(frozen=True, slots=True)
class KeepAlive:
    pass


@dataclass(frozen=True, slots=True)
class Finalize:
    """Of one channel, or of all."""

    channel: int | None = None


@dataclass(frozen=True, slots=True)
class CloseStream:
    pass


@dataclass(frozen=True, slots=True)
class Configure:
    """New keyterms; None leaves those that there are. Features of formatting are taken and change nothing."""

    keyterms: tuple[str, ...] | None = None


Control = KeepAlive | Finalize | CloseStream | Configure


class SchemaError(Exception):
    """The text frame is no message; the stream goes on."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Could not deserialize last text message: {reason}")


def parse_control(text: str) -> Control:
    """Raises SchemaError."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"not JSON: {str(error)[:200]}") from error
    if not isinstance(message, dict):
        raise SchemaError("expected an object")
    kind = message.pop("type", None)
    if kind == "KeepAlive":
        return KeepAlive()
    if kind == "CloseStream":
        return CloseStream()
    if kind == "Finalize":
        return Finalize(_channel(message.get("channel")))
    if kind == "Configure":
        return _configure(message)
    raise SchemaError(f"unknown variant `{str(kind)[:40]}`, expected one of {_listed(TYPES)}")


def _channel(value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise SchemaError("`channel` must be a whole number")
    return value


def _configure(message: dict[str, Any]) -> Configure:
    for name in message:
        if name not in CONFIGURE_FIELDS:
            raise SchemaError(f"unknown field `{name[:40]}`, expected one of {_listed(CONFIGURE_FIELDS)}")
    keyterms, features = message.get("keyterms"), message.get("features")
    if keyterms is not None and not (isinstance(keyterms, list) and all(isinstance(term, str) for term in keyterms)):
        raise SchemaError("`keyterms` must be a list of strings")
    if features is not None and not (
        isinstance(features, dict) and all(isinstance(value, bool) for value in features.values())
    ):
        raise SchemaError("`features` must be an object of booleans")
    return Configure(None if keyterms is None else tuple(keyterms))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
