"""`sotto explain`: why the words of a recording were written as they were, given a bias list."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from threadpoolctl import threadpool_limits

from service.audio.container import read_file
from service.audio.endpointer import Endpoint, Endpointer, EndpointerOptions
from service.audio.vad import SileroVad
from service.biasing.bias import Bias, BiasList
from service.biasing.entries import Entry, normalized
from service.commands.bias_options import BiasStrength, read_list
from service.commands.explanation import Explainer, Explanation
from service.commands.explanation_page import render
from service.commands.serving import ensure_model
from service.commands.stream import Language, require_readable
from service.commands.terminal import one_line_errors
from service.decoding.utterance import DecodeOptions, Samples, Utterance
from service.decoding.whisper import WhisperDecoder
from service.errors import BadRequest
from service.settings import Settings
from service.transcript import SAMPLE_RATE
from service.worker.device import place


def explain(
    file: Annotated[Path, typer.Argument(help="Recording in any common format.")],
    bias: Annotated[Path, typer.Option("--bias", metavar="LIST", help="Names and phrases: .txt, .csv or .json.")],
    bias_strength: BiasStrength = None,
    language: Language = None,
    model: Annotated[str | None, typer.Option(help="Model id; SOTTO_MODEL by default.")] = None,
    utterance: Annotated[int | None, typer.Option(min=1, help="Only this utterance, counted from 1.")] = None,
    phrase: Annotated[
        list[str] | None, typer.Option(help="Tell what became of this phrase of the list; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines instead of a page.")] = False,
) -> None:
    """Show why each utterance of a recording reads as it does with a bias list: what was compared, asked, decided.

    Decodes on this machine, as an upload would be; no server is needed (docs/biasing.md).
    """
    with one_line_errors():
        require_readable(file)
        entries = _entries(bias)
        asked = [_entry(entries, bias, each) for each in phrase or ()]
        wanted = Bias((BiasList(entries),), _strength(bias_strength))
        settings = Settings(model=model) if model else Settings()
        spoken = _spoken(file, settings, utterance)
        decoder = _decoder(settings, language)
        explainer = Explainer(wanted, asked)
        for explanation in _explanations(decoder, explainer, spoken, DecodeOptions(language=language, bias=wanted)):
            _print(explanation, as_json=as_json)


def _entries(bias: Path) -> tuple[Entry, ...]:
    entries = read_list(bias)
    if not entries:
        raise BadRequest(f"{bias}: no entry of it counts", field="bias")
    return entries


def _entry(entries: Sequence[Entry], bias: Path, phrase: str) -> Entry:
    """The entry of that phrase, whatever its case."""
    for entry in entries:
        if entry.phrase.casefold() == normalized(phrase).casefold():
            return entry
    raise BadRequest(f"--phrase {phrase}: {bias} has no such phrase", field="phrase")


def _strength(wanted: float | None) -> float:
    if wanted == 0:
        raise BadRequest("--bias-strength 0 is no bias: there is nothing to explain", field="bias_strength")
    return 1.0 if wanted is None else wanted


def _spoken(file: Path, settings: Settings, number: int | None) -> list[tuple[Endpoint, Samples]]:
    """The utterances of a recording, cut as those of an upload, or the one of that number."""
    with file.open("rb") as source:
        samples = np.concatenate(list(read_file(source, max_seconds=settings.max_upload_s, filename=file.name)))
    endpointer = Endpointer(SileroVad(), EndpointerOptions.OFFLINE)
    marks = [*endpointer.feed(samples), *endpointer.flush()]
    ends = [mark for mark in marks if isinstance(mark, Endpoint)]
    if not ends:
        raise BadRequest(f"{file}: nobody speaks in it", field="file")
    if number is not None and number > len(ends):
        raise BadRequest(f"--utterance {number}: there are {len(ends)}", field="utterance")
    return [(end, samples[end.start : end.end]) for end in ends if number in (None, end.utterance + 1)]


def _decoder(settings: Settings, language: str | None) -> WhisperDecoder:
    placement = place(settings)
    model_dir = ensure_model(settings)
    threadpool_limits(limits=1, user_api="blas")  # as the worker does: spinning threads would take the decoder's cores
    decoder = WhisperDecoder(
        model_dir, device=placement.device, compute_type=placement.compute_type, threads=placement.slots
    )
    if language is not None and not decoder.supports(language):
        raise BadRequest(f"the model does not know the language {language!r}", field="language")
    return decoder


def _explanations(
    decoder: WhisperDecoder,
    explainer: Explainer,
    spoken: Sequence[tuple[Endpoint, Samples]],
    options: DecodeOptions,
) -> Iterator[Explanation]:
    for end, samples in spoken:
        result = decoder.decode([Utterance(samples, options)])
        start_s, end_s = end.start / SAMPLE_RATE, end.speech_end / SAMPLE_RATE
        yield explainer.explain(end.utterance + 1, start_s, end_s, result.hypotheses[0], result.boosts[0])


def _print(explanation: Explanation, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(explanation), ensure_ascii=False))
    else:
        Console(highlight=False).print(render(explanation))
