"""`sotto models import-ct2`: the form that training needs, from the form that is served."""

from pathlib import Path
from typing import Annotated

import typer

from models.ct2_import import import_ct2
from models.registry import resolve
from service.commands.terminal import one_line_errors
from service.settings import Settings


def import_ct2_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's id, or a folder in CTranslate2's form.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write; it must not exist.")],
) -> None:
    """Rebuilds the transformers form of a model that is here in CTranslate2's form, where no hub can be reached.

    Prints the folder. Fine-tuning and merging read it.
    """
    with one_line_errors():
        folder = Path(model) if Path(model).is_dir() else resolve(model, Settings().data_dir / "models")
        import_ct2(folder, out)
        typer.echo(out)
