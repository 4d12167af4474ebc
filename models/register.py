"""A converted model among those that are served: under an id of its own, with its card."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.card import Card, DataCard, data_card, markdown
from models.convert import REPORT
from models.folder import MANIFEST, Manifest, digests, new_folder, problems, write_manifest
from models.registry import find
from models.stage import read_source
from service.errors import BadRequest

CARD, PAGE = "card.json", "README.md"


@dataclass(frozen=True, slots=True)
class Registration:
    """What a model's card says. `data`: manifests or stages that it was trained on; `recipe`: the YAML that it was
    trained by; `scores`: `report.json` of `sotto models evaluate`."""

    id: str
    base: str
    licence: str
    version: str = "1"
    data: Sequence[Path] = ()
    recipe: Path | None = None
    scores: Path | None = None


def check_free(model_id: str, models_dir: Path) -> None:
    """Raises UnknownModel for what is no id, BadRequest for one that is taken."""
    if find(model_id) is not None:
        raise BadRequest(f"{model_id} names a model that is fetched: take another id", field="id")
    if (models_dir / model_id).exists():
        raise BadRequest(f"there is a model {model_id}: models are never overwritten", field="id")


def register(model: Path, models_dir: Path, registration: Registration) -> Path:
    """Copies a model in CTranslate2's form to `models_dir` with its card and the digests of its files; its folder.

    Raises UnknownModel for what is no id, BadRequest for an id that is taken and for data, recipe or scores that
    cannot be read, Failed when the disk takes no more.
    """
    check_free(registration.id, models_dir)
    if not model.is_dir():
        raise BadRequest(f"there is no folder {model}", field="model")
    if wrong := problems(model):
        raise BadRequest(f"{model} is no model that is served: {'; '.join(wrong)}", field="model")
    data = [_data(path) for path in registration.data]
    recipe = _text(registration.recipe, "recipe") if registration.recipe else None
    scores = _scores(registration.scores) if registration.scores else None
    with new_folder(models_dir / registration.id) as folder:
        for path in model.iterdir():
            if path.is_file() and path.name not in (MANIFEST, CARD, PAGE):
                shutil.copyfile(path, folder / path.name)
        card = Card(
            id=registration.id,
            version=registration.version,
            base=registration.base,
            licence=registration.licence,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            data=data,
            recipe=recipe,
            scores=scores,
            conversion=_json(folder / REPORT, "model") if (folder / REPORT).is_file() else None,
            files=digests(folder),
        )
        _write(folder, card)
    return models_dir / registration.id


def _write(folder: Path, card: Card) -> None:
    """The manifest is last: it has the digests of the card, too."""
    (folder / CARD).write_text(json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n", "utf-8")
    (folder / PAGE).write_text(markdown(card), "utf-8")
    source = f"version {card.version}, made from {card.base}"
    write_manifest(folder, Manifest(card.id, source, card.licence, digests(folder)))


def _data(path: Path) -> DataCard:
    return data_card(str(path), read_source(path))


def _scores(path: Path) -> Mapping[str, Any]:
    report = _json(path, "scores")
    if not {"systems", "slices"} <= report.keys() or not report["slices"]:
        raise BadRequest(f"{path} is no report of `sotto models evaluate`", field="scores")
    return report


def _json(path: Path, field: str) -> dict[str, Any]:
    try:
        content = json.loads(_text(path, field))
    except ValueError as error:
        raise BadRequest(f"{path}: not JSON ({error})", field=field) from error
    if not isinstance(content, dict):
        raise BadRequest(f"{path}: not a JSON object", field=field)
    return content


def _text(path: Path, field: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise BadRequest(f"cannot read {path}: {error}", field=field) from error
