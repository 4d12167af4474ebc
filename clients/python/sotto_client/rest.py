"""A synchronous client for simple use: whole recordings over REST, and live streams as a plain iterator."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, Unpack
from urllib.parse import quote

import httpx

from sotto_client.addresses import http_url, is_loopback
from sotto_client.biasing import BiasList, Keyword, parse_list, plain
from sotto_client.errors import ProtocolError, Unreachable, error_from_response, reason
from sotto_client.events import Event
from sotto_client.options import Patience, StreamOptions, Wanted, form_fields
from sotto_client.threaded import iterate_stream
from sotto_client.transcription import Transcription, parse_transcription

ResponseFormat = Literal["json", "text", "srt", "verbose_json", "vtt"]


class SottoClient:
    """`url` as in http://localhost:8000. `timeout_s` bounds the wait for each answer.

    Every method raises Unreachable when the server cannot be reached or does not answer in time and ApiError
    when it refuses or fails. Usable as a context manager, which closes its connections.
    """

    def __init__(self, url: str, *, api_key: str | None = None, timeout_s: float = 3600.0) -> None:
        self._base = http_url(url)
        self._api_key = api_key
        self._http = httpx.Client(
            base_url=self._base,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(timeout_s, connect=10.0),
            trust_env=not is_loopback(self._base),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def transcribe(self, path: Path | str, **wanted: Unpack[Wanted]) -> Transcription:
        """The transcript of a recording with its segments and words. Raises OSError when it cannot be read."""
        return parse_transcription(_json(self._upload(path, "verbose_json", wanted)))

    def transcribe_as(self, response_format: ResponseFormat, path: Path | str, **wanted: Unpack[Wanted]) -> str:
        """The server's answer in one of its formats, as it came."""
        return self._upload(path, response_format, wanted).text

    def models(self) -> tuple[str, ...]:
        """The ids of the models that the server offers."""
        try:
            return tuple(str(model["id"]) for model in _json(self._send("GET", "/v1/models"))["data"])
        except (KeyError, TypeError) as error:
            raise ProtocolError("the server's answer is not a list of models") from error

    def put_bias_list(self, name: str, entries: Sequence[Keyword]) -> BiasList:
        """Creates or replaces a list. Entries that cannot be used are in `rejected`, the others count."""
        return parse_list(_json(self._send("PUT", _list_route(name), json=plain(entries))))

    def patch_bias_list(self, name: str, *, add: Sequence[Keyword] = (), remove: Sequence[str] = ()) -> BiasList:
        """Takes phrases out of a list, then adds entries or replaces those of the same phrase."""
        change = {"add": plain(add), "remove": list(remove)}
        return parse_list(_json(self._send("PATCH", _list_route(name), json=change)))

    def get_bias_list(self, name: str) -> BiasList:
        """A list with its `phrases`."""
        return parse_list(_json(self._send("GET", _list_route(name))))

    def delete_bias_list(self, name: str) -> BiasList:
        """Removes a list; whatever uses it keeps it."""
        return parse_list(_json(self._send("DELETE", _list_route(name))))

    def bias_lists(self) -> tuple[BiasList, ...]:
        """All lists of the server, without their phrases."""
        try:
            return tuple(parse_list(each) for each in _json(self._send("GET", "/v1/bias-lists"))["data"])
        except (KeyError, TypeError) as error:
            raise ProtocolError("the server's answer is not a list of bias lists") from error

    def stream(
        self, chunks: Iterable[bytes], options: StreamOptions | None = None, *, patience: Patience | None = None
    ) -> Iterator[Event]:
        """Streams `chunks` as fast as they come and yields events as they arrive, up to `Finished`."""
        return iterate_stream(self._base, chunks, options, api_key=self._api_key, patience=patience)

    def _upload(self, path: Path | str, response_format: ResponseFormat, wanted: Wanted) -> httpx.Response:
        form = {"response_format": response_format} | form_fields(wanted)
        if response_format == "verbose_json":
            form["timestamp_granularities[]"] = ["segment", "word"]
        path = Path(path)
        with path.open("rb") as recording:
            return self._send("POST", "/v1/audio/transcriptions", data=form, files={"file": (path.name, recording)})

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **content)
        except httpx.TimeoutException as error:
            raise Unreachable(f"{self._base} did not answer in time") from error
        except httpx.TransportError as error:
            raise Unreachable(f"no server answers at {self._base} ({reason(error)})") from error
        if response.is_success:
            return response
        try:
            body = response.json()
        except ValueError:
            body = None
        raise error_from_response(response.status_code, body, response.headers.get("Retry-After"))


def _list_route(name: str) -> str:
    return f"/v1/bias-lists/{quote(name, safe='')}"


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise ProtocolError("the server's answer is not JSON") from error
