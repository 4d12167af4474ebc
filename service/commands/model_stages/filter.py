"""`sotto models filter`: keeps the synthetic speech that a Whisper understands."""

from pathlib import Path
from typing import Annotated

import typer

from models.filtering import FilterOptions, filter_speech
from models.scoring.rates import Unit
from models.stage import Shard, read_stage
from service.commands.model_stages.recognition import Rules, ShardOption, load_recogniser
from service.commands.terminal import one_line_errors


def filter_synthetic_speech(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder; the stage's is RUN/filter.")],
    source: Annotated[str, typer.Option("--from", metavar="STAGE", help="Stage whose output is read.")] = "synthesize",
    model: Annotated[str, typer.Option(metavar="ID", help="Whisper that listens: an id or a folder.")] = "base",
    max_error: Annotated[float, typer.Option(min=0, max=1, help="Error rate up to which speech is kept.")] = 0.2,
    unit: Annotated[
        Unit, typer.Option(help="What errors are counted in; Chinese and Japanese always by character.")
    ] = "character",
    max_keyword_distance: Annotated[
        float | None, typer.Option(min=0, max=1, help="How far a keyword may be from what was heard; unset: any.")
    ] = None,
    rules: Rules = "whisper",
    fold_accents: Annotated[bool, typer.Option(help="Count é as e.")] = True,
    beam_size: Annotated[int, typer.Option(min=1, help="1 is greedy.")] = 1,
    shard: ShardOption = "1/1",
) -> None:
    """Transcribe synthetic speech and keep what comes back nearly as it was written (docs/adaptation.md).

    Writes RUN/filter with a report of what was dropped and why. Goes on where it was when it is started again.
    """
    with one_line_errors():
        options = FilterOptions(model, max_error, unit, max_keyword_distance, rules, fold_accents, beam_size, source)
        share = Shard.parse(shard)
        folder = run.resolve()
        examples = read_stage(folder / source)
        filter_speech(examples, folder / "filter", load_recogniser(model), options, share)
        typer.echo(folder / "filter" / "report.md")
