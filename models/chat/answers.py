"""What a chat endpoint sent, read strictly."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from models.chat.usage import Usage

CHARACTERS_PER_TOKEN = 4  # of English, roughly: for endpoints that do not count
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question. `temperature`: None leaves it to the endpoint."""

    user: str
    system: str = ""
    temperature: float | None = None

    def messages(self) -> list[dict[str, str]]:
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": self.user}]

    @property
    def tokens(self) -> int:
        """Estimated."""
        return (len(self.user) + len(self.system)) // CHARACTERS_PER_TOKEN + 1


@dataclass(frozen=True, slots=True)
class Answer:
    """`finish`: `length` when the endpoint cut the text off, `refused` when it would not answer this prompt; then
    `text` says why."""

    text: str
    finish: Literal["stop", "length", "refused"]
    usage: Usage


class Garbled(Exception):
    """Not an answer of /chat/completions; the message says what was wrong."""


def read_answer(body: bytes, prompt: Prompt) -> Answer:
    """Raises Garbled."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Garbled(f"the answer is not JSON: {shown(body)!r}") from error
    try:
        choice = value["choices"][0]
        message, finish = choice["message"], choice.get("finish_reason")
        text = message["content"]
    except (LookupError, TypeError, AttributeError) as error:
        raise Garbled(f"the answer has no choices[0].message.content: {shown(body)!r}") from error
    refusal = message.get("refusal")
    if finish == "content_filter" or isinstance(refusal, str):
        return Answer(refusal or "content filter", "refused", _usage(value, prompt, ""))
    if not isinstance(text, str):
        raise Garbled(f"choices[0].message.content is not a string: {shown(body)!r}")
    return Answer(text, "length" if finish == "length" else "stop", _usage(value, prompt, text))


def error_message(body: bytes) -> tuple[str, str]:
    """Code and message of an error answer, as far as it has them."""
    try:
        error: Any = json.loads(body)["error"]
        if isinstance(error, str):
            return "", error[:SHOWN]
        return str(error.get("code") or error.get("type") or ""), str(error["message"])[:SHOWN]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", shown(body)


def shown(body: bytes) -> str:
    return " ".join(body[: 4 * SHOWN].decode("utf-8", "replace").split())[:SHOWN]


def _usage(value: dict[str, Any], prompt: Prompt, text: str) -> Usage:
    counted = value.get("usage")
    if isinstance(counted, dict):
        tokens_in, tokens_out = counted.get("prompt_tokens"), counted.get("completion_tokens")
        if isinstance(tokens_in, int) and isinstance(tokens_out, int) and min(tokens_in, tokens_out) >= 0:
            return Usage(1, tokens_in, tokens_out)
    return Usage(1, prompt.tokens, len(text) // CHARACTERS_PER_TOKEN + 1, estimated=1)
