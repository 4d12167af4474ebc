"""`sotto models convert`: the form that is served, compared with the form that was trained."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from models.agreement import Bounds
from models.convert import BOUNDS, Conversion, bounds_of, convert
from service.commands.terminal import one_line_errors


def convert_model(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A Whisper in transformers' form: see merge.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write; it must not exist.")],
    speech: Annotated[Path, typer.Option(metavar="MANIFEST", help="Recordings to compare the two forms on.")],
    quantization: Annotated[str, typer.Option(metavar="TYPE", help=f"One of {', '.join(BOUNDS)}.")] = "int8",
    utterances: Annotated[int, typer.Option(min=1, help="How many recordings, spread over the manifest.")] = 20,
    least_equal: Annotated[
        float | None, typer.Option(min=0, max=1, help="Least share of equal tokens; unset: by type, 1 for float32.")
    ] = None,
    max_logit_difference: Annotated[
        float | None, typer.Option(min=0, help="Largest difference of a logit; unset: by type, 0.01 for float32.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="Where the converted model is compared.")] = "cpu",
) -> None:
    """Convert a Whisper for serving and compare it with PyTorch on speech (docs/adaptation.md); needs `train`.

    Greedy output and logits are compared; over a bound, nothing is written and the status is 1. Prints the folder.
    """
    with one_line_errors():
        usual = bounds_of(quantization)
        bounds = Bounds(
            usual.rate if least_equal is None else least_equal,
            usual.logit_difference if max_logit_difference is None else max_logit_difference,
        )
        found = convert(model, out, Conversion(quantization, bounds, speech, utterances, device))
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"{quantization}: {found}")
        typer.echo(out)
