"""`sotto models evaluate`: how good a model is, how sure that is, and whether another one is better."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from models.evaluate.evaluation import MAX_SYSTEMS, Options, evaluate, items
from models.evaluate.metrics import KEYWORD_WEIGHT
from models.evaluate.report import markdown, write
from models.evaluate.resampling import Resampling
from models.evaluate.systems import given, read_references, transcribed
from models.expand.keywords import read_entries
from models.manifest import Example
from models.reports import new_figure
from service.commands.model_stages.recognition import Rules, load_recogniser
from service.commands.terminal import one_line_errors
from service.errors import BadRequest

Texts = dict[str, dict[str, str]]  # by system and id


def evaluate_models(
    manifests: Annotated[list[Path], typer.Argument(metavar="MANIFEST...", help="JSON lines with audio and text.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where transcripts and report go.")],
    model: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Model to evaluate: an id or a folder; twice to compare.")
    ] = None,
    transcripts: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Transcripts instead of a model: lines with id and text.")
    ] = None,
    keywords: Annotated[
        Path | None, typer.Option(metavar="LIST", help="Keywords whose false alarms count: .json, .csv or .txt.")
    ] = None,
    by: Annotated[list[str] | None, typer.Option(metavar="FIELD", help="Figures by a field; repeatable.")] = None,
    block_by: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Resample its values as a whole, as with voice or speaker.")
    ] = None,
    rules: Rules = "whisper",
    fold_accents: Annotated[bool, typer.Option(help="Count é as e.")] = False,
    keyword_weight: Annotated[float, typer.Option(min=0, help="Weight of a keyword in IER.")] = KEYWORD_WEIGHT,
    beam_size: Annotated[int, typer.Option(min=1, help="1 is greedy.")] = 5,
    resamples: Annotated[int, typer.Option(min=1, help="Test sets to draw for intervals and p-values.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of the resampling.")] = 1,
) -> None:
    """Score one model on manifests, or compare two: the first is the baseline (docs/adaptation.md).

    Prints the report; FOLDER has it as report.md, .json and .png, and items.jsonl says what is wrong in each item.
    """
    with one_line_errors():
        phrases = tuple(entry.phrase for entry in read_entries(keywords)) if keywords else ()
        options = Options(
            rules,
            fold_accents,
            keyword_weight,
            tuple(by or ["language"]),
            block_by,
            phrases,
            Resampling(resamples, seed),
        )
        new_figure(1, 1)  # which may want an extra: better now than after the work
        examples = read_references(manifests)
        # other manifests may hold other recordings under the same ids
        decided = {"beam_size": beam_size, "manifests": [str(path.resolve()) for path in manifests]}
        texts = _texts(examples, out.resolve(), model or [], transcripts or [], decided)
        judged = items(examples)
        evaluation = evaluate(judged, texts, options)
        write(out, evaluation, judged, texts)
    typer.echo(markdown(evaluation))


def _texts(
    examples: Sequence[Example],
    out: Path,
    models: Sequence[str],
    transcripts: Sequence[Path],
    decided: Mapping[str, object],
) -> Texts:
    """Models come before given transcripts. Raises BadRequest, before any work, for more than two systems."""
    names = [*(Path(model).name for model in models), *(path.stem for path in transcripts)]
    if not 1 <= len(names) <= MAX_SYSTEMS:
        raise BadRequest("give one --model or --transcripts to evaluate, or two to compare", field="model")
    if len(set(names)) < len(names):
        raise BadRequest(f"both systems are called {names[0]}: name another folder or file", field="model")
    found: Texts = {path.stem: given(path, examples) for path in transcripts}
    for model in models:
        name = Path(model).name
        options = {"model": str(model), **decided}
        found[name] = transcribed(examples, out / f"transcripts-{name}", load_recogniser(model), options)
    return {name: found[name] for name in names}
