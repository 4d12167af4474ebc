"""Whisper's tokens: prompts in, words out."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import tokenizers
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import merge_punctuations

from service.errors import ModelUnavailable
from service.transcript import Piece

PREPENDED = "\"'“¿([{-"  # punctuation that belongs to the word after it, as in openai/whisper `timing.py`,
APPENDED = "\"'.。,，!！?？:：”)]}、"  # and to the word before it
MAX_PROMPT = 224  # tokens, `<|startofprev|>` included: half of the decoder's context
PROMPT_LENGTHS = (32, 64, 96, 128, 176, MAX_PROMPT)  # padded to one of these, so that prompts batch
BYTE_SPELLED = frozenset(  # languages whose script takes several tokens per character
    """am as bn bo gu he hi hy ka km kn lo ml mr my ne pa sa sd si ta te th ur yi""".split()  # noqa: SIM905
)


def _alphabet() -> dict[str, int]:
    """The characters that stand for bytes in the names of tokens (openai/gpt-2 `encoder.py`): printable ones for
    themselves, those from U+0100 on for the others."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


BYTE_OF = _alphabet()


class Vocabulary:
    """Immutable after construction. Raises ModelUnavailable when `tokenizer.json` is missing or broken."""

    def __init__(self, model_dir: Path, *, multilingual: bool) -> None:
        try:
            self._tokens = tokenizers.Tokenizer.from_str(mended((model_dir / "tokenizer.json").read_text("utf-8")))
        except Exception as error:  # the binding raises bare Exception
            raise ModelUnavailable(f"cannot read {model_dir / 'tokenizer.json'}: {error}") from error
        self._multilingual = multilingual
        self.eot = self._id("<|endoftext|>")
        self._sot = self._id("<|startoftranscript|>")
        self._no_timestamps = self._id("<|notimestamps|>")
        self._previous = self._id("<|startofprev|>")
        self._comma = self._id(",")
        self.languages = self._languages() if multilingual else ("en",)
        self._for_language = cache(self._tokenizer)

    def start_sequence(self, language: str, task: str) -> list[int]:
        """`<|startoftranscript|>` and, for multilingual models, language and task."""
        if not self._multilingual:
            return [self._sot]
        return [self._sot, self._id(f"<|{language}|>"), self._id(f"<|{task}|>")]

    def previous(self, prompt: str) -> list[int]:
        """Tokens that put `prompt` before the utterance: its last ones when it is too long; none for no text.

        Filled up on the left with commas to one of `PROMPT_LENGTHS`: a batch needs prompts of equal length, and
        commas do no harm.
        """
        ids = self.encode(" " + prompt.strip()) if prompt.strip() else []
        if not ids:
            return []
        ids = ids[-(MAX_PROMPT - 1) :]
        length = next(length for length in PROMPT_LENGTHS if len(ids) < length)
        return [self._previous, *[self._comma] * (length - 1 - len(ids)), *ids]

    def prompt(self, previous: Sequence[int], language: str, task: str, prefix: Sequence[int]) -> list[int]:
        return [*previous, *self.start_sequence(language, task), self._no_timestamps, *prefix]

    def text(self, tokens: Sequence[int]) -> str:
        return str(self._tokens.decode(list(tokens)))

    def utf8(self, token: int) -> bytes:
        """What a text token spells: exactly these bytes, where `text` has a replacement for a part of a character."""
        return bytes(BYTE_OF[character] for character in str(self._tokens.id_to_token(token)))

    def pieces(self, tokens: Sequence[int], language: str) -> tuple[Piece, ...]:
        """Text tokens as words, punctuation joined to its word; texts keep their leading space."""
        words, word_tokens = self._for_language(language).split_to_word_tokens(list(tokens))
        merged = [{"word": word, "tokens": ids} for word, ids in zip(words, word_tokens, strict=True)]
        merge_punctuations(merged, PREPENDED, APPENDED)
        return tuple(Piece(str(item["word"]), tuple(item["tokens"])) for item in merged if item["tokens"])

    def encode(self, text: str) -> list[int]:
        return list(self._tokens.encode(text, add_special_tokens=False).ids)

    def _tokenizer(self, language: str) -> Tokenizer:
        return Tokenizer(self._tokens, self._multilingual, task="transcribe", language=language)

    def _languages(self) -> tuple[str, ...]:
        """Their tokens lie between `<|startoftranscript|>` and `<|translate|>`."""
        ids = range(self._sot + 1, self._id("<|translate|>"))
        return tuple(str(self._tokens.id_to_token(i)).strip("<|>") for i in ids)

    def _id(self, token: str) -> int:
        number = self._tokens.token_to_id(token)
        if number is None:
            raise ModelUnavailable(f"the model's tokenizer.json has no {token}: is it a Whisper model?")
        return int(number)


def mended(text: str) -> str:
    """`tokenizer.json` with the most frequent merge of all, which some conversions of GPT-2's `merges.txt` take for a
    header and drop: without it " the" is no longer one token, and text in a prompt not what the model was trained on.
    """
    content = json.loads(text)
    merges = content["model"]["merges"]
    first = ["Ġ", "t"]
    if "Ġt" not in content["model"]["vocab"] or not merges or merges[0] in (first, " ".join(first)):
        return text
    merges.insert(0, " ".join(first) if isinstance(merges[0], str) else first)
    return json.dumps(content, ensure_ascii=False)
