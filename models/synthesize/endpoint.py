"""Any endpoint that speaks OpenAI's /audio/speech, described by a TOML file.

url = "https://api.example.com/v1"      # /audio/speech is appended
model = "some-speech-model"
key_env = "EXAMPLE_API_KEY"             # the variable that holds the key; leave it out where none is wanted
licence = "the service's terms"         # goes with every clip
timeout_s = 60                          # of a request
attempts = 6                            # at one request before the run stops
voices = [{ name = "alloy" }, { name = "marie", language = "fr", accent = "fr-FR", gender = "female" }]
[body]                                  # more fields of the request, as the endpoint wants them
instructions = "Speak like somebody on the phone."
"""

import io
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from models.chat.answers import error_message
from models.chat.pace import LONGEST_ASKED_S, delay_s, retry_after_s
from models.described import check_endpoint, read_described
from models.synthesize.voice import Float32, Unspeakable, Voice
from service.audio.container import read_file
from service.audio.pcm import to_float32
from service.errors import BadRequest, Failed
from service.transcript import SAMPLE_RATE

LONGEST_CLIP_S = 120.0
TEXT_REFUSED = (400, 413, 422)
PASSING = (408, 425, 429)  # and all from 500
FORMAT = "wav"


class EndpointUnavailable(Failed):
    """The endpoint cannot be reached, or gives no sound however often it is asked."""


@dataclass(frozen=True, slots=True)
class SpeechEndpoint:
    """See the module. Raises BadRequest that names the field for values that cannot be."""

    url: str
    model: str
    voices: tuple[Voice, ...]
    key_env: str = ""
    licence: str = ""
    timeout_s: float = 60.0
    attempts: int = 6
    body: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_endpoint(self)


def read_speech_endpoint(path: Path) -> SpeechEndpoint:
    """Raises BadRequest that names file and field; unknown fields are refused."""
    endpoint = read_described(path, SpeechEndpoint, field="voices", convert={"voices": _voices})
    return replace(endpoint, voices=tuple(replace(voice, licence=endpoint.licence) for voice in endpoint.voices))


def _voices(described: Any) -> tuple[Voice, ...]:
    if not isinstance(described, list) or not described:
        raise BadRequest("voices: must be a list of tables", field="voices")
    return tuple(map(_voice, described))


def _voice(described: Any) -> Voice:
    known = ("name", "language", "accent", "gender")
    if not isinstance(described, dict) or not described.get("name"):
        raise BadRequest("voices: each is a table with a name", field="voices")
    for name, value in described.items():
        if name not in known or not isinstance(value, str):
            raise BadRequest(f"voices, {name}: is no string of {', '.join(known)}", field="voices")
    return Voice("endpoint", **{"language": "", **described})


class EndpointSpeaker:
    """`key`: what `key_env` holds. `wait` is called with seconds before a request is repeated."""

    reads_numbers = True

    def __init__(
        self,
        endpoint: SpeechEndpoint,
        name: str = "endpoint",
        key: str | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self.licence = endpoint.licence
        self._endpoint = endpoint
        self._url = f"{endpoint.url.rstrip('/')}/audio/speech"
        self._wait = wait
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(timeout=endpoint.timeout_s, headers=headers)

    def voices(self) -> tuple[Voice, ...]:
        return tuple(replace(voice, engine=self.name) for voice in self._endpoint.voices)

    def speak(self, text: str, voice: Voice, speed: float) -> tuple[Float32, int]:
        request = {
            **{"model": self._endpoint.model, "input": text, "voice": voice.name, "speed": round(speed, 3)},
            **{"response_format": FORMAT, **self._endpoint.body},
        }
        problem = ""
        for attempt in range(1, self._endpoint.attempts + 1):
            try:
                answer = self._http.post(self._url, json=request)
            except httpx.TransportError as error:
                problem, asked_s = str(error) or type(error).__name__, None
            else:
                if answer.is_success:
                    return self._sound(answer.content), SAMPLE_RATE
                problem, asked_s = self._refusal(answer, text), retry_after_s(answer.headers.get("Retry-After"))
            if attempt < self._endpoint.attempts:
                self._wait(min(max(delay_s(attempt, random.random()), asked_s or 0.0), LONGEST_ASKED_S))
        raise EndpointUnavailable(f"{self._url}: {problem} (after {self._endpoint.attempts} attempts)", field="voices")

    def _refusal(self, answer: httpx.Response, text: str) -> str:
        """What went wrong, where asking again may help; raises where it does not."""
        _, message = error_message(answer.content)
        problem = f"{answer.status_code}: {message}"
        if answer.status_code in PASSING or answer.status_code >= 500:
            return problem
        if answer.status_code in TEXT_REFUSED:
            raise Unspeakable(f"{text!r} is refused: {problem}", field="text")
        raise BadRequest(f"{self._url}, model {self._endpoint.model}: {problem}", field="voices")

    def _sound(self, content: bytes) -> Float32:
        try:
            chunks = list(read_file(io.BytesIO(content), max_seconds=LONGEST_CLIP_S))
        except BadRequest as error:
            raise EndpointUnavailable(f"{self._url} sent no audio: {error.message}", field="voices") from error
        return to_float32(np.concatenate(chunks))
