"""An explanation as a page: for people who tune lists, at any width, in a terminal or a pipe."""

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from service.biasing.gate import MAX_JUDGED
from service.commands.captions import stamp
from service.commands.explanation import Decision, Explanation, Fit, Question, WordHeard

CANDIDATES_SHOWN = 12
DOUBTFUL = 1.0  # nats from which a word of the first pass stands out
_KIND = {
    "written": "the first pass wrote it",
    "prompted": "the second pass wrote it when told",
    "spliced": "a near miss, written in by hand",
}
_OUTCOME = {
    "written": "it is in the text.",
    "outvoted": "it was considered, but did not reach what it needed: see above.",
    "rival": "it reached what it needed, but a surer phrase has the words.",
    "not asked": f"the model was not asked about it: of near misses the {MAX_JUDGED} likeliest are put to it, and none "
    "where a phrase stands already.",
    "not near": "the second pass was told of it, but did not write it, and what it wrote is too unlike it.",
    "not told": "the second pass was not told of it, since {why}.",
    "too unlikely": "that is too unlikely to be considered, since {why}.",
    "crowded out": "phrases that come nearer crowded it out before it was compared closely.",
    "no sound": "there is nothing to compare: it, or what was heard, has no sound.",
    "switched off": "its boost is 0, which switches it off.",
}


def render(explanation: Explanation) -> RenderableType:
    """Lines for a rich console."""
    heading = (
        f"utterance {explanation.utterance}  {stamp(explanation.start)} to {stamp(explanation.end)}  "
        f"{explanation.language}"
    )
    return Group(Rule(Text(heading, "bold"), align="left", characters="─"), *_sections(explanation))


def _sections(explanation: Explanation) -> Iterator[RenderableType]:
    yield from _section("First pass, with nats of surprise", _words(explanation.first_pass))
    yield from _section("Candidates", _candidates(explanation.candidates))
    if explanation.second_pass is not None:
        yield from _section("Told to the second pass", Text(", ".join(explanation.told)))
        yield from _section("Second pass", Text(explanation.second_pass))
    if explanation.decisions:
        yield from _section("Decisions", Group(*map(_decision, explanation.decisions)))
    yield from _section("Text", _marked(explanation))
    for question in explanation.questions:
        yield from _section(f"Why {question.phrase}?", _answer(question))
    yield Text()


def _section(title: str, content: RenderableType) -> Iterator[RenderableType]:
    yield Text(title, "bold cyan")
    yield Padding(content, (0, 0, 0, 2))


def _words(words: tuple[WordHeard, ...]) -> Text:
    """Surprise behind each word that has any worth a look."""
    line = Text()
    for word in words:
        surprisal = word.surprisal or 0.0
        style = "yellow" if surprisal >= DOUBTFUL else ""
        line.append(word.word, style)
        line.append("·?" if word.surprisal is None else f"·{surprisal:.1f}", style or "dim")
        line.append(" ")
    return line if words else Text("(nothing was heard)", "dim")


def _candidates(candidates: tuple[Fit, ...]) -> RenderableType:
    if not candidates:
        return Text("(no phrase of the list sounds like these words)", "dim")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("phrase", overflow="fold", ratio=3)
    table.add_column("heard", overflow="fold", ratio=3)
    table.add_column("sounds of both", overflow="fold", ratio=3)
    table.add_column("distance", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    for fit in candidates[:CANDIDATES_SHOWN]:
        heard = Text(fit.heard)
        heard.append(" (alternative)" if fit.alternative else "", "dim")
        sounds = Text(f"{fit.sounds}\n{fit.heard_sounds}", "dim")
        table.add_row(Text(fit.phrase), heard, sounds, f"{fit.distance:.2f}", f"{fit.score:+.1f}")
    if more := len(candidates) - CANDIDATES_SHOWN:
        return Group(table, Text(f"and {more} more, less likely", "dim")) if more > 0 else table
    return table


def _decision(decision: Decision) -> Text:
    line = Text("yes  " if decision.accepted else "no   ", "green" if decision.accepted else "red")
    line.append(decision.phrase, "bold")
    line.append(f" for “{decision.heard}” ({_KIND[decision.kind]}): {_arithmetic(decision)}")
    if decision.rival:
        line.append("; but a surer phrase has the words")
    return line


def _arithmetic(decision: Decision) -> str:
    needed = f"{decision.needed:+.1f}"
    if decision.gain is None:
        told = f"{decision.score:+.1f} by sound and spelling"
    else:
        told = (
            f"{decision.score:+.1f} by sound and spelling + {decision.per_nat:g} x ({decision.gain:+.1f}) "
            f"by the model = {decision.total:+.1f}"
        )
    told += f", {'at least' if decision.total >= decision.needed else 'less than the'} {needed} needed"
    if not decision.sure:
        return told
    return f"{told} ({decision.least:+.1f} + {decision.per_sure:g} x {decision.sure:.2f} of the words common and sure)"


def _marked(explanation: Explanation) -> Text:
    """Phrases of the list in brackets."""
    line, at = Text(), 0
    for start, end in sorted(explanation.marks):
        line.append(explanation.text[at:start])
        line.append(f"[{explanation.text[start:end]}]", "bold green")
        at = end
    line.append(explanation.text[at:])
    return line if explanation.text else Text("(nothing)", "dim")


def _answer(question: Question) -> Text:
    best = question.best
    line = Text()
    if best:
        where = f"“{best.heard}”" + (" of an alternative" if best.alternative else "")
        line.append(
            f"It fits best at {where} ({best.sounds} against {best.heard_sounds}): "
            f"distance {best.distance:.2f}, score {best.score:+.1f}; "
        )
    outcome = _OUTCOME[question.outcome].format(why=_why(question))
    line.append(outcome if best else outcome[0].upper() + outcome[1:])
    return line


def _why(question: Question) -> str:
    best = question.best
    if best is None:
        return ""
    if question.outcome == "too unlikely" and best.score >= question.least_score:
        return f"the distance may be {question.most_distance:.2f} at most"
    least = question.least_score if question.outcome == "too unlikely" else question.least_told
    if best.score < least:
        return f"a score of at least {least:+.1f} is needed"
    return "likelier phrases are at the same words, or the text has it already"
