"""Which model adapters were trained on: said beside them, so that they are merged into no other."""

import json
from dataclasses import asdict
from pathlib import Path

from models.folder import FileDigest, digest
from service.errors import BadRequest, ModelUnavailable

BASE = "base.json"


def weights(model: Path) -> tuple[FileDigest, ...]:
    """The files of a transformers model that hold its weights. Raises ModelUnavailable when there are none."""
    found = tuple(digest(path) for path in sorted(model.glob("*.safetensors")))
    if not found:
        raise ModelUnavailable(f"{model} holds no weights (*.safetensors): see sotto models import-ct2", field="model")
    return found


def write_base(adapter: Path, model: Path) -> None:
    """Says in the folder of adapters what `model`, that they were trained on, consists of."""
    content = {"model": model.name, "weights": [asdict(file) for file in weights(model)]}
    (adapter / BASE).write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def check_base(adapter: Path, model: Path) -> None:
    """Raises BadRequest when the adapters were trained on another model, or do not say on which."""
    path = adapter / BASE
    try:
        content = json.loads(path.read_text("utf-8"))
        name, trained_on = content["model"], tuple(FileDigest(**file) for file in content["weights"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(f"{path} does not say which model the adapter was trained on", field="adapter") from error
    if trained_on != weights(model):
        raise BadRequest(f"{adapter} was trained on another model than {model}: on one named {name}", field="adapter")
