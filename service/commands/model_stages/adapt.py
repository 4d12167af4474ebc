"""`sotto models adapt`: from seed sentences to a registered model, all stages one after the other."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.rule import Rule

from models.expand.expansion import read_seeds
from models.registry import check_id
from models.split import split, write_split
from service.commands.terminal import one_line_errors
from service.errors import BadRequest, Failed
from service.settings import Settings

USAGE = 2  # status of a command whose options are at fault
DEV_SHARE, TEST_SHARE = 0.1, 0.3
DEV_VOICES = ("af_nicole", "am_adam")
TEST_VOICES = ("af_sarah", "bf_emma", "bm_george", "am_michael")


@dataclass(frozen=True, slots=True)
class Step:
    """One command of `sotto models`. `makes`: what is there once it is through, for those that write at once."""

    title: str
    arguments: tuple[str, ...]
    makes: Path | None = None


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What is wanted of a run. `expansion`: options of `expand`; `train`: what to train on beside the filtered speech,
    as PATH=WEIGHT; `general`: manifests of other speech, which must not get worse."""

    run: Path
    model_id: str
    base: str
    keywords: Path
    recipe: Path
    expansion: tuple[str, ...]
    voices: str
    dev_voices: tuple[str, ...]
    test_voices: tuple[str, ...]
    max_error: float
    train: tuple[str, ...] = ()
    general: tuple[Path, ...] = ()


def adapt_model(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder; every stage has its own in it.")],
    model_id: Annotated[str, typer.Option("--id", metavar="ID", help="Name of the new model.")],
    seeds: Annotated[Path, typer.Option(metavar="MANIFEST", help="Seed sentences: id, text, language, keywords.")],
    keywords: Annotated[Path, typer.Option(metavar="LIST", help="What is to be heard: .txt, .csv or .json.")],
    recipe: Annotated[Path, typer.Option(metavar="FILE", help="How to train: see models/recipes.")],
    base: Annotated[str, typer.Option(metavar="ID", help="The model to start from.")] = "base",
    per_keyword: Annotated[int, typer.Option(min=1, help="New sentences for each keyword.")] = 3,
    chat: Annotated[Path | None, typer.Option(metavar="FILE", help="A chat endpoint that writes them.")] = None,
    voices: Annotated[str, typer.Option(help="Who speaks them; see synthesize.")] = "kokoro",
    dev_voice: Annotated[list[str], typer.Option(help="Voices that only stop the training.")] = list(DEV_VOICES),  # noqa: B006
    test_voice: Annotated[list[str], typer.Option(help="Voices that only judge.")] = list(TEST_VOICES),  # noqa: B006
    max_error: Annotated[float, typer.Option(min=0, max=1, help="Of synthetic speech that is kept.")] = 0.5,
    real: Annotated[
        list[str] | None, typer.Option(metavar="MANIFEST=WEIGHT", help="Recordings to train on, too; repeatable.")
    ] = None,
    general: Annotated[
        list[Path] | None, typer.Option(metavar="MANIFEST", help="Other speech, which must not get worse.")
    ] = None,
) -> None:
    """Splits the seeds, writes and speaks new sentences, filters, trains, merges, converts, compares and registers.

    Sentences and voices that judge are heard by no other stage. A run that was stopped goes on where it was.
    """
    with one_line_errors():
        wanted = Adaptation(
            run=run,
            model_id=check_id(model_id),
            base=base,
            keywords=keywords,
            recipe=recipe,
            expansion=("--per-keyword", str(per_keyword), *(("--chat", str(chat)) if chat else ())),
            voices=voices,
            dev_voices=tuple(dev_voice),
            test_voices=tuple(test_voice),
            max_error=max_error,
            train=tuple(real or ()),
            general=tuple(general or ()),
        )
        write_split(split(read_seeds(seeds, "en"), dev=DEV_SHARE, test=TEST_SHARE), run / "seeds")
        console = Console(stderr=True)
        for step in (*_speech(wanted), *_model(wanted), *_judgement(wanted)):
            _run(step, console)


def _speech(wanted: Adaptation) -> list[Step]:
    """From seeds to filtered speech, and the speech of other voices that stops and judges."""
    run = wanted.run
    speech = ("--voices", wanted.voices, "--keywords", str(wanted.keywords))
    sentences = ("--seeds", str(run / "seeds" / "train.jsonl"), "--keywords", str(wanted.keywords))
    held_out = _repeated("--exclude-voice", (*wanted.dev_voices, *wanted.test_voices))
    plain = ("--blended", "0", "--foreign", "0", "--recipe", "clean")
    others = (("dev", "stop by", wanted.dev_voices), ("test", "be judged by", wanted.test_voices))
    return [
        Step("new sentences from the seeds", ("expand", str(run), *sentences, *wanted.expansion)),
        Step("speech to train on", ("synthesize", str(run), *speech, *held_out)),
        *(
            Step(
                f"speech to {purpose}: other sentences, other voices",
                (
                    *("synthesize", str(run / name), "--from", str(run / "seeds" / f"{name}.jsonl"), *speech, *plain),
                    *("--variants", str(len(chosen)), *_repeated("--only-voice", chosen)),
                ),
            )
            for name, purpose, chosen in others
        ),
        Step(
            f"speech that {wanted.base} can follow is kept",
            ("filter", str(run), "--model", wanted.base, "--max-error", str(wanted.max_error)),
        ),
    ]


def _model(wanted: Adaptation) -> list[Step]:
    """From the base model and the speech to a model that can be served."""
    run, hf, merged = wanted.run, wanted.run / f"{wanted.base}-hf", wanted.run / "merged"
    dev = run / "dev" / "synthesize"
    train = _repeated("--train", (f"{run / 'filter'}=1", *wanted.train))
    converted = run / "converted"
    return [
        Step(f"{wanted.base} for PyTorch", ("import-ct2", wanted.base, str(hf)), makes=hf),
        Step(
            "training",
            (
                *("finetune", str(run), "--recipe", str(wanted.recipe), "--model", str(hf)),
                *("--held-out", str(dev), *train),
            ),
        ),
        Step("merging", ("merge", str(hf), str(run / "finetune" / "adapter"), str(merged)), makes=merged),
        Step(
            "converting",
            (
                *("convert", str(merged), str(converted), "--quantization", "float16"),
                *("--speech", str(_manifest(dev))),
            ),
            makes=converted,
        ),
    ]


def _judgement(wanted: Adaptation) -> list[Step]:
    """The new model against the old one; then it is registered with its scores."""
    run, converted = wanted.run, str(wanted.run / "converted")
    models = ("--model", wanted.base, "--model", converted)
    in_domain = run / "evaluate" / "in-domain"
    found = [
        Step(
            f"{wanted.base} against {wanted.model_id}, in-domain speech",
            (
                *("evaluate", str(_manifest(run / "test" / "synthesize")), "--out", str(in_domain), *models),
                *("--keywords", str(wanted.keywords), "--by", "voice"),
            ),
        )
    ]
    if wanted.general:
        manifests = tuple(str(each) for each in wanted.general)
        out = str(run / "evaluate" / "general")
        title = f"{wanted.base} against {wanted.model_id}, general speech"
        found.append(Step(title, ("evaluate", *manifests, "--out", out, *models, "--by", "language")))
    data = (str(run / "filter"), *(entry.rpartition("=")[0] for entry in wanted.train))
    card = ("--recipe", str(wanted.recipe), "--scores", str(in_domain / "report.json"))
    origin = ("--base", wanted.base, "--licence", "MIT")
    registered = Settings().data_dir / "models" / wanted.model_id
    arguments = ("register", converted, wanted.model_id, *origin, *_repeated("--data", data), *card)
    return [*found, Step(f"registering {wanted.model_id}", arguments, makes=registered)]


def _manifest(path: Path) -> Path:
    """A stage's output as the one manifest that it wrote, unsharded."""
    return path if path.suffix else path / "kept-1-of-1.jsonl"


def _repeated(option: str, values: Sequence[str]) -> tuple[str, ...]:
    return tuple(part for value in values for part in (option, value))


def _run(step: Step, console: Console) -> None:
    """Raises BadRequest or Failed with the command that ended the run."""
    console.print(Rule(step.title, align="left"))
    if step.makes and step.makes.exists():
        console.print(f"{step.makes} is there already")
        return
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "service.cli", "models", *step.arguments], check=False)
    if done.returncode:
        kind = BadRequest if done.returncode == USAGE else Failed
        raise kind(f"sotto models {step.arguments[0]} ended with status {done.returncode}", field="run")
    console.print(f"[dim]{time.monotonic() - began:.0f} s[/]")
