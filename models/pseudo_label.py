"""Stage `pseudo-label`: texts for recordings that nobody has transcribed, by a recogniser and a corrector.

The way is that of LESS ("Large Language Model Enhanced Semi-Supervised Learning for Speech Foundational Models"): a
recogniser's hypotheses are corrected by a language model, and a correction is believed only when it changes little,
since where much had to be changed the recogniser was lost. Training on what is left gives a better recogniser, which
labels the same recordings again: the next iteration, in a folder of its own.

    run/pseudo-label/iteration-1/   kept-1-of-1.jsonl  dropped-1-of-1.jsonl  audio/  …
    run/pseudo-label/iteration-2/   …
    run/pseudo-label/report.md      all iterations side by side
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from models.correction.corrector import Corrector
from models.manifest import Example, read_examples
from models.pseudo_label_report import write_report
from models.recordings import check_audio, read_example, spans, write_flac
from models.reports import new_figure
from models.scoring.phrases import PhraseFinder
from models.scoring.rates import Unit, error_rate
from models.scoring.whisper_rules import tokeniser
from models.stage import Shard, Stage
from models.transcribing import Heard, Recogniser, Speech
from service.audio.pcm import Int16
from service.audio.vad import SileroVad
from service.errors import BadRequest
from service.transcript import SAMPLE_RATE

GROUP_SECONDS = 300  # recordings are taken together up to this: a killed stage has lost the work on so many at most
_MS = SAMPLE_RATE // 1000  # samples


@dataclass(frozen=True, slots=True)
class PseudoLabelOptions:
    """`model` and `corrector` name what hears and what corrects. A correction is kept when it differs from the best
    hypothesis in at most `max_edit_rate` of the hypothesis' units and, if `min_logprob` is given, the recogniser's
    mean log-probability per token (nats) is no lower: the edit rate alone trusts what a corrector passes over.
    `beam_size` 1 leaves only the greedy hypothesis.
    `rules` normalise both texts (see `whisper_rules`). `phrases` that a label holds become its keywords. `correction`
    says whatever else decides what the corrector answers. Raises BadRequest that names the option."""

    model: str
    corrector: str
    max_edit_rate: float = 0.1
    min_logprob: float | None = None
    unit: Unit = "word"
    rules: str = "whisper"
    fold_accents: bool = True
    beam_size: int = 5
    phrases: tuple[str, ...] = ()
    correction: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tokeniser(self.rules)
        if self.unit not in ("word", "character"):
            raise BadRequest(f"unit must be word or character, not {self.unit!r}", field="unit")
        if not 0 <= self.max_edit_rate <= 1:
            raise BadRequest(f"max_edit_rate must be from 0 to 1, not {self.max_edit_rate}", field="max_edit_rate")
        if self.min_logprob is not None and not self.min_logprob <= 0:
            raise BadRequest(f"min_logprob must be at most 0, not {self.min_logprob}", field="min_logprob")
        if self.beam_size < 1:
            raise BadRequest("beam_size must be at least 1", field="beam_size")

    def keywords(self, text: str, language: str) -> tuple[str, ...]:
        """The phrases in a text, each once."""
        tokenise = tokeniser(self.rules, fold_accents=self.fold_accents)
        finder = PhraseFinder(self.phrases, language, tokenise)
        found = finder.find(tokenise(text, language)) if self.phrases else []
        return tuple(dict.fromkeys(finder.spelling(each.key) for each in found))

    def distance(self, hypothesis: str, text: str, language: str) -> float:
        """Edits from one text to another, over the units of `hypothesis`."""
        tokenise = tokeniser(self.rules, fold_accents=self.fold_accents)
        return error_rate(hypothesis, text, language, tokenise, self.unit)


@dataclass(frozen=True, slots=True)
class Label:
    """What became of one utterance: `edit_rate` None where there was nothing to compare; `reason` why it goes no
    further, None when it does."""

    edit_rate: float | None
    reason: str | None


@dataclass(frozen=True, slots=True, eq=False)
class _Utterance:
    """A part of a recording, or the whole; it starts at `start_s`."""

    id: str
    recording: Example
    samples: Int16
    start_s: float


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    """`correction` is empty where there is none; `reason` why the utterance goes no further, None when it does."""

    utterance: _Utterance
    heard: str
    correction: str
    scores: Mapping[str, float]
    reason: str | None
    corrector: str
    keywords: tuple[str, ...]

    def example(self) -> Example:
        """As it is dropped: the text is the correction, or what was heard, and the audio the whole recording."""
        utterance = self.utterance
        place = {"recording": utterance.recording.id, "start": round(utterance.start_s, 3)}
        return replace(
            utterance.recording,
            id=utterance.id,
            text=self.correction.strip() or self.heard,
            duration=len(utterance.samples) / SAMPLE_RATE,
            source=f"pseudo:{self.corrector}",
            keywords=self.keywords,
            scores=self.scores,
            extra={**utterance.recording.extra, **place, "heard": self.heard},
        )


def iteration_folder(run: Path, iteration: int) -> Path:
    """Raises BadRequest for an iteration below 1."""
    if iteration < 1:
        raise BadRequest(f"iterations count from 1, not {iteration}", field="iteration")
    return run / "pseudo-label" / f"iteration-{iteration}"


def read_recordings(source: Path, language: str) -> list[Example]:
    """The lines of a manifest, with or without texts, or every file of a folder and below, in `language`.

    Raises BadRequest where there is nothing.
    """
    if not source.is_dir():
        return list(read_examples(source.resolve(), labelled=False))
    folder = source.resolve()
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    if not found:
        raise BadRequest(f"{source} has no recordings", field="recordings")
    return [Example(str(path.relative_to(folder)), "", language, path) for path in found]


def judge_correction(best: Heard, correction: str | None, language: str, options: PseudoLabelOptions) -> Label:
    """Whether the correction of what was heard is believed."""
    if not tokeniser(options.rules)(best.text, language):
        return Label(None, "nothing heard")
    if correction is None or not correction.strip():
        return Label(None, "no correction")
    edit_rate = options.distance(best.text, correction, language)
    reason = None
    if edit_rate > options.max_edit_rate:
        reason = f"edit rate over {options.max_edit_rate:g}"
    elif options.min_logprob is not None and best.avg_logprob < options.min_logprob:
        reason = f"log-probability under {options.min_logprob:g}"
    return Label(edit_rate, reason)


def hypotheses(beam: Heard, greedy: Heard) -> list[str]:
    """What was heard, likeliest first, each once: the beam's best, the greedy one, the beam's others. Where the beam
    hears nothing there is nothing."""
    if not beam.text:
        return [""]
    return list(dict.fromkeys(filter(None, (beam.text, greedy.text, *beam.alternatives))))


def pseudo_label(
    recordings: Sequence[Example],
    folder: Path,
    recogniser: Recogniser,
    corrector: Corrector,
    options: PseudoLabelOptions,
    shard: Shard | None = None,
) -> None:
    """Runs the stage in `folder`, one iteration. Raises BadRequest, before any work, for a recording that is not there,
    and what recogniser and corrector raise."""
    new_figure(1, 1)  # the report may want an extra: better now than after the work
    check_audio(recordings, folder)
    vad = SileroVad()
    with Stage(folder, asdict(options), shard) as stage:
        for group in _groups(stage, stage.waiting(recordings, title="pseudo-label"), vad):
            found = iter(_results(group, recogniser, corrector, options))
            for parts in group:
                _answer(stage, parts, [next(found) for _ in parts])
    write_report(folder.parent, options.max_edit_rate)


def _groups(stage: Stage, recordings: Iterable[Example], vad: SileroVad) -> Iterator[list[list[_Utterance]]]:
    """The utterances of recordings that are worked on together; what has none is answered at once."""
    group: list[list[_Utterance]] = []
    seconds = 0.0
    for recording in recordings:
        try:
            samples = read_example(recording)
        except BadRequest:
            stage.drop(recording, "unreadable audio")
            continue
        if parts := _utterances(recording, samples, vad):
            group.append(parts)
            seconds += len(samples) / SAMPLE_RATE
        else:
            stage.drop(recording, "no speech")
        if seconds >= GROUP_SECONDS:
            yield group
            group, seconds = [], 0.0
    if group:
        yield group


def _utterances(recording: Example, samples: Int16, vad: SileroVad) -> list[_Utterance]:
    cuts = spans(samples, vad)
    if cuts == [(0, len(samples))]:
        return [_Utterance(recording.id, recording, samples, 0.0)]
    return [
        _Utterance(f"{recording.id}@{start // _MS}", recording, samples[start:end], start / SAMPLE_RATE)
        for start, end in cuts
    ]


def _results(
    group: Sequence[Sequence[_Utterance]], recogniser: Recogniser, corrector: Corrector, options: PseudoLabelOptions
) -> list[_Result]:
    """One for each utterance of the group, in order."""
    utterances = [each for parts in group for each in parts]
    speech = [Speech(each.samples, each.recording.language) for each in utterances]
    beam = recogniser.hear(speech, beam_size=options.beam_size)
    greedy = recogniser.hear(speech, beam_size=1) if options.beam_size > 1 else beam
    heard = [hypotheses(*both) for both in zip(beam, greedy, strict=True)]
    corrections = _corrections(heard, [each.language for each in speech], corrector)
    results = []
    for at, utterance in enumerate(utterances):
        language, best = speech[at].language, heard[at][0]
        label = judge_correction(beam[at], corrections[at], language, options)
        scores = {
            "avg_logprob": beam[at].avg_logprob,
            "disagreement": options.distance(best, greedy[at].text, language),
        }
        if label.edit_rate is not None:
            scores["edit_rate"] = label.edit_rate
        rounded = {name: round(score, 4) for name, score in scores.items()}
        correction = corrections[at] or ""
        keywords = options.keywords(correction, language)
        results.append(_Result(utterance, best, correction, rounded, label.reason, corrector.name, keywords))
    return results


def _corrections(heard: Sequence[Sequence[str]], languages: Sequence[str], corrector: Corrector) -> list[str | None]:
    found: list[str | None] = [None] * len(heard)
    for language in dict.fromkeys(languages):
        rows = [at for at, other in enumerate(languages) if other == language]
        texts = corrector.correct([heard[at] for at in rows], language)
        for at, text in zip(rows, texts, strict=True):
            found[at] = text
    return found


def _answer(stage: Stage, parts: Sequence[_Utterance], results: Sequence[_Result]) -> None:
    audio = stage.folder / "audio"
    kept = [
        replace(each.example(), audio=write_flac(audio, each.utterance.id, each.utterance.samples))
        for each in results
        if each.reason is None
    ]
    dropped = [(each.example(), each.reason) for each in results if each.reason is not None]
    stage.part(parts[0].recording, kept, dropped)
