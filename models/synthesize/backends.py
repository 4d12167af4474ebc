"""Which backends there are, and opening one from what a person named."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models import voices
from models.synthesize.chattts import ChatTts
from models.synthesize.endpoint import EndpointSpeaker, read_speech_endpoint
from models.synthesize.kokoro import Kokoro
from models.synthesize.piper import Piper
from models.synthesize.voice import Speaker
from service.errors import BadRequest

Kind = Literal["kokoro", "piper", "endpoint", "chattts"]


@dataclass(frozen=True, slots=True)
class Backend:
    """What it takes to open a backend, in another process too. `path`: a folder of voices or an endpoint's file;
    `key`: of the endpoint."""

    name: str
    kind: Kind
    path: Path | None = None
    key: str | None = None

    def __repr__(self) -> str:
        return f"Backend({self.name!r}, {self.kind!r}, {self.path})"  # without the key


def find_backend(text: str, voices_dir: Path) -> Backend:
    """From the id of fetched voices, `chattts`, a folder of Piper voices, or the .toml file of an endpoint.

    Raises BadRequest that names what can be given, ModelUnavailable for voices that are not fetched.
    """
    path = Path(text)
    if text == "chattts":
        return Backend(text, "chattts")
    if path.suffix == ".toml":
        return Backend(read_speech_endpoint(path).model, "endpoint", path)
    pack = next((pack for pack in voices.PACKS if pack.id == text), None)
    if pack is not None:
        return Backend(pack.id, pack.engine, voices.resolve(pack.id, voices_dir))
    if path.is_dir():
        return Backend(path.resolve().name, "piper", path)
    known = ", ".join(pack.id for pack in voices.PACKS)
    raise BadRequest(
        f"voices {text!r}: give {known}, chattts, a folder of Piper voices or the .toml file of an endpoint",
        field="voices",
    )


def open_backend(backend: Backend) -> Speaker:
    """Raises BadRequest without the backend's package, ModelUnavailable when it cannot be loaded."""
    if backend.path is None:
        return ChatTts(backend.name)
    if backend.kind == "kokoro":
        return Kokoro(backend.path, backend.name)
    if backend.kind == "piper":
        return Piper(backend.path, backend.name)
    return EndpointSpeaker(read_speech_endpoint(backend.path), backend.name, backend.key)
