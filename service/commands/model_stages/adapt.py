"""`sotto models adapt`: from seed sentences to a registered model, all stages one after the other."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.rule import Rule

from models.expand.expansion import read_seeds
from models.expand.keywords import read_keywords
from models.finetune.dataset import Source
from models.finetune.recipe import read_recipe
from models.hf.packages import require_training
from models.pseudo_label import read_recordings
from models.recordings import check_audio
from models.register import check_free
from models.registry import check_id, resolve
from models.split import split, write_split
from models.stage import read_source
from models.synthesize.backends import find_backend
from service.commands.model_stages.adaptation import Adaptation, Step, steps
from service.commands.terminal import one_line_errors
from service.errors import BadRequest, Failed
from service.settings import Settings

USAGE = 2  # status of a command whose options are at fault
DEV_SHARE, TEST_SHARE = 0.1, 0.3
DEV_VOICES = ("af_nicole", "am_adam")
TEST_VOICES = ("af_sarah", "bf_emma", "bm_george", "am_michael")

Execute = Callable[[Sequence[str]], int]  # a command of `sotto models` with its options: its status


def adapt_model(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder; every stage has its own in it.")],
    model_id: Annotated[str, typer.Option("--id", metavar="ID", help="Name of the new model.")],
    seeds: Annotated[Path, typer.Option(metavar="MANIFEST", help="Seed sentences: id, text, language, keywords.")],
    keywords: Annotated[Path, typer.Option(metavar="LIST", help="What is to be heard: .txt, .csv or .json.")],
    recipe: Annotated[Path, typer.Option(metavar="FILE", help="How to train: see models/recipes.")],
    base: Annotated[str, typer.Option(metavar="ID", help="The model to start from.")] = "base",
    language: Annotated[str, typer.Option(help="Of the seeds to use and of the new sentences.")] = "en",
    per_keyword: Annotated[int, typer.Option(min=1, help="New sentences for each keyword.")] = 3,
    max_words: Annotated[int, typer.Option(min=1, help="In a new sentence.")] = 40,
    chat: Annotated[Path | None, typer.Option(metavar="FILE", help="A chat endpoint that writes and corrects.")] = None,
    voices: Annotated[str, typer.Option(help="Who speaks them; see synthesize.")] = "kokoro",
    dev_voice: Annotated[list[str], typer.Option(help="Voices that only stop the training.")] = list(DEV_VOICES),  # noqa: B006
    test_voice: Annotated[list[str], typer.Option(help="Voices that only judge.")] = list(TEST_VOICES),  # noqa: B006
    max_error: Annotated[float, typer.Option(min=0, max=1, help="Of synthetic speech that is kept.")] = 0.5,
    real: Annotated[
        list[str] | None, typer.Option(metavar="MANIFEST=WEIGHT", help="Recordings to train on, too; repeatable.")
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(metavar="RECORDINGS", help="A folder or manifest to pseudo-label, which is trained on, too."),
    ] = None,
    general: Annotated[
        list[Path] | None, typer.Option(metavar="MANIFEST", help="Other speech, which must not get worse.")
    ] = None,
    gpus: Annotated[int, typer.Option(min=1, help="How many train at once, where there are several.")] = 1,
) -> None:
    """Splits the seeds, writes and speaks new sentences, filters, trains, merges, converts, compares and registers.

    Sentences and voices that judge are heard by no other stage. A run that was stopped goes on where it was.
    """
    with one_line_errors():
        wanted = Adaptation(
            run=run,
            model_id=check_id(model_id),
            base=base,
            language=language,
            keywords=keywords,
            recipe=recipe,
            per_keyword=per_keyword,
            max_words=max_words,
            chat=chat,
            voices=voices,
            dev_voices=tuple(dev_voice),
            test_voices=tuple(test_voice),
            max_error=max_error,
            train=tuple(real or ()),
            unlabelled=unlabelled,
            general=tuple(general or ()),
        )
        adapt(wanted, seeds, lambda arguments: subprocess.run(command(arguments, gpus), check=False).returncode)


def adapt(wanted: Adaptation, seeds: Path, execute: Execute) -> None:
    """Splits the seeds, then takes every step that is not done yet.

    Raises, before any work, what is wrong with what was given; BadRequest or Failed, with its command, when a step
    fails.
    """
    models_dir, console = Settings().data_dir / "models", Console(stderr=True)
    parts = split(read_seeds(seeds, wanted.language), dev=DEV_SHARE, test=TEST_SHARE)
    check(wanted, models_dir)
    write_split(parts, wanted.run / "seeds")
    for step in steps(wanted, models_dir):
        take(step, execute, console)


def check(wanted: Adaptation, models_dir: Path) -> None:
    """Raises now what a stage would raise after an hour: for what is missing, cannot be read, or is taken."""
    require_training()
    read_recipe(wanted.recipe)
    read_keywords(wanted.keywords)
    resolve(wanted.base, models_dir)
    find_backend(wanted.voices, models_dir.parent / "voices")
    if wanted.unlabelled:
        check_audio(read_recordings(wanted.unlabelled, wanted.language), wanted.unlabelled)
    for path in (*(Source.parse(entry).path for entry in wanted.train), *wanted.general):
        check_audio(read_source(path), path)
    if not (wanted.run / "converted").exists():
        check_free(wanted.model_id, models_dir)


def take(step: Step, execute: Execute, console: Console) -> None:
    """Raises BadRequest or Failed with the command that ended the run."""
    console.print(Rule(step.title, align="left"))
    if step.makes and step.makes.exists():
        console.print(f"{step.makes} is there already")
        return
    began = time.monotonic()
    if status := execute(step.arguments):
        kind = BadRequest if status == USAGE else Failed
        raise kind(f"sotto models {step.arguments[0]} ended with status {status}", field="run")
    console.print(f"[dim]{time.monotonic() - began:.0f} s[/]")


def command(arguments: Sequence[str], gpus: int = 1) -> list[str]:
    """A process for every step, and for training one on each GPU: what a step leaves of memory and threads would slow
    the next."""
    launched = ("accelerate.commands.launch", "--num_processes", str(gpus), "-m")
    launch = launched if gpus > 1 and arguments[0] == "finetune" else ()
    return [sys.executable, "-m", *launch, "service.cli", "models", *arguments]
