"""A grammar learnt from the seeds, as writer: no network, no model, and every word from a person's own sentence.

A new sentence is an opening of one seed and one or two continuations of others from the same domain, whose pronouns
agree. Within a clause, two seeds that share a few words may be crossed there (an n-gram model's step, taken once).
List phrases take each other's places within their class; weekdays, months and the like vary. What comes out is fluent
but not always sensible: good for teaching a recogniser names in speech, not for teaching anyone to talk.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from models.expand.grammar.agreement import Agreement, Filled
from models.expand.grammar.clauses import Clause, clauses
from models.expand.grammar.crossing import crossed
from models.expand.grammar.kinds import kinds_of
from models.expand.grammar.rendering import render
from models.expand.grammar.words import AND, LINKS
from models.expand.keywords import Keyword
from models.expand.phrases import PhraseMatcher
from models.expand.writer import Wish
from models.manifest import Example

TRIES = 40  # for each sentence that is wanted
LENGTHS, LENGTH_WEIGHTS = (1, 2, 3), (0.1, 0.65, 0.25)  # clauses of a sentence
NEUTRAL = 0.6  # share of joining words that give way to "and": "because" wants a reason that chance seldom has


class GrammarWriter:
    """Immutable after construction; what it writes depends on the wish and `seed` alone."""

    name = "grammar"
    batch = 1

    def __init__(self, seeds: Sequence[Example], keywords: Sequence[Keyword], *, language: str, seed: int) -> None:
        phrases = dict.fromkeys([*(k.phrase for k in keywords), *(p for example in seeds for p in example.keywords)])
        matcher = PhraseMatcher(phrases)
        self._language = language
        self._and = AND.get(language)
        self._seed = seed
        self._kinds = kinds_of(keywords, seeds, matcher)
        self._fillers: dict[str, list[str]] = defaultdict(list)
        for phrase, kind in self._kinds.items():
            self._fillers[kind].append(phrase)
        self._learn(clauses(seeds, self._kinds, matcher))

    def _learn(self, sentences: Sequence[Sequence[Clause]]) -> None:
        self._agreement = Agreement(self._language, self._kinds, sentences)
        self._starters = frozenset(sentence[0].tokens[0].key for sentence in sentences)
        self._first_word = {sentence[0].seed: sentence[0].tokens[0].key for sentence in sentences}
        learnt = [clause for sentence in sentences for clause in sentence]
        self._openings: dict[str, list[Clause]] = defaultdict(list)  # by domain
        self._continuations: dict[str, list[Clause]] = defaultdict(list)
        self._holding: dict[str, list[Clause]] = defaultdict(list)  # by the kind of a slot
        for clause in [*learnt, *crossed(learnt, self._language)]:
            (self._openings if clause.opening else self._continuations)[clause.domain].append(clause)
            for kind in sorted(clause.kinds):
                self._holding[kind].append(clause)

    def identity(self) -> Mapping[str, Any]:
        return {}

    def write(self, wishes: Sequence[Wish]) -> Iterator[Iterable[str]]:
        return (self._sentences(wish) for wish in wishes)

    def _sentences(self, wish: Wish) -> Iterator[str]:
        """As many as are taken, each once; ends when tries bring nothing new. None for a class that no seed shows."""
        phrase = wish.keyword.phrase
        chance = random.Random(f"{self._seed}/{phrase}/{wish.attempt}")
        holding = self._holding.get(self._kinds[phrase], [])
        written: set[str] = set()
        for _ in range(TRIES * wish.count if holding else 0):
            text = self._sentence(chance.choice(holding), phrase, chance)
            if text and text not in written:
                written.add(text)
                yield text

    def _sentence(self, holder: Clause, phrase: str, chance: random.Random) -> str | None:
        """One around `holder`, whose slot takes `phrase`; None when what was drawn does not go together."""
        parts = self._parts(holder, chance)
        if parts is None:
            return None
        filled = self._filled(parts, holder, phrase, chance)
        if filled is None or not self._agreement.holds(filled):
            return None
        return render(filled, self._language, chance)

    def _parts(self, holder: Clause, chance: random.Random) -> list[Clause] | None:
        length = chance.choices(LENGTHS, LENGTH_WEIGHTS)[0]
        parts = [holder] if holder.opening else [chance.choice(self._openings[holder.domain]), holder]
        following = self._continuations[holder.domain]
        while following and len(parts) < length:
            parts.append(chance.choice(following))
        opening, continuations = parts[0], parts[1:]
        if len({part.seed for part in parts}) < len(parts) or not all(
            self._can_follow(part, opening) for part in continuations
        ):
            return None
        parts = [opening, *(self._joined(part, chance) for part in continuations)]
        joining = [part.tokens[0].text for part in parts[1:] if part.tokens[0].text != self._and]
        return parts if len(set(joining)) == len(joining) else None

    def _has_subject(self, clause: Clause) -> bool:
        """Whether what follows the joining word may begin a sentence, too; where one word is enough to join."""
        return self._language in LINKS and clause.tokens[min(1, len(clause.tokens) - 1)].key in self._starters

    def _can_follow(self, clause: Clause, opening: Clause) -> bool:
        """A continuation without a subject of its own wants an opening that begins like that of its seed."""
        if self._language not in LINKS:
            return True
        return self._has_subject(clause) or self._first_word[clause.seed] == opening.tokens[0].key

    def _joined(self, clause: Clause, chance: random.Random) -> Clause:
        first = clause.tokens[0]
        if not self._and or not self._has_subject(clause) or chance.random() >= NEUTRAL:
            return clause
        return replace(clause, tokens=(replace(first, text=self._and), *clause.tokens[1:]))

    def _filled(
        self, parts: Sequence[Clause], holder: Clause, phrase: str, chance: random.Random
    ) -> list[Filled] | None:
        """The parts with phrases in their slots, none of them twice; None when a class has too few."""
        kind = self._kinds[phrase]
        waiting, used, filled = True, {phrase}, []
        for part in parts:
            phrases = []
            for slot in (token.kind for token in part.tokens if token.kind):
                free = [each for each in self._fillers[slot] if each not in used]
                if waiting and slot == kind and part.seed == holder.seed:
                    phrases.append(phrase)
                    waiting = False
                elif free:
                    phrases.append(chance.choice(free))
                    used.add(phrases[-1])
                else:
                    return None
            filled.append(Filled(part, tuple(phrases)))
        return filled
