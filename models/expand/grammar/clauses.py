"""Seeds taken apart: sentences into clauses, clauses into words and slots where a phrase of the list stands.

A clause ends at a comma that a joining word follows. Which words join is learnt: those that follow commas in several
seeds ("and", "but", "because", …); so it works for languages that nothing is known of.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from models.expand.phrases import PhraseMatcher
from models.manifest import Example

LEAST_JOINS = 2  # seeds in which a word must follow a comma to count as joining
_TOKEN = re.compile(r"(\s*)([\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff，。！？；、,.;:!?]+)([^\w\s]*)")
_COMMA = re.compile(r"[,，;；]$")
_STOP = re.compile(r"[.?!。？！]+$")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, or a slot when it has a `kind`; then `text` is the phrase that stood there. `lead`: white space before,
    `tail`: punctuation after."""

    lead: str
    text: str
    tail: str = ""
    kind: str = ""

    @property
    def key(self) -> str:
        """What it is compared by."""
        return f"<{self.kind}>" if self.kind else self.text.lower()


@dataclass(frozen=True, slots=True)
class Clause:
    """`opening`: it begins a sentence; others begin with a joining word. `end`: the punctuation behind the sentence it
    is from; `comma`: that of its language. `domain`: of its seed."""

    tokens: tuple[Token, ...]
    opening: bool
    domain: str
    seed: str
    comma: str
    end: str

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(token.kind for token in self.tokens if token.kind)


def clauses(seeds: Iterable[Example], kinds: Mapping[str, str], matcher: PhraseMatcher) -> list[list[Clause]]:
    """The clauses of each seed, in order; `kinds`: the class of each phrase that `matcher` knows."""
    sentences = [
        (seed, sentence) for seed in seeds for sentence in _sentences(_tokens(seed.text, kinds, matcher)) if sentence
    ]
    joining = _joining_words(tokens for _, tokens in sentences)
    return [_split(tokens, joining, seed) for seed, tokens in sentences]


def _tokens(text: str, kinds: Mapping[str, str], matcher: PhraseMatcher) -> list[Token]:
    tokens: list[Token] = []
    last = 0
    for start, end in [*matcher.find(text), (len(text), len(text))]:
        tokens += [Token(*found) for found in _TOKEN.findall(text[last:start])]
        if end > start:
            behind = re.match(r"(?:['’]s)?[^\w\s]*", text[end:])
            tail = behind[0] if behind else ""
            lead = " " if start and text[start - 1].isspace() else ""
            tokens.append(Token(lead, text[start:end], tail, kinds[text[start:end]]))
            end += len(tail)
        last = end
    return tokens


def _sentences(tokens: list[Token]) -> list[list[Token]]:
    """A seed may be more than one sentence; abbreviations with a full stop end none when a slot follows."""
    found: list[list[Token]] = [[]]
    for index, token in enumerate(tokens):
        found[-1].append(token)
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        if _STOP.search(token.tail) and following and not following.kind and following.text[:1].isupper():
            found.append([])
    return found


def _joining_words(sentences: Iterable[list[Token]]) -> frozenset[str]:
    following = Counter(
        token.key
        for tokens in sentences
        for before, token in pairwise(tokens)
        if _COMMA.search(before.tail) and not token.kind
    )
    return frozenset(word for word, count in following.items() if count >= LEAST_JOINS)


def _split(tokens: list[Token], joining: frozenset[str], seed: Example) -> list[Clause]:
    starts = [0] + [
        index
        for index in range(1, len(tokens))
        if tokens[index].key in joining and _COMMA.search(tokens[index - 1].tail)
    ]
    stop = _STOP.search(tokens[-1].tail)
    commas = [found[0] for token in tokens if (found := _COMMA.search(token.tail))]
    return [
        Clause(
            tokens=(*tokens[start : end - 1], _bare(tokens[end - 1])),
            opening=start == 0,
            domain=str(seed.extra.get("domain", "")),
            seed=seed.id,
            comma=commas[0] if commas else ",",
            end=stop[0] if stop else ".",
        )
        for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True)
    ]


def _bare(token: Token) -> Token:
    """Without the punctuation that ends a clause."""
    return Token(token.lead, token.text, _STOP.sub("", _COMMA.sub("", token.tail)), token.kind)
