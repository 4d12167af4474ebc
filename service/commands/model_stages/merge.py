"""`sotto models merge`: adapters and the model that they were trained on, as one model."""

from pathlib import Path
from typing import Annotated

import typer

from models.merge import merge
from service.commands.terminal import one_line_errors


def merge_adapter(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="What was fine-tuned, in transformers' form.")],
    adapter: Annotated[Path, typer.Argument(metavar="ADAPTER", help="What finetune wrote: RUN/finetune/adapter.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write; it must not exist.")],
) -> None:
    """Add low-rank adapters to the weights that they were trained on (docs/adaptation.md); needs the extra `train`.

    Adapters of another model are refused. Prints the folder, in transformers' form: `convert` makes it fit to serve.
    """
    with one_line_errors():
        merge(model, adapter, out)
        typer.echo(out)
