"""Clauses crossed where they share words: the head of one, the shared words, the tail of another."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from models.expand.grammar.clauses import Clause, Token
from models.expand.grammar.words import FEMALE, LINKS, MALE, PRONOUNS

PIVOT = 3  # shared words; two do where one of them is a slot and a preposition follows
LEAST_TAIL = 2  # words behind them


def crossed(clauses: Iterable[Clause], language: str) -> list[Clause]:
    """New clauses from pairs of one domain; none that some seed has already."""
    given = list(clauses)
    known = {_keys(clause.tokens) for clause in given}
    places: dict[tuple[str, bool, tuple[str, ...]], list[tuple[Clause, int]]] = defaultdict(list)
    for clause in given:
        for start in range(len(clause.tokens)):
            for length in (PIVOT - 1, PIVOT):
                pivot = clause.tokens[start : start + length]
                if len(pivot) == length and (length == PIVOT or any(token.kind for token in pivot)):
                    places[clause.domain, clause.opening, _keys(pivot)].append((clause, start))
    found: dict[tuple[str, ...], Clause] = {}
    for (_, _, pivot_keys), uses in places.items():
        for one, head in uses:
            for other, tail in uses:
                tokens = one.tokens[:head] + other.tokens[tail:]
                keys = _keys(tokens)
                new = keys not in known and keys not in found
                if one.seed == other.seed or not head or not tail or not new:
                    continue
                behind = head + len(pivot_keys)
                tails = (one.tokens[behind:], tokens[behind:])
                if len(pivot_keys) < PIVOT and not all(_may_go(each, language) for each in tails):
                    continue
                if len(tails[1]) >= LEAST_TAIL and _is_sound(tokens[:behind], tails[1], language):
                    found[keys] = replace(one, tokens=tokens, end=other.end)
    return list(found.values())


def _may_go(tail: Sequence[Token], language: str) -> bool:
    """Whether a clause is whole without it: "the loan in Ascona | ends in May" is not, "at Mirabaud | in cash" is."""
    return not tail or tail[0].key in LINKS.get(language, ())


def _is_sound(head: Sequence[Token], tail: Sequence[Token], language: str) -> bool:
    """No slot kind twice, and no pronoun in the tail for somebody who is not in the head."""
    kinds = [token.kind for token in (*head, *tail) if token.kind]
    return len(set(kinds)) == len(kinds) and _sexes(tail, language) <= _sexes(head, language)


def _sexes(tokens: Iterable[Token], language: str) -> set[str]:
    table = PRONOUNS.get(language, {})
    return {table[token.key] for token in tokens if token.key in table} & {MALE, FEMALE}


def _keys(tokens: Sequence[Token]) -> tuple[str, ...]:
    return tuple(token.key for token in tokens)
