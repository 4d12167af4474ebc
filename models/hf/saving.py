"""Writing a model of transformers into a folder that is there. Needs the extra `train`."""

from pathlib import Path

from safetensors import SafetensorError
from transformers import WhisperForConditionalGeneration

from service.errors import Failed


def save(model: WhisperForConditionalGeneration, folder: Path) -> None:
    """Weights and configurations. Raises Failed when the disk takes no more."""
    try:
        model.save_pretrained(folder)
    except SafetensorError as error:  # instead of OSError, for its own files
        raise Failed(f"cannot write {folder}: {error}", field="out") from error
