"""What `--bias` and its like mean: a list file is checked here, so that what does not count is told at once."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from service.biasing.entries import Entry, Rejection, check
from service.biasing.formats import format_of, parse
from service.errors import BadRequest

REJECTIONS_SHOWN = 10

BiasFile = Annotated[
    Path | None, typer.Option("--bias", metavar="LIST", help="Names and phrases to expect: .txt, .csv or .json.")
]
BiasListNames = Annotated[
    list[str] | None, typer.Option("--bias-list", metavar="NAME", help="A list on the server; may be repeated.")
]
BiasStrength = Annotated[
    float | None,
    typer.Option("--bias-strength", min=0, max=2, help="How much they count; 1 by default, 0: not at all."),
]


def bias_options(file: Path | None, names: list[str] | None, strength: float | None) -> dict[str, Any]:
    """As the client's calls take them. Raises BadRequest for a file that cannot be used."""
    return {
        "keywords": [entry.to_json() for entry in read_list(file)] if file else None,
        "bias_lists": names or None,
        "bias_strength": strength,
    }


def read_list(file: Path) -> tuple[Entry, ...]:
    """The entries of a list file that count; the others are told on standard error. Raises BadRequest."""
    try:
        checked = check(parse(file.read_bytes(), format_of(file.name)))
    except OSError as error:
        raise BadRequest(f"{file}: {error.strerror}", field="bias") from error
    except BadRequest as error:
        raise BadRequest(f"{file}: {error.message}", field="bias") from error
    _tell(file, checked.rejected)
    return checked.accepted


def _tell(file: Path, rejected: tuple[Rejection, ...]) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for rejection in rejected[:REJECTIONS_SHOWN]:
        where = f"{file}: entry {rejection.index + 1}"
        console.print(f"{where} is left out: {rejection.message}: {rejection.phrase!r}", markup=False)
    if more := rejected[REJECTIONS_SHOWN:]:
        console.print(f"{file}: {len(more):,} more entries are left out", markup=False)
