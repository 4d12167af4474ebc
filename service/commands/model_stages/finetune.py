"""`sotto models finetune`: LoRA adapters from labelled speech."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.expand.keywords import read_entries
from models.finetune.dataset import Source
from models.finetune.recipe import read_recipe
from models.finetune.run import Job, finetune
from models.hf.packages import require_training
from service.commands.terminal import one_line_errors

if TYPE_CHECKING:
    from models.finetune.trainer import Report


def finetune_whisper(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder; the stage's is RUN/finetune.")],
    recipe: Annotated[Path, typer.Option(metavar="FILE", help="How to train: see models/recipes.")],
    model: Annotated[Path, typer.Option(metavar="FOLDER", help="A Whisper in transformers' form: see import-ct2.")],
    held_out: Annotated[
        Path, typer.Option(metavar="PATH", help="Speech to be judged by, of other speakers: a manifest or a stage.")
    ],
    train: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH=WEIGHT",
            help="What to train on, a manifest or a stage, drawn from in proportion to its weight; RUN/filter by"
            " default; repeatable.",
        ),
    ] = None,
    phrases: Annotated[
        Path | None, typer.Option("--list", metavar="LIST", help="Phrases for bias prompts: .json, .csv or .txt.")
    ] = None,
    stage: Annotated[str, typer.Option(metavar="NAME", help="Name of the stage's folder.")] = "finetune",
) -> None:
    """Fine-tune a Whisper with low-rank adapters (docs/adaptation.md); needs the extra `train`.

    Writes the adapters of the best step to RUN/finetune/adapter. Goes on from the last checkpoint when it is started
    again. On several GPUs: accelerate launch -m service.cli models finetune …
    """
    with one_line_errors():
        require_training()
        folder = run.resolve()
        job = Job(
            recipe=recipe,
            model=model,
            train=tuple(map(Source.parse, train)) if train else (Source(folder / "filter"),),
            held_out=Source(held_out),
            folder=folder / stage,
            phrases=tuple(entry.phrase for entry in read_entries(phrases)) if phrases else (),
        )
        display = Display(read_recipe(recipe).optimizer.steps)
        with display:
            result = finetune(job, display.note, display.tell)
        if display.is_shown:
            found = f"{result.best:.4g} at step {result.best_step}" if result.best_step else "never better after"
            display.note(f"held-out score: {result.before:.4g} before, {found}")
            typer.echo(job.folder / "adapter")


class Display:
    """A bar for the steps, a line for each evaluation, on standard error; of parallel processes only the one that is
    told anything shows any. A context manager."""

    def __init__(self, steps: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True, highlight=False, soft_wrap=True))
        self._task = self._progress.add_task("finetune", total=steps)
        self.is_shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.is_shown:
            self._progress.stop()

    def note(self, text: str) -> None:
        if not self.is_shown:
            self.is_shown = True
            self._progress.start()
        self._progress.console.print(text, markup=False)

    def tell(self, report: "Report") -> None:
        self._progress.update(self._task, completed=report.step)
        if report.loss is not None:
            self._progress.update(self._task, description=f"loss {report.loss:.3f}")
        if report.scores is not None:
            scores = ", ".join(f"{name} {value:.4f}" for name, value in report.scores.values().items())
            self.note(f"step {report.step}: {scores}")
