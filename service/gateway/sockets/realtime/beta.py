"""The Realtime API as it was in beta: a flat session and other names, for clients that ask for it by header.

A beta session is translated to today's one as it comes in and back as it goes out, so there is one session below.
"""

from typing import Any

from service.gateway.sockets.realtime.errors import InvalidEvent

HEADER = "realtime=v1"
FORMATS: dict[str, dict[str, Any]] = {
    "pcm16": {"type": "audio/pcm", "rate": 24_000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
NAMES = {
    "input_audio_format": "format",
    "input_audio_noise_reduction": "noise_reduction",
    "input_audio_transcription": "transcription",
    "turn_detection": "turn_detection",
}
IGNORED = ("modalities", "client_secret")
EVENTS = {
    "session.created": "transcription_session.created",
    "session.updated": "transcription_session.updated",
    "conversation.item.added": "conversation.item.created",
}
UNKNOWN_EVENTS = ("conversation.item.done",)


def to_current(session: dict[str, Any]) -> dict[str, Any]:
    """A client's beta session as today's. Raises InvalidEvent for a field or format that the beta did not have."""
    given: dict[str, Any] = {}
    current: dict[str, Any] = {"audio": {"input": given}}
    for name, value in session.items():
        if name == "input_audio_format":
            if value not in FORMATS:
                supported = ", ".join(f"'{known}'" for known in FORMATS)
                message = f"Invalid value: '{value}'. Supported values are: {supported}."
                raise InvalidEvent("invalid_value", message, field=f"session.{name}")
            given["format"] = FORMATS[value]
        elif name in NAMES:
            given[NAMES[name]] = value
        elif name == "include":
            current["include"] = value
        elif name not in IGNORED:
            raise InvalidEvent("unknown_parameter", f"Unknown parameter: 'session.{name}'.", field=f"session.{name}")
    return current


def from_current(session: dict[str, Any]) -> dict[str, Any]:
    """A session as `Session.told` shows it, in the beta's fields."""
    shown = {name: session["audio"]["input"][current] for name, current in NAMES.items()}
    kind = shown["input_audio_format"]["type"]
    shown["input_audio_format"] = next(name for name, known in FORMATS.items() if known["type"] == kind)
    kept = {name: session[name] for name in ("id", "object", "expires_at", "include")}
    return kept | shown | {"modalities": ["audio", "text"]}


def field_name(param: str | None) -> str | None:
    """The name that a parameter of today had."""
    for name, current in NAMES.items():
        param = param.replace(f"session.audio.input.{current}", f"session.{name}") if param else param
    return param


def message(event: dict[str, Any]) -> dict[str, Any] | None:
    """A server event in the beta's words; None for one that the beta did not have."""
    if event["type"] in UNKNOWN_EVENTS:
        return None
    renamed = event | {"type": EVENTS.get(event["type"], event["type"])}
    if "session" in event:
        renamed["session"] = from_current(event["session"])
    if "error" in event and "param" in event["error"]:
        renamed["error"] = event["error"] | {"param": field_name(event["error"]["param"])}
    return renamed
