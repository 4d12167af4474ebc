"""`sotto models register`: a converted model under an id, ready to be served."""

from pathlib import Path
from typing import Annotated

import typer

from models.register import Registration, register
from service.commands.terminal import one_line_errors
from service.settings import Settings


def register_model(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="What convert wrote.")],
    model_id: Annotated[str, typer.Argument(metavar="ID", help="The new model's name; it must not be taken.")],
    base: Annotated[str, typer.Option(metavar="ID", help="The model that it was made from.")],
    licence: Annotated[str, typer.Option(metavar="TEXT", help="Under which it may be used; Whisper's own is MIT.")],
    version: Annotated[str, typer.Option(metavar="TEXT", help="Whatever tells it from others of its kind.")] = "1",
    data: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="What it was trained on: a manifest or a stage's folder; repeatable."),
    ] = None,
    recipe: Annotated[Path | None, typer.Option(metavar="FILE", help="RUN/finetune/recipe.yaml.")] = None,
    scores: Annotated[Path | None, typer.Option(metavar="FILE", help="report.json of evaluate.")] = None,
) -> None:
    """Put a converted model among those that are served, with a card of its origin and scores (docs/adaptation.md).

    The model goes to SOTTO_DATA_DIR/models/ID with SHA-256 of every file; `sotto worker --model ID` serves it.
    """
    with one_line_errors():
        registration = Registration(model_id, base, licence, version, tuple(data or ()), recipe, scores)
        typer.echo(register(model, Settings().data_dir / "models", registration))
