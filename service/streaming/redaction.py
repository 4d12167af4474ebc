"""Strikes card numbers, phone numbers and e-mail addresses out of captions and finals, across the bounds of words.

Pure: texts in, texts out. Numbers are looked for in runs: digits with nothing but separators in between, as Whisper
writes what was spoken digit by digit or in groups. A run is judged by itself and as a whole, so what is struck out of
a text does not depend on what follows behind the next word; that keeps the committed part of a caption growing only.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from service.transcript import Final, Match, Partial, TokenLogprob, Word

CARD_DIGITS = range(13, 20)
PHONE_DIGITS = range(7, 16)
HIDDEN = "•"  # for each digit of a caption that is not decided yet

_GAP = r"[\s\-–—.,/()+·]{0,4}"
_RUN = re.compile(rf"\+?\(?\d(?:{_GAP}\d)*")
_OPEN_RUN = re.compile(rf"[+(]?\(?\d(?:{_GAP}\d)*{_GAP}$|[+(]+\s*$")
_GROUP = re.compile(r"\d+")
# letters of alphabets whose words stand apart; where they do not, an address stands apart from the text around it
_LETTER = r"0-9A-Za-z\u00c0-\u024f\u0370-\u05ff"
_LOCAL = rf"[{_LETTER}](?:[{_LETTER}.+_\-]*[{_LETTER}])?"
_HOST = rf"[{_LETTER}](?:[{_LETTER}\-]*[{_LETTER}])?"
_EMAIL = re.compile(
    rf"{_LOCAL}\s?@\s?{_HOST}(?:\.{_HOST})+|{_LOCAL}\s+at\s+{_HOST}(?:(?:\.|\s+dot\s+){_HOST})+", re.IGNORECASE
)
_WORD = re.compile(r"[!-~\u00a1-\u05ff]+")
_JOINING = frozenset({"@", "at", "dot"})


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is struck out: `card`, `phone`, `email`; and the regions that phone numbers without a `+` are from."""

    kinds: frozenset[str]
    regions: tuple[str, ...] = ("US",)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Redaction | None":
        """That of a turn's options; None where nothing is struck out."""
        asked = options.get("redact")
        return cls(frozenset(asked["kinds"]), tuple(asked["regions"])) if asked else None


@dataclass(frozen=True, slots=True)
class Struck:
    """The characters `first` to `after` (exclusive), and what they are."""

    first: int
    after: int
    kind: str

    @property
    def mark(self) -> str:
        return f"[{self.kind}]"


def find(text: str, redaction: Redaction) -> list[Struck]:
    """What is to be struck out, in order, without overlaps."""
    found: list[Struck] = []
    if "email" in redaction.kinds:
        found += [Struck(*match.span(), "email") for match in _EMAIL.finditer(text)]
    if redaction.kinds & {"card", "phone"}:
        for run in _RUN.finditer(text):
            if not any(each.first < run.end() and run.start() < each.after for each in found):
                found += _numbers(run, redaction)
    return sorted(found, key=lambda each: each.first)


def strike(text: str, redaction: Redaction) -> str:
    """The text with marks such as `[card]`."""
    return _marked(text, find(text, redaction))


def redact_partial(partial: Partial, redaction: Redaction) -> Partial:
    """Committed text only up to where everything is decided; what follows stays tentative, its digits hidden.

    The committed text of a later partial, and the final, begin with it as long as the committed words themselves do.
    """
    decided = _decided(partial.committed, redaction)
    rest = strike(partial.committed[decided:] + partial.tentative, redaction)
    if redaction.kinds & {"card", "phone"}:
        rest = re.sub(r"\d", HIDDEN, rest)
    return replace(partial, committed=strike(partial.committed[:decided], redaction), tentative=rest)


def redact_final(final: Final, redaction: Redaction) -> Final:
    """Text, words, matches and log-probabilities; the tokens, which spell the text, only where nothing was struck."""
    struck = find(final.text, redaction)
    logprobs = _logprobs(final.logprobs, redaction, [each.kind for each in struck])
    if not struck:
        return replace(
            final, matches=_matches(final.matches, range(len(final.words) + 1), redaction), logprobs=logprobs
        )
    words, places = _words(final.words, final.text, struck)
    return replace(
        final,
        text=_marked(final.text, struck),
        words=words,
        tokens=(),
        matches=_matches(final.matches, places, redaction),
        logprobs=logprobs,
    )


def _numbers(run: "re.Match[str]", redaction: Redaction) -> list[Struck]:
    """The longest numbers of a run that begin and end with a group of digits, cards before phone numbers."""
    text, groups = run.group(), list(_GROUP.finditer(run.group()))
    found: list[Struck] = []
    first = 0
    while first < len(groups):
        number = _number_from(text, groups, first, redaction)
        if number is None:
            first += 1
            continue
        kind, last = number
        start = groups[first].start()
        if kind == "phone":  # with the `+` or `(` before it
            start = len(text[:start].rstrip("+("))
        found.append(Struck(run.start() + start, run.start() + groups[last].end(), kind))
        first = last + 1
    return found


def _number_from(
    text: str, groups: Sequence["re.Match[str]"], first: int, redaction: Redaction
) -> tuple[str, int] | None:
    """The kind and last group of the longest number that begins with a group."""
    digits, ends = "", []
    for last in range(first, len(groups)):
        digits += groups[last].group()
        if len(digits) > max(CARD_DIGITS.stop, PHONE_DIGITS.stop):
            break
        ends.append((digits, last))
    for kind, is_one in (("card", _is_card), ("phone", _is_phone)):
        if kind not in redaction.kinds:
            continue
        for number, last in reversed(ends):
            has_plus = text[: groups[first].start()].rstrip("( ").endswith("+")
            if is_one(f"+{number}" if has_plus else number, redaction.regions):
                return kind, last
    return None


def _is_card(number: str, _: Iterable[str]) -> bool:
    """By its length and Luhn's check digit."""
    digits = [int(digit) for digit in number.lstrip("+")]
    if len(digits) not in CARD_DIGITS or not any(digits):
        return False
    doubled = [digit if place % 2 == 0 else digit * 2 - 9 * (digit > 4) for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _is_phone(number: str, regions: Iterable[str]) -> bool:
    if len(number.lstrip("+")) not in PHONE_DIGITS:
        return False
    import phonenumbers  # its tables are large, and few tenants need them

    ascii_digits = "".join(str(int(c)) if c != "+" else c for c in number)
    for region in (None,) if number.startswith("+") else tuple(regions):
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(ascii_digits, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def _decided(text: str, redaction: Redaction) -> int:
    """How many characters look the same whatever words follow."""
    chains = _chains(text) if "email" in redaction.kinds else []
    decided = chains[-1][0] if chains and chains[-1][1] == len(text.rstrip()) else len(text)
    if redaction.kinds & {"card", "phone"}:
        while tail := _OPEN_RUN.search(text[:decided]):
            cut = [first for first, after in chains if first <= tail.start() < after]
            decided = min([tail.start(), *cut])
    return len(text[:decided].rstrip())


def _chains(text: str) -> list[tuple[int, int]]:
    """Where words stand that may be of one address, as in `name at host dot com`; any word alone is a chain."""
    chains: list[tuple[int, int]] = []
    former = ""
    for word in _WORD.finditer(text):
        written = word.group()
        joins = {former.lower(), written.lower()} & _JOINING or former.endswith("@") or written.startswith("@")
        if chains and joins and not text[chains[-1][1] : word.start()].strip():
            chains[-1] = (chains[-1][0], word.end())
        else:
            chains.append(word.span())
        former = written
    return chains


def _marked(text: str, struck: Sequence[Struck]) -> str:
    pieces, at = [], 0
    for each in struck:
        pieces += [text[at : each.first], each.mark]
        at = each.after
    return "".join([*pieces, text[at:]])


def _words(words: Sequence[Word], text: str, struck: Sequence[Struck]) -> tuple[tuple[Word, ...], list[int]]:
    """The words with those that hold one struck text made one, and the place of each former word among them."""
    made: list[Word] = []
    places: list[int] = []
    spans: list[tuple[int, int]] = []
    at = 0
    for word in words:
        first = text.index(word.word, at)
        at = first + len(word.word)
        joined = spans and any(each.first < spans[-1][1] and first < each.after for each in struck)
        if joined:
            former = made.pop()
            spans[-1] = (spans[-1][0], at)
            confidence = min(former.confidence, word.confidence)
            word = Word("", former.start, word.end, confidence)
        else:
            spans.append((first, at))
        made.append(word)
        places.append(len(made) - 1)
    places.append(len(made))
    told = [replace(word, word=_marked_between(text, struck, *span)) for word, span in zip(made, spans, strict=True)]
    return tuple(told), places


def _marked_between(text: str, struck: Sequence[Struck], first: int, after: int) -> str:
    within = [
        Struck(each.first - first, each.after - first, each.kind)
        for each in struck
        if each.first < after and first < each.after
    ]
    return _marked(text[first:after], within)


def _matches(matches: Sequence[Match], places: Sequence[int], redaction: Redaction) -> tuple[Match, ...]:
    """With the places of their words among those that are left."""
    return tuple(
        replace(
            match,
            first=places[match.first],
            last=max(places[match.last], places[match.first] + 1),
            phrase=strike(match.phrase, redaction),
            heard=strike(match.heard, redaction),
        )
        for match in matches
    )


def _logprobs(
    tokens: Sequence[TokenLogprob], redaction: Redaction, expected: Sequence[str]
) -> tuple[TokenLogprob, ...]:
    """A mark in place of the tokens that spell what is struck; none at all where that cannot be told from them."""
    text = b"".join(token.utf8 for token in tokens).decode("utf-8", "surrogateescape")
    struck = find(text, redaction)
    if [each.kind for each in struck] != list(expected):
        return ()
    byte_of = [0]
    for character in text:
        byte_of.append(byte_of[-1] + len(character.encode("utf-8", "surrogateescape")))
    kept: list[TokenLogprob] = []
    at, waiting = 0, list(struck)
    for token in tokens:
        first, at = at, at + len(token.utf8)
        while waiting and byte_of[waiting[0].after] <= first:
            waiting.pop(0)
        if not waiting or at <= byte_of[waiting[0].first]:
            kept.append(token)
        elif first <= byte_of[waiting[0].first]:  # the first of them; what it spells besides goes, too
            kept.append(TokenLogprob(f" {waiting[0].mark}".encode(), token.logprob))
    return tuple(kept)
