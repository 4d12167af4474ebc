"""How commands speak to a person: download progress, and errors in one line instead of tracebacks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rich.progress
import typer
from pydantic import ValidationError
from rich.console import Console

from models.fetch import fetch
from service.errors import BadRequest, SottoError

MB = 1_000_000
UNPREFIXED = ("REDIS_URL", "REDIS_PASSWORD", "REDIS_SENTINEL_PASSWORD", "PROMETHEUS_MULTIPROC_DIR")
PLAIN_STEP_PERCENT = 10


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Ends the command on a SottoError: status 2 when the person can mend it, 1 otherwise."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        known = name if name in UNPREFIXED else f"SOTTO_{name}"
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {known}: {first['msg']}", markup=False)
        raise typer.Exit(2) from error
    except SottoError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {error.message}", markup=False)
        raise typer.Exit(2 if isinstance(error, BadRequest) else 1) from error


def fetch_with_progress(model_id: str, models_dir: Path) -> Path:
    """`models.fetch.fetch`, with a bar on a terminal and a line for every tenth elsewhere, on standard error."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        return fetch(model_id, models_dir, PlainProgress(console))
    with BarProgress(console) as progress:
        return fetch(model_id, models_dir, progress)


class PlainProgress:
    """Progress as lines, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told_percent = 0

    def note(self, text: str) -> None:
        self._told_percent = 0
        self._console.print(text, markup=False)

    def downloaded(self, done_bytes: int, total_bytes: int) -> None:
        percent = 100 * done_bytes // max(total_bytes, 1)
        if percent >= self._told_percent + PLAIN_STEP_PERCENT:
            self._told_percent = percent - percent % PLAIN_STEP_PERCENT
            self._console.print(f"  {percent:3d} %  {done_bytes / MB:,.0f} of {total_bytes / MB:,.0f} MB")


class BarProgress:
    """Progress as a bar that is redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._bar = rich.progress.Progress(
            rich.progress.BarColumn(),
            rich.progress.DownloadColumn(),
            rich.progress.TransferSpeedColumn(),
            rich.progress.TimeRemainingColumn(),
            console=console,
        )
        self._task: rich.progress.TaskID | None = None

    def __enter__(self) -> "BarProgress":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def note(self, text: str) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        self._bar.console.print(text, markup=False)

    def downloaded(self, done_bytes: int, total_bytes: int) -> None:
        if self._task is None:
            self._task = self._bar.add_task("download", total=total_bytes)
        self._bar.update(self._task, completed=done_bytes, total=total_bytes)
