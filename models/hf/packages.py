"""The packages of the extra `train`, which serving does without."""

import importlib.util

from service.errors import Failed

PACKAGES = ("torch", "transformers", "peft", "safetensors")


class MissingPackage(Failed):
    """A package of an extra that is not installed."""


def require_training() -> None:
    """Raises MissingPackage, in one line, when a package of the extra `train` is not installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingPackage(f"{', '.join(missing)} is not installed: pip install 'sotto[train]'")
    from transformers.utils import logging

    logging.disable_progress_bar()  # of every file that is read or written
