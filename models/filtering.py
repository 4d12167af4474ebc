"""Stage `filter`: synthetic speech that a recogniser understands is kept; what was mispronounced or broken is not.

The idea is that of the weak-supervision recipe for CRM speech: a sentence that Whisper reads back with few errors was
spoken well. Errors are counted in characters by default, since a rare name that Whisper spells its own way is one
wrong word of few but only some wrong letters, and is what the sentence was made for.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from models.filter_report import write_report
from models.manifest import Example
from models.recordings import check_audio
from models.reports import new_figure
from models.scoring.rates import Unit, error_rate, phrase_distance
from models.scoring.whisper_rules import UNSPACED, tokeniser
from models.stage import Shard, Stage
from models.transcribing import Heard, Recogniser, hear_examples
from service.errors import BadRequest


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """`model` names the recogniser, `source` the stage whose speech it hears. An example is kept when its error is at
    most `max_error` and, if `max_keyword_distance` is given, none of its keywords is further (0 to 1) from what was
    heard.

    `unit`: what errors are counted in; scripts without spaces always count by character. `rules` normalise both texts
    (see `whisper_rules`). Raises BadRequest that names the option.
    """

    model: str
    max_error: float = 0.2
    unit: Unit = "character"
    max_keyword_distance: float | None = None
    rules: str = "whisper"
    fold_accents: bool = True
    beam_size: int = 1
    source: str = "synthesize"

    def __post_init__(self) -> None:
        tokeniser(self.rules)
        if self.unit not in ("word", "character"):
            raise BadRequest(f"unit must be word or character, not {self.unit!r}", field="unit")
        if not 0 <= self.max_error <= 1:
            raise BadRequest(f"max_error must be from 0 to 1, not {self.max_error}", field="max_error")
        if self.max_keyword_distance is not None and not 0 <= self.max_keyword_distance <= 1:
            raise BadRequest("max_keyword_distance must be from 0 to 1", field="max_keyword_distance")
        if self.beam_size < 1:
            raise BadRequest("beam_size must be at least 1", field="beam_size")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`error`: rate of the transcript; `keyword_distance`: of the keyword that was heard worst, None without any.
    `reason` why the example goes no further, None when it does."""

    error: float
    keyword_distance: float | None
    reason: str | None


def judge_speech(example: Example, heard: str, options: FilterOptions) -> Verdict:
    """What a transcript says about an example."""
    tokenise = tokeniser(options.rules, fold_accents=options.fold_accents)
    unit = "character" if example.language in UNSPACED else options.unit
    error = error_rate(example.text, heard, example.language, tokenise, unit)
    distances = {name: phrase_distance(name, heard, example.language, tokenise) for name in example.keywords}
    worst = max(distances.values(), default=None)
    reason = None
    if not tokenise(heard, example.language):
        reason = "nothing heard"
    elif error > options.max_error:
        reason = f"{unit} error over {options.max_error:g}"
    elif worst is not None and options.max_keyword_distance is not None and worst > options.max_keyword_distance:
        reason = "keyword not heard"
    return Verdict(error, worst, reason)


def filter_speech(
    examples: Sequence[Example],
    folder: Path,
    recogniser: Recogniser,
    options: FilterOptions,
    shard: Shard | None = None,
) -> None:
    """Runs the stage in `folder` and writes its report.

    Raises BadRequest before any work for an example without text or recording.
    """
    new_figure(1, 1)  # which may want an extra: better now than after the work
    check_audio(examples, folder)
    for example in examples:
        if not example.text.strip():
            raise BadRequest(f"{folder}, {example.id}, text: is empty", field="text")
    with Stage(folder, asdict(options), shard) as stage:
        for example, heard in hear_examples(stage.waiting(examples), recogniser, beam_size=options.beam_size):
            _answer(stage, example, heard, options)
    write_report(folder, options.max_error)


def _answer(stage: Stage, example: Example, heard: Heard | BadRequest, options: FilterOptions) -> None:
    if isinstance(heard, BadRequest):
        stage.drop(example, "unreadable audio")
        return
    verdict = judge_speech(example, heard.text, options)
    scores = {"error": round(verdict.error, 4)}
    if verdict.keyword_distance is not None:
        scores["keyword_distance"] = round(verdict.keyword_distance, 4)
    judged = replace(example.scored(**scores), extra={**example.extra, "heard": heard.text})
    if verdict.reason is None:
        stage.keep(example, judged)
    else:
        stage.drop(judged, verdict.reason)
