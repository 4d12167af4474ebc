"""Options of the stages that transcribe, and the recogniser they choose."""

from pathlib import Path
from typing import Annotated

import typer
from threadpoolctl import threadpool_limits

from models.registry import resolve
from models.transcribing import Device, WhisperRecogniser
from service.settings import Settings
from service.worker.device import place

Rules = Annotated[
    str,
    typer.Option(metavar="whisper|sotto", help="Whose normalisation of texts: openai/whisper's, or `sotto eval`'s."),
]
ShardOption = Annotated[str, typer.Option(metavar="K/N", help="Only the K-th of N shares of the inputs.")]


def load_recogniser(model: str) -> WhisperRecogniser:
    """`model`: an id, or a folder in CTranslate2's form; it runs where the settings say.

    Raises UnknownModel and ModelUnavailable.
    """
    settings = Settings()
    folder = Path(model) if Path(model).is_dir() else resolve(model, settings.data_dir / "models")
    placed = place(settings)
    threadpool_limits(limits=1, user_api="blas")  # as in the worker
    return WhisperRecogniser(folder, Device(placed.device, placed.compute_type, placed.slots, placed.max_batch))
