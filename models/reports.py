"""What the reports of stages are made of: tables in Markdown, figures, and their files."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from models.stage import write_whole
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
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_whole(folder / "report.json", json.dumps(values, indent=1, ensure_ascii=False) + "\n")
    write_whole(folder / "report.md", markdown.rstrip("\n") + "\n")
    write_whole(folder / "report.png", picture.getvalue())
