"""Whether clauses from different seeds may follow one another: each pronoun needs someone it may stand for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.expand.grammar.clauses import Clause
from models.expand.grammar.words import FEMALE, INFLECTED, MALE, NOUNS, PRONOUNS, SOMEONE, THING

_SEXES = frozenset((MALE, FEMALE))
_NEUTRAL_TITLES = frozenset(("dr", "prof"))


@dataclass(frozen=True, slots=True)
class Filled:
    """A clause and what stands in its slots, in order."""

    clause: Clause
    phrases: tuple[str, ...]


class Agreement:
    """What is known of a language's pronouns, and of who is he or she among the phrases.

    `kinds`: classes by phrase. A class names people when one of its phrases has a title. Their sex is told by the
    title, else by the pronouns of the seeds they stand in.
    """

    def __init__(self, language: str, kinds: Mapping[str, str], sentences: Iterable[Sequence[Clause]]) -> None:
        self._language = language
        self._pronouns = PRONOUNS.get(language, {})
        self._nouns = NOUNS.get(language, {})
        titled = {phrase: self._title(phrase) for phrase in kinds}
        self._people = frozenset(kinds[phrase] for phrase, title in titled.items() if title)
        self._sexes = {phrase: title for phrase, title in titled.items() if title in _SEXES}
        for sentence in sentences:
            self._learn(sentence)

    def holds(self, filled: Sequence[Filled]) -> bool:
        """True for a language whose pronouns are not known."""
        offered: set[str] = set()
        for number, one in enumerate(filled):
            wanted, named, nouns = self._wanted(one.clause), self._named(one), self._introduced(one.clause)
            if not self._suits(one, wanted, named):
                return False
            if number == 0:
                offered |= wanted
            elif not _is_offered(wanted, offered | named):
                return False
            offered |= named | nouns
        return True

    def _learn(self, sentence: Sequence[Clause]) -> None:
        """The sex of the only person of a sentence, from its pronouns."""
        people = {token.text for clause in sentence for token in clause.tokens if token.kind in self._people}
        pronouns = {sort for clause in sentence for sort in self._wanted(clause) & _SEXES}
        others = {sort for clause in sentence for sort in self._introduced(clause) & _SEXES}
        if len(people) == len(pronouns) == 1 and not others:
            self._sexes.setdefault(people.pop(), pronouns.pop())

    def _title(self, phrase: str) -> str | None:
        first = phrase.split()[0].lower().rstrip(".")
        if first in _NEUTRAL_TITLES:
            return SOMEONE
        behind = (sort for noun, sort in self._nouns.items() if len(phrase) > len(noun) and phrase.endswith(noun))
        return self._nouns.get(first) or (next(behind, None) if self._language == "zh" else None)

    def _wanted(self, clause: Clause) -> set[str]:
        return {self._pronouns[token.key] for token in clause.tokens if token.key in self._pronouns}

    def _introduced(self, clause: Clause) -> set[str]:
        return {self._nouns[token.key] for token in clause.tokens if token.key in self._nouns}

    def _named(self, one: Filled) -> set[str]:
        kinds = [token.kind for token in one.clause.tokens if token.kind]
        return {
            self._sexes.get(phrase, SOMEONE) if kind in self._people else THING
            for kind, phrase in zip(kinds, one.phrases, strict=True)
        }

    def _suits(self, one: Filled, wanted: set[str], named: set[str]) -> bool:
        """Whether the new names go with the pronouns of their own clause, as the old ones did."""
        former = {self._sexes.get(token.text) for token in one.clause.tokens if token.kind}
        changed = (named & _SEXES) - former
        if self._language in INFLECTED:
            return not changed
        return not changed or (wanted & _SEXES) <= changed


def _is_offered(wanted: set[str], offered: set[str]) -> bool:
    missing = wanted - offered
    if SOMEONE in offered and len(missing & _SEXES) == 1 and not offered & _SEXES:
        missing -= _SEXES
    return not missing
