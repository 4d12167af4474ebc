"""The models on this machine's disk, and how they come into memory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from models.registry import MODEL_ID, installed, resolve
from service.decoding.vocabulary import Vocabulary
from service.decoding.whisper import WhisperDecoder
from service.worker.batches import Decoder
from service.worker.device import Placement


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on the disk; `bytes` of its weights, by which memory is counted."""

    path: Path
    bytes: int
    languages: tuple[str, ...]


class LoadedModel(Decoder, Protocol):
    @property
    def languages(self) -> tuple[str, ...]: ...


class ModelSource(Protocol):
    """Where a worker process takes models from. Its methods are called on threads."""

    def ids(self) -> tuple[str, ...]:
        """What there is."""

    def find(self, model: str) -> ModelFiles:
        """Raises SottoError, OSError or ValueError for a model that is not here, or not whole."""

    def load(self, files: ModelFiles) -> LoadedModel:
        """May raise whatever broken files make it raise."""


class ModelFolder:
    """`models_dir` of the settings: a folder for each model."""

    def __init__(self, models_dir: Path, placement: Placement) -> None:
        self._models_dir = models_dir
        self._placement = placement

    def ids(self) -> tuple[str, ...]:
        if not self._models_dir.is_dir():
            return ()
        folders = (path for path in self._models_dir.iterdir() if (path / "model.bin").is_file())
        return tuple(sorted(path.name for path in folders if MODEL_ID.fullmatch(path.name)))

    def find(self, model: str) -> ModelFiles:
        path = resolve(model, self._models_dir)
        [multilingual] = [one.multilingual for one in installed(self._models_dir) if one.id == model]
        languages = Vocabulary(path, multilingual=multilingual).languages
        return ModelFiles(path, (path / "model.bin").stat().st_size, languages)

    def load(self, files: ModelFiles) -> WhisperDecoder:
        placed = self._placement
        return WhisperDecoder(files.path, device=placed.device, compute_type=placed.compute_type, threads=placed.slots)
