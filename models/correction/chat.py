"""A language model as corrector. Its answers are used only when they are the sentence and nothing else."""

import re
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from models.chat.answers import Answer, Prompt
from models.chat.client import ChatClient
from models.prompts import prompt
from service.biasing.matching import plain

MAX_PHRASES = 200  # in a prompt
MAX_CHANGED = 0.5  # share of the words; an answer that differs more is not what was said
FREE_CHANGES = 2  # words, so that short sentences can be mended too
_CHATTY = re.compile(
    r"^\W*(?:(?:text|transcript|hypothesis|answer)\s*:"
    r"|(?:corrected|correction|sure|certainly|here is|here's)\b[^:]{0,60}:)",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"```|\*\*|^\s*[-*#>\d]+[.)]?\s|[{}<>|]")
_QUOTES = "\"“”«»„'‘’「」"


class ChatCorrector:
    """`phrases`: names and terms that may be spoken; those few that fit into a prompt are told to the model."""

    def __init__(self, client: ChatClient, phrases: Sequence[str] = ()) -> None:
        self._client = client
        self._phrases = tuple(phrases[:MAX_PHRASES])

    @property
    def name(self) -> str:
        return f"chat:{self._client.endpoint.model}"

    def correct(self, hypotheses: Sequence[Sequence[str]], language: str) -> list[str | None]:
        """See `Corrector`. Raises ChatUnavailable and BadRequest as the client does."""
        asked = [index for index, heard in enumerate(hypotheses) if heard and heard[0].strip()]
        corrected: list[str | None] = [None] * len(hypotheses)
        answers = self._client.complete([self._prompt(hypotheses[index], language) for index in asked])
        for index, answer in zip(asked, answers, strict=True):
            corrected[index] = usable(answer, hypotheses[index])
        return corrected

    def _prompt(self, heard: Sequence[str], language: str) -> Prompt:
        known = f"Names and terms that may be spoken: {', '.join(self._phrases)}" if self._phrases else ""
        numbered = "\n".join(f"{number}. {text.strip()}" for number, text in enumerate(dict.fromkeys(heard), start=1))
        user = prompt("correct", language=language, phrases=known, hypotheses=numbered)
        return Prompt(user, system=prompt("correct-system"), temperature=0.0)


def usable(answer: Answer, heard: Sequence[str]) -> str | None:
    """The corrected text, or None when the answer is cut off, refused, chatty, marked up, or too far from every
    hypothesis."""
    text = answer.text.strip()
    if answer.finish != "stop" or not text or "\n" in text:
        return None
    introduced = _CHATTY.search(text) and not any(map(_CHATTY.search, heard))
    if introduced or _MARKUP.search(text):
        return None
    if text[0] in _QUOTES and text[-1] in _QUOTES and len(text) > 1:
        return None
    return text if any(_is_near(plain(text), plain(hypothesis)) for hypothesis in heard) else None


def _is_near(one: Sequence[str], other: Sequence[str]) -> bool:
    allowed = max(FREE_CHANGES, MAX_CHANGED * len(other))
    return bool(one) and Levenshtein.distance(one, other) <= allowed
