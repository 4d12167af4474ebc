"""The client for code without an event loop."""

import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx

from sotto_client import calls
from sotto_client.addresses import http_url
from sotto_client.biasing import BiasList, Keyword
from sotto_client.calls import Call, ResponseFormat
from sotto_client.client_secrets import ClientSecret
from sotto_client.events import Event
from sotto_client.exchange import answer, http_options, refusal, request
from sotto_client.jobs import Job, deadline, pause_s, result_of
from sotto_client.options import Patience, StreamOptions, Wanted
from sotto_client.threaded import LiveStream, iterate_stream
from sotto_client.transcript_events import TranscriptEvent, TranscriptReader
from sotto_client.transcription import Transcription

T = TypeVar("T")


class SottoClient:
    """`url` as in http://localhost:8000. `timeout_s` bounds the wait for each answer, in seconds.

    Every method raises Unreachable when the server cannot be reached or does not answer in time, ApiError when it
    refuses or fails, and ProtocolError when it is not a Sotto server. Those that take a recording raise OSError when
    it cannot be read. Usable as a context manager, which closes its connections, and from several threads.
    """

    def __init__(self, url: str, *, api_key: str | None = None, timeout_s: float = 3600.0) -> None:
        self._base = http_url(url)
        self._api_key = api_key
        self._http = httpx.Client(**http_options(self._base, api_key, timeout_s))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; streams that are open go on."""
        self._http.close()

    # ---- recordings

    def transcribe(self, path: Path | str, **wanted: Unpack[Wanted]) -> Transcription:
        """The transcript of a recording with its segments and words."""
        return self._ask(calls.transcribe(path, wanted))

    def transcribe_as(self, response_format: ResponseFormat, path: Path | str, **wanted: Unpack[Wanted]) -> str:
        """The server's answer in one of its formats, as it came."""
        return self._ask(calls.transcribe_as(response_format, path, wanted))

    def transcribe_events(self, path: Path | str, **wanted: Unpack[Wanted]) -> Generator[TranscriptEvent, None, None]:
        """The transcript utterance by utterance while later ones are being decoded: a `TextDelta` and a `TextSegment`
        for each, then `TextDone`. Nothing is sent before the first event is asked for; `close` cancels."""
        call = calls.transcribe_events(path, wanted)
        with request(self._base, call) as arguments, self._http.stream(**arguments) as response:
            if not response.is_success:
                response.read()
                raise refusal(response)
            reader = TranscriptReader()
            for text in response.iter_text():
                yield from reader.feed(text)
            reader.end()

    def translate(self, path: Path | str, *, model: str | None = None, prompt: str | None = None) -> Transcription:
        """What is said in a recording, in English, with its segments; needs a multilingual model."""
        return self._ask(calls.translate(path, model, prompt))

    # ---- recordings in the background

    def submit_job(self, path: Path | str, *, webhook_url: str | None = None, **wanted: Unpack[Wanted]) -> Job:
        """Stores a recording on the server, to be transcribed in the background; `webhook_url` is told of the end."""
        return self._ask(calls.submit_job(path, webhook_url, wanted))

    def get_job(self, job_id: str) -> Job:
        """How far a job is."""
        return self._ask(calls.get_job(job_id))

    def wait_for_job(self, job_id: str, *, poll_s: float = 1.0, timeout_s: float | None = None) -> Transcription:
        """The result of a job, which is asked for every `poll_s` seconds.

        Raises the ApiError that the job failed with, JobCancelled, and TimeoutError when it has not ended after
        `timeout_s` seconds (None: waits for ever); the job goes on then.
        """
        ends_at = deadline(timeout_s)
        while True:
            if (result := result_of(self.get_job(job_id))) is not None:
                return result
            time.sleep(pause_s(poll_s, ends_at))

    def cancel_job(self, job_id: str) -> Job:
        """Cancels a job, or has the server forget one that has ended; the job as it is now, or was."""
        return self._ask(calls.cancel_job(job_id))

    # ---- the server

    def models(self) -> tuple[str, ...]:
        """The ids of the models that the server offers."""
        return self._ask(calls.models())

    def client_secret(self, ttl_s: int = 600) -> ClientSecret:
        """A secret for a browser: it opens live streams in place of the API key for `ttl_s` seconds, 10 to 7200."""
        return self._ask(calls.client_secret(ttl_s))

    # ---- bias lists

    def put_bias_list(self, name: str, entries: Sequence[Keyword]) -> BiasList:
        """Creates or replaces a list. Entries that cannot be used are in `rejected`, the others count."""
        return self._ask(calls.put_bias_list(name, entries))

    def patch_bias_list(self, name: str, *, add: Sequence[Keyword] = (), remove: Sequence[str] = ()) -> BiasList:
        """Takes phrases out of a list, then adds entries or replaces those of the same phrase."""
        return self._ask(calls.patch_bias_list(name, add, remove))

    def get_bias_list(self, name: str) -> BiasList:
        """A list with its `phrases`."""
        return self._ask(calls.get_bias_list(name))

    def delete_bias_list(self, name: str) -> BiasList:
        """Removes a list; whatever uses it keeps it."""
        return self._ask(calls.delete_bias_list(name))

    def bias_lists(self) -> tuple[BiasList, ...]:
        """All lists of the server, without their phrases."""
        return self._ask(calls.bias_lists())

    # ---- live

    def live(self, options: StreamOptions | None = None, *, patience: Patience | None = None) -> LiveStream:
        """A live stream, to be entered with `with`."""
        return LiveStream(self._base, options, api_key=self._api_key, patience=patience)

    def stream(
        self, chunks: Iterable[bytes], options: StreamOptions | None = None, *, patience: Patience | None = None
    ) -> Iterator[Event]:
        """Streams `chunks` as fast as they come and yields events as they arrive, up to `Finished`."""
        return iterate_stream(self.live(options, patience=patience), chunks)

    def _ask(self, call: Call[T]) -> T:
        with request(self._base, call) as arguments:
            response = self._http.request(**arguments)
        return answer(call, response)
