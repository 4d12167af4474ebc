"""Boosted decoding: a first pass, the phrases that it may have misheard, a second pass that is told of them, and a
judgement of what either wrote.

Retrieve, prompt, verify: a prompt with thousands of names dilutes itself, and without a prompt Whisper gives a rare
name no chance, so each utterance is told only of the few phrases that sound like its own words. What is then written
must be believed (`biasing.gate`), and only words under a believed phrase change (`biasing.assembly`).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import ctranslate2

from service.biasing.assembly import Placed, assemble, restored, written
from service.biasing.boost import Boost
from service.biasing.distance import PLAIN, WEIGHTED
from service.biasing.gate import Proposal, Verdict, believed, proposals
from service.biasing.hypothesis import HeardWord, heard_words
from service.biasing.matching import differences, likeness
from service.biasing.retrieval import Candidate, retrieve
from service.biasing.selection import PROMPT_SCORE, prompt_text, prompted
from service.biasing.strategies import EVERY, Strategies
from service.decoding import model
from service.decoding.aligner import NO_FRAMES
from service.decoding.costs import Costs
from service.decoding.draft import Draft, Item, grouped
from service.decoding.vocabulary import Vocabulary
from service.transcript import Match, Piece

LEAST_PROBABILITY = 1e-9
LEAST_LIKENESS = 0.5  # of a second pass that heard the same utterance, not its prompt


class Booster:
    """Immutable after construction."""

    def __init__(self, whisper: ctranslate2.models.Whisper, vocabulary: Vocabulary) -> None:
        self._model = whisper
        self._vocabulary = vocabulary

    def watched(self, item: Item, pieces: tuple[Piece, ...], costs: Costs) -> tuple[Piece, ...]:
        """The pieces of a hypothesis; where the list is only watched, those that may be its phrases are left unsure."""
        options = item.utterance.options
        if not (options.bias and options.bias.watch and options.word_times):
            return pieces
        unsure: set[int] = set()  # tokens, counted from the first
        with costs.measured("retrieve"):
            words = heard_words(pieces, self._vocabulary.text)
            for candidate in self._retrieve(item, [words]):
                span = words[candidate.first : candidate.last]
                changes = "".join(written(span, candidate.entry.phrase)) != "".join(word.text for word in span)
                if candidate.score >= PROMPT_SCORE and changes:
                    unsure |= set(range(_tokens_in(words[: candidate.first]), _tokens_in(words[: candidate.last])))
        ends = list(accumulate(len(piece.tokens) for piece in pieces))
        return tuple(
            replace(piece, weakest=0.0) if unsure & set(range(end - len(piece.tokens), end)) else piece
            for piece, end in zip(pieces, ends, strict=True)
        )

    def boost(self, items: Sequence[Item], pieces: Sequence[tuple[Piece, ...]], costs: Costs) -> list[Boost | None]:
        """What the lists of each item make of its hypothesis, whose pieces carry their surprisal; None where there is
        no list or no hypothesis."""
        boosts: list[Boost | None] = [None] * len(items)
        for i, item in enumerate(items):
            bias = item.utterance.options.bias
            if bias and not bias.watch and item.draft and pieces[i]:
                with costs.measured("retrieve"):
                    boosts[i] = self._first(item, pieces[i])
        told = [(i, items[i], boost) for i, boost in enumerate(boosts) if boost and boost.prompted]
        for i, second in self._second_passes(told, costs):
            boosts[i] = self._second(items[i], boosts[i], second, costs)
        for i, item, _ in told:
            if not _strategies(item).second_pass:
                boosts[i] = self._second(item, boosts[i], pieces[i], costs)
        return [boost and self._assembled(items[i], boost) for i, boost in enumerate(boosts)]

    def _first(self, item: Item, pieces: tuple[Piece, ...]) -> Boost:
        assert item.draft
        words = heard_words(pieces, self._vocabulary.text)
        others = [
            heard_words(self._vocabulary.pieces(tokens, item.language), self._vocabulary.text)
            for tokens in item.draft.alternatives
            if _strategies(item).alternatives
        ]
        candidates = self._retrieve(item, [words, *others])
        verdicts = tuple(Verdict(proposal, None) for proposal in proposals(words, candidates, words, _best(candidates)))
        standing = tuple(verdict for verdict in verdicts if verdict.proposal.kind == "written")
        chosen = prompted(candidates, dominance=_strategies(item).dominance)
        return Boost(tuple(words), tuple(candidates), tuple(chosen), tuple(words), standing)

    def _retrieve(self, item: Item, hypotheses: Sequence[Sequence[HeardWord]]) -> list[Candidate]:
        bias = item.utterance.options.bias
        assert bias
        found = retrieve(
            hypotheses,
            bias.compiled(item.language),
            language=item.language,
            strength=bias.strength,
            weights=WEIGHTED if bias.strategies.weighted_distance else PLAIN,
        )
        fixed = len(item.utterance.prefix)
        return [c for c in found if _tokens_in(hypotheses[0][: c.place[0]]) >= fixed]

    # ---- the second pass

    def _second_passes(self, told: list[tuple[int, Item, Boost]], costs: Costs) -> list[tuple[int, tuple[Piece, ...]]]:
        """The hypothesis of each item under its prompt; prompts of equal length share a call."""
        rows = [
            (i, item, item.draft, self._previous(item, boost))
            for i, item, boost in told
            if item.draft and _strategies(item).second_pass
        ]
        found = []
        for _, group in grouped(rows, lambda r: (id(r[2].encoded), len(r[3]), r[1].token_limit)):
            drafts = [draft for _, _, draft, _ in group]
            for (i, item, _, _), tokens in zip(group, self._generate(group, drafts, costs), strict=True):
                found.append((i, self._vocabulary.pieces(tokens, item.language)))
        return found

    def _generate(
        self, rows: list[tuple[int, Item, Draft, list[int]]], drafts: list[Draft], costs: Costs
    ) -> list[tuple[int, ...]]:
        _, item, _, _ = rows[0]
        prompts = [
            self._vocabulary.prompt(previous, row.language, row.utterance.options.task, row.utterance.prefix)
            for _, row, _, previous in rows
        ]
        with costs.measured("generate"):
            results = self._model.generate(
                model.take(drafts[0].encoded.memory, [draft.row for draft in drafts]),
                prompts,
                beam_size=item.utterance.options.beam_size,
                max_length=max(2 * item.token_limit, item.token_limit + len(prompts[0])),
            )
        return [tuple(t for t in result.sequences_ids[0] if t < self._vocabulary.eot) for result in results]

    def _previous(self, item: Item, boost: Boost) -> list[int]:
        return self._vocabulary.previous(
            f"{item.utterance.options.prompt} {prompt_text(boost.prompted, item.language)}"
        )

    # ---- the judgement

    def _second(self, item: Item, boost: Boost | None, pieces: tuple[Piece, ...], costs: Costs) -> Boost:
        assert boost
        with costs.measured("retrieve"):
            words = _with_surprisal(boost.first_pass, heard_words(pieces, self._vocabulary.text))
            if likeness(boost.first_pass, words) < LEAST_LIKENESS:
                words = list(boost.first_pass)
            candidates = self._retrieve(item, [words])
            asked = proposals(boost.first_pass, boost.candidates, words, candidates, splices=_strategies(item).splices)
        verdicts = self._judged(item, boost, words, asked, costs)
        return replace(boost, second_pass=tuple(words), verdicts=tuple(verdicts))

    def _judged(
        self, item: Item, boost: Boost, words: list[HeardWord], asked: list[Proposal], costs: Costs
    ) -> list[Verdict]:
        """Each proposal with what the model gains by it, where that can matter."""
        open_questions = [proposal for proposal in asked if proposal.needs_judging and _strategies(item).judgement]
        gains: dict[int, float] = {}
        if open_questions and item.draft:
            base = [token for word in words for token in word.tokens]
            texts = [self._text_of(proposal, boost, words) for proposal in open_questions]
            first, *others = self._logprobs(item, item.draft, boost, [base, *texts], costs)
            for proposal, logprob in zip(open_questions, others, strict=True):
                gains[id(proposal)] = logprob - first if proposal.kind == "spliced" else first - logprob
        return [Verdict(proposal, gains.get(id(proposal))) for proposal in asked]

    def _text_of(self, proposal: Proposal, boost: Boost, words: list[HeardWord]) -> list[int]:
        """Tokens of the second pass with the splice, or without the prompted phrase."""
        placed = Placed(proposal.candidate.entry, proposal.first, proposal.last)
        if proposal.kind == "spliced":
            return list(assemble(words, [placed], self._vocabulary.encode).tokens)
        return restored(boost.first_pass, words, placed)

    def _logprobs(self, item: Item, draft: Draft, boost: Boost, texts: list[list[int]], costs: Costs) -> list[float]:
        """Log-probability of each text given the audio and the prompt, in nats."""
        start = [*self._previous(item, boost), *self._vocabulary.start_sequence(*item.spoken)]
        with costs.measured("align"):
            memory = model.take(draft.encoded.memory, [draft.row] * len(texts))
            found = self._model.align(memory, start, texts, [NO_FRAMES] * len(texts))
        return [sum(math.log(max(p, LEAST_PROBABILITY)) for p in path.text_token_probs) for path in found]

    def _assembled(self, item: Item, boost: Boost) -> Boost:
        kept = [verdict.proposal for verdict in believed(boost.verdicts)]
        totals = {id(verdict.proposal): verdict.total for verdict in boost.verdicts}
        if _strategies(item).only_phrases:
            base, phrases = boost.first_pass, [Placed(p.candidate.entry, *p.place) for p in kept]
        else:
            base, phrases = boost.second_pass, [Placed(p.candidate.entry, p.first, p.last) for p in kept]
        done = assemble(base, phrases, self._vocabulary.encode)
        pieces = self._vocabulary.pieces(done.tokens, item.language)
        matches = []
        for proposal, (start, end) in zip(kept, done.places, strict=True):
            first, last = _pieces_at(pieces, start, end)
            matches.append(
                Match(
                    phrase=proposal.candidate.entry.phrase,
                    first=first,
                    last=last,
                    heard="".join(word.text for word in boost.first_pass[slice(*proposal.place)]).strip(),
                    distance=proposal.distance,
                    gain=round(totals[id(proposal)], 2),
                    needed=round(proposal.needed, 2),
                )
            )
        return replace(boost, tokens=done.tokens, matches=tuple(sorted(matches, key=lambda match: match.first)))


def _strategies(item: Item) -> Strategies:
    bias = item.utterance.options.bias
    return bias.strategies if bias else EVERY


def _best(candidates: Sequence[Candidate]) -> list[Candidate]:
    return [candidate for candidate in candidates if candidate.hypothesis == 0]


def _tokens_in(words: Sequence[HeardWord]) -> int:
    return sum(len(word.tokens) for word in words)


def _with_surprisal(first_pass: Sequence[HeardWord], words: list[HeardWord]) -> list[HeardWord]:
    """The words of the second pass; those that the first has too are as surprising as there."""
    result = list(words)
    for tag, i1, _, j1, j2 in differences(first_pass, words):
        if tag == "equal":
            for j in range(j1, j2):
                result[j] = replace(words[j], surprisal=first_pass[i1 + j - j1].surprisal)
    return result


def _pieces_at(pieces: Sequence[Piece], start: int, end: int) -> tuple[int, int]:
    """Indices (first, last exclusive) of the pieces that characters `start` to `end` fall in."""
    position, inside = 0, []
    for index, piece in enumerate(pieces):
        following = position + len(piece.text)
        if position < end and start < following:
            inside.append(index)
        position = following
    return (inside[0], inside[-1] + 1) if inside else (0, 0)
