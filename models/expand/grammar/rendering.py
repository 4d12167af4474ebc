"""Filled clauses as the text of a sentence."""

import random
from collections.abc import Sequence

from models.expand.grammar.agreement import Filled
from models.expand.grammar.clauses import Token
from models.expand.grammar.words import INTERCHANGEABLE

VARIED = 0.5  # share of weekdays and the like that are changed


def render(filled: Sequence[Filled], language: str, chance: random.Random) -> str:
    """A whole sentence: weekdays and the like varied, English articles set right, commas between, a capital first."""
    first, last = filled[0].clause, filled[-1].clause
    text = first.comma.join(_clause(one, language, chance) for one in filled).strip()
    return (text if first.tokens[0].kind else text[:1].upper() + text[1:]) + last.end


def _clause(one: Filled, language: str, chance: random.Random) -> str:
    phrases = iter(one.phrases)
    words = [next(phrases) if token.kind else _varied(token, language, chance) for token in one.clause.tokens]
    if language == "en":
        words = [_article(word, following) for word, following in zip(words, [*words[1:], ""], strict=True)]
    return "".join(f"{token.lead}{word}{token.tail}" for token, word in zip(one.clause.tokens, words, strict=True))


def _varied(token: Token, language: str, chance: random.Random) -> str:
    others = INTERCHANGEABLE.get(language, {}).get(token.text)
    return chance.choice(others) if others and chance.random() < VARIED else token.text


def _article(word: str, following: str) -> str:
    """English a or an, by the first letter of what now follows."""
    if word.lower() not in ("a", "an") or not following:
        return word
    return word[0] + ("n" if following[0].lower() in "aeiou" else "")
