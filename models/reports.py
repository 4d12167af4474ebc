"""What the reports of stages are made of: tables in Markdown, figures, and their files."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from models.stage import room_in
from service.errors import BadRequest

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

Figure: TypeAlias = "MatplotlibFigure"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table."""
    escaped = [[cell.replace("|", r"\|").replace("\n", " ") for cell in row] for row in rows]
    return [f"| {' | '.join(line)} |" for line in (headings, ["---"] * len(headings), *escaped)]


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches. Raises BadRequest without the extra `eval`."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BadRequest("plots need the extra `eval`: pip install 'sotto[eval]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def write_report_files(folder: Path, values: Mapping[str, Any], markdown: str, figure: Figure) -> None:
    """Writes `report.json`, `report.md` and `report.png`, each whole or not at all.

    Raises StageFull when the disk takes no more.
    """
    with room_in(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / "report.json", lambda part: _write(part, json.dumps(values, indent=1, ensure_ascii=False)))
        _replace(folder / "report.md", lambda part: _write(part, markdown))
        _replace(folder / "report.png", lambda part: figure.savefig(part, format="png", dpi=120))


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    path.write_text(text.rstrip("\n") + "\n", "utf-8")
