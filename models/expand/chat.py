"""A language model behind a chat endpoint as writer: a few seeds as examples, JSON lines as answer."""

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from models.chat.answers import Answer, Prompt
from models.chat.client import ChatClient
from models.expand.checks import Limits
from models.expand.keywords import Keyword
from models.expand.writer import Wish
from models.manifest import Example
from models.prompts import prompt

EXAMPLES = 8  # seeds in a prompt
HOLDING = 3  # of them with a keyword of the same class, where there are such
TEMPERATURE = 1.0
SPARE = 1.25  # more than is wanted, as checks take some away


class ChatWriter:
    """Asks for the sentences of one keyword in one question. The seeds it shows are drawn by keyword and `seed`."""

    def __init__(
        self,
        client: ChatClient,
        seeds: Sequence[Example],
        keywords: Sequence[Keyword],
        *,
        language: str,
        limits: Limits,
        seed: int,
    ) -> None:
        self._client = client
        self._seeds = seeds
        self._kinds = {keyword.phrase: keyword.kind for keyword in keywords}
        self._language = language
        self._limits = limits
        self._seed = seed

    @property
    def name(self) -> str:
        return f"chat:{self._client.endpoint.model}"

    @property
    def batch(self) -> int:
        return self._client.endpoint.concurrency

    def identity(self) -> Mapping[str, Any]:
        return self._client.endpoint.identity()

    def write(self, wishes: Sequence[Wish]) -> Iterator[Iterable[str]]:
        """Raises ChatUnavailable and BadRequest as the client does."""
        return map(sentences, self._client.complete([self._prompt(wish) for wish in wishes]))

    def _prompt(self, wish: Wish) -> Prompt:
        kind = wish.keyword.kind
        user = prompt(
            "expand",
            seeds="\n".join(f"- {seed.text}" for seed in self._examples(wish)),
            count=round(SPARE * wish.count) + 1,
            language=self._language,
            keyword=wish.keyword.phrase,
            role=f" (it is the name of a {kind})" if kind else "",
            shortest=self._limits.shortest,
            longest=self._limits.longest,
        )
        return Prompt(user, system=prompt("expand-system"), temperature=TEMPERATURE)

    def _examples(self, wish: Wish) -> list[Example]:
        chance = random.Random(f"{self._seed}/{wish.keyword.phrase}/{wish.attempt}")
        shuffled = chance.sample(self._seeds, len(self._seeds))
        kindred = [seed for seed in shuffled if self._is_kindred(seed, wish.keyword)][:HOLDING]
        others = [seed for seed in shuffled if seed not in kindred]
        return [*kindred, *others][:EXAMPLES]

    def _is_kindred(self, seed: Example, keyword: Keyword) -> bool:
        return any(
            phrase == keyword.phrase or (keyword.kind and self._kinds.get(phrase) == keyword.kind)
            for phrase in seed.keywords
        )


def sentences(answer: Answer) -> list[str]:
    """The texts of an answer's lines that are what was asked for, `{"text": "…"}` and nothing else; of an answer that
    was cut off, those before the cut."""
    if answer.finish == "refused":
        return []
    return [text for text in map(_sentence, answer.text.splitlines()) if text]


def _sentence(line: str) -> str | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.keys() != {"text"} or not isinstance(value["text"], str):
        return None
    return " ".join(value["text"].split())
