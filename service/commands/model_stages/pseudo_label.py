"""`sotto models pseudo-label`: texts for recordings that nobody has transcribed."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from models.correction.chat import ChatCorrector
from models.correction.corrector import Corrector
from models.correction.rules import RuleCorrector
from models.expand.keywords import read_entries
from models.pseudo_label import PseudoLabelOptions, iteration_folder, pseudo_label, read_recordings
from models.scoring.rates import Unit
from models.stage import Shard
from service.commands.model_stages.endpoints import ChatFile, chat_client
from service.commands.model_stages.recognition import Rules, ShardOption, load_recogniser
from service.commands.terminal import one_line_errors


def label_recordings(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Run folder; the stage's is RUN/pseudo-label/iteration-K.")
    ],
    recordings: Annotated[Path, typer.Argument(metavar="RECORDINGS", help="A folder, or a manifest without texts.")],
    chat: ChatFile = None,
    keywords: Annotated[
        Path | None, typer.Option(metavar="LIST", help="Names and terms that may be spoken: .json, .csv or .txt.")
    ] = None,
    iteration: Annotated[int, typer.Option(min=1, help="Each has a folder of its own.")] = 1,
    model: Annotated[str, typer.Option(metavar="ID", help="Whisper that listens: an id or a folder.")] = "base",
    language: Annotated[str, typer.Option(help="Of the recordings of a folder.")] = "en",
    max_edit_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of what was heard that a correction may change.")
    ] = 0.1,
    min_logprob: Annotated[
        float | None, typer.Option(max=0, help="Least mean log-probability of what was heard, in nats; unset: any.")
    ] = None,
    unit: Annotated[
        Unit, typer.Option(help="What changes are counted in; Chinese and Japanese always by character.")
    ] = "word",
    rules: Rules = "whisper",
    fold_accents: Annotated[bool, typer.Option(help="Count é as e.")] = True,
    beam_size: Annotated[int, typer.Option(min=1, help="1: only the greedy hypothesis.")] = 5,
    shard: ShardOption = "1/1",
) -> None:
    """Transcribe recordings, let a language model correct the transcripts, and keep where it changed little.

    Without --chat, names of --keywords that sound alike are put in, and nothing else is corrected.
    Long recordings are cut. A newer model labels the same recordings again under the next --iteration; the report in
    RUN/pseudo-label shows all of them. Goes on where it was when it is started again.
    """
    with one_line_errors():
        share = Shard.parse(shard)
        folder = iteration_folder(run.resolve(), iteration)
        examples = read_recordings(recordings, language)
        entries = read_entries(keywords) if keywords else ()
        with ExitStack() as stack:
            corrector: Corrector
            phrases = tuple(entry.phrase for entry in entries)
            decided: dict[str, Any] = {"list": [entry.to_json() for entry in entries]}
            if chat is None:
                corrector = RuleCorrector(entries)
            else:
                client = stack.enter_context(chat_client(chat, folder, share))
                corrector = ChatCorrector(client, phrases)
                decided["endpoint"] = client.endpoint.identity()
            options = PseudoLabelOptions(
                model,
                corrector.name,
                max_edit_rate,
                min_logprob,
                unit,
                rules,
                fold_accents,
                beam_size,
                phrases,
                decided,
            )
            pseudo_label(examples, folder, load_recogniser(model), corrector, options, share)
        typer.echo(folder.parent / "report.md")
