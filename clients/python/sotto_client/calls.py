"""What is asked over HTTP and how the answers are read: everything about REST but the sending. Pure: no I/O."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

from sotto_client.biasing import BiasList, Keyword, parse_list, plain
from sotto_client.client_secrets import ClientSecret, parse_client_secret
from sotto_client.errors import ProtocolError
from sotto_client.jobs import Job, parse_job
from sotto_client.options import Wanted, form_fields
from sotto_client.transcription import Transcription, parse_transcription

ResponseFormat = Literal["json", "text", "srt", "verbose_json", "vtt"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request. `read` makes the answer's body what the caller gets, or raises ProtocolError.

    A body is `json`, or a `form` with a `recording`.
    """

    method: str
    path: str
    read: Callable[[str], T]
    json: Any = None
    form: Mapping[str, Any] | None = None
    recording: Path | None = None


def transcribe(path: Path | str, wanted: Wanted) -> Call[Transcription]:
    form = _verbose(wanted)
    return Call("POST", "/v1/audio/transcriptions", _json(parse_transcription), form=form, recording=Path(path))


def transcribe_as(response_format: ResponseFormat, path: Path | str, wanted: Wanted) -> Call[str]:
    form = _verbose(wanted) if response_format == "verbose_json" else form_fields(wanted)
    form["response_format"] = response_format
    return Call("POST", "/v1/audio/transcriptions", str, form=form, recording=Path(path))


def transcribe_events(path: Path | str, wanted: Wanted) -> Call[str]:
    """Its answer is read by a `TranscriptReader`."""
    form = form_fields(wanted) | {
        "stream": "true",
        "response_format": "verbose_json",
        "timestamp_granularities[]": ["segment"],
    }
    return Call("POST", "/v1/audio/transcriptions", str, form=form, recording=Path(path))


def translate(path: Path | str, model: str | None, prompt: str | None) -> Call[Transcription]:
    form = form_fields({"model": model, "prompt": prompt}) | {"response_format": "verbose_json"}
    return Call("POST", "/v1/audio/translations", _json(parse_transcription), form=form, recording=Path(path))


def submit_job(path: Path | str, webhook_url: str | None, wanted: Wanted) -> Call[Job]:
    form = form_fields(wanted) | ({"webhook_url": webhook_url} if webhook_url else {})
    return Call("POST", "/v1/jobs", _json(parse_job), form=form, recording=Path(path))


def get_job(job: str) -> Call[Job]:
    return Call("GET", _route("/v1/jobs", job), _json(parse_job))


def cancel_job(job: str) -> Call[Job]:
    return Call("DELETE", _route("/v1/jobs", job), _json(parse_job))


def models() -> Call[tuple[str, ...]]:
    return Call("GET", "/v1/models", _json(lambda values: _data(values, _model_id, "models")))


def client_secret(ttl_s: int) -> Call[ClientSecret]:
    wish = {"expires_after": {"anchor": "created_at", "seconds": ttl_s}}
    return Call("POST", "/v1/realtime/client_secrets", _json(parse_client_secret), json=wish)


def put_bias_list(name: str, entries: Sequence[Keyword]) -> Call[BiasList]:
    return Call("PUT", _route("/v1/bias-lists", name), _json(parse_list), json=plain(entries))


def patch_bias_list(name: str, add: Sequence[Keyword], remove: Sequence[str]) -> Call[BiasList]:
    change = {"add": plain(add), "remove": list(remove)}
    return Call("PATCH", _route("/v1/bias-lists", name), _json(parse_list), json=change)


def get_bias_list(name: str) -> Call[BiasList]:
    return Call("GET", _route("/v1/bias-lists", name), _json(parse_list))


def delete_bias_list(name: str) -> Call[BiasList]:
    return Call("DELETE", _route("/v1/bias-lists", name), _json(parse_list))


def bias_lists() -> Call[tuple[BiasList, ...]]:
    return Call("GET", "/v1/bias-lists", _json(lambda values: _data(values, parse_list, "bias lists")))


def _verbose(wanted: Wanted) -> dict[str, Any]:
    return form_fields(wanted) | {
        "response_format": "verbose_json",
        "timestamp_granularities[]": ["segment", "word"],
    }


def _route(collection: str, name: str) -> str:
    return f"{collection}/{quote(name, safe='')}"


def _json(read: Callable[[Any], T]) -> Callable[[str], T]:
    def read_text(text: str) -> T:
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ProtocolError("the server's answer is not JSON") from error
        return read(values)

    return read_text


def _data(values: Any, read: Callable[[Any], T], what: str) -> tuple[T, ...]:
    try:
        return tuple(read(each) for each in values["data"])
    except (KeyError, TypeError) as error:
        raise ProtocolError(f"the server's answer is not a list of {what}") from error


def _model_id(model: Any) -> str:
    return str(model["id"])
