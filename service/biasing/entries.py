"""What a person puts on a bias list, checked entry by entry: a bad one is reported, the others count.

Pure: nothing here knows how a phrase sounds.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from service.errors import TooManyEntries

MAX_ENTRIES = 10_000  # per list, and of all lists of a request together
MAX_CHARACTERS = 100  # per phrase and per `sounds_like`
MAX_WORDS = 8
MAX_SOUNDS_LIKE = 10
MAX_BOOST = 2.0
JOINERS = "\u200c\u200d"  # invisible, but Persian and Indic spelling needs them

Reason = Literal["empty", "too_long", "control_character", "no_pronunciation", "duplicate", "invalid"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One phrase, in the spelling that transcripts shall have.

    `boost` 0 to 2 scales the request's bias strength for this phrase; 0 switches it off. `sounds_like`: spellings of
    how people say it. `language`: ISO 639-1 code of the language the phrase comes from and may be read in.
    """

    phrase: str
    boost: float = 1.0
    sounds_like: tuple[str, ...] = ()
    language: str | None = None

    def to_json(self) -> dict[str, Any]:
        result: dict[str, Any] = {"phrase": self.phrase}
        if self.boost != 1.0:
            result["boost"] = self.boost
        if self.sounds_like:
            result["sounds_like"] = list(self.sounds_like)
        if self.language:
            result["language"] = self.language
        return result

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Entry":
        """What `to_json` wrote; nothing is checked."""
        sounds_like = tuple(stored.get("sounds_like", ()))
        return cls(stored["phrase"], stored.get("boost", 1.0), sounds_like, stored.get("language"))


@dataclass(frozen=True, slots=True)
class Rejection:
    """`index` counts the entries as they were sent, from 0; `message` is for people."""

    index: int
    phrase: str
    reason: Reason
    message: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Checked:
    """The entries that count, in the order they came, and those that do not."""

    accepted: tuple[Entry, ...]
    rejected: tuple[Rejection, ...]


class _Rejected(Exception):
    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def check(raw: Sequence[Any], *, field: str = "entries") -> Checked:
    """Entries as strings or mappings, each accepted or rejected on its own.

    Raises TooManyEntries, which names `field`.
    """
    require_room(len(raw), field=field)
    accepted: dict[str, Entry] = {}
    rejected: list[Rejection] = []
    for index, item in enumerate(raw):
        try:
            entry = _entry(item)
            if entry.phrase in accepted:
                raise _Rejected("duplicate", "the phrase is on the list already")
            accepted[entry.phrase] = entry
        except _Rejected as error:
            rejected.append(Rejection(index, _shown(item), error.reason, str(error)))
    return Checked(tuple(accepted.values()), tuple(rejected))


def require_room(count: int, *, field: str = "entries") -> None:
    """Raises TooManyEntries when `count` entries are too many for a list, or for the lists of a request together."""
    if count > MAX_ENTRIES:
        raise TooManyEntries(f"{count:,} entries; at most {MAX_ENTRIES:,} are allowed", field=field)


def digest(entries: Sequence[Entry]) -> str:
    """Names a list by its content: 32 hex digits, equal for equal entries in equal order."""
    return hashlib.sha256(dump(entries)).hexdigest()[:32]


def dump(entries: Sequence[Entry]) -> bytes:
    """The stored form: compact JSON, equal for equal entries in equal order."""
    return json.dumps([entry.to_json() for entry in entries], ensure_ascii=False, separators=(",", ":")).encode()


def load(stored: bytes) -> tuple[Entry, ...]:
    """The entries that `dump` stored."""
    return tuple(map(Entry.from_json, json.loads(stored)))


def normalized(text: str) -> str:
    """The form in which phrases are kept and compared: NFC, single spaces, no invisible characters."""
    visible = (c for c in unicodedata.normalize("NFC", text) if c in JOINERS or unicodedata.category(c) != "Cf")
    return " ".join("".join(visible).split())


def _entry(item: Any) -> Entry:
    if isinstance(item, str):
        return Entry(_phrase(item, "phrase"))
    if not isinstance(item, Mapping):
        raise _Rejected("invalid", "an entry is a string or an object with a phrase")
    unknown = sorted(set(item) - {"phrase", "boost", "sounds_like", "language"})
    if unknown:
        raise _Rejected("invalid", f"unknown field {_short(unknown[0])!r}")
    return Entry(
        _phrase(item.get("phrase"), "phrase"),
        _boost(item.get("boost")),
        _sounds_like(item.get("sounds_like")),
        _language(item.get("language")),
    )


def _phrase(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise _Rejected("invalid", f"{field} must be a string")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") for character in value.strip()):
        raise _Rejected("control_character", f"{field} holds a control or unassigned character")
    text = normalized(value)
    if not text:
        raise _Rejected("empty", f"{field} is empty")
    if len(text) > MAX_CHARACTERS:
        raise _Rejected("too_long", f"{field} has {len(text)} characters; at most {MAX_CHARACTERS}")
    if len(text.split()) > MAX_WORDS:
        raise _Rejected("too_long", f"{field} has {len(text.split())} words; at most {MAX_WORDS}")
    if not any(character.isalnum() for character in text):
        raise _Rejected("no_pronunciation", f"{field} has no letter or digit")
    return text


def _boost(value: Any) -> float:
    if value is None:
        return 1.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Rejected("invalid", "boost must be a number")
    if not 0 <= value <= MAX_BOOST:  # NaN does not either
        raise _Rejected("invalid", f"boost must lie in 0 to {MAX_BOOST:g}")
    return float(value)


def _sounds_like(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    spellings = [value] if isinstance(value, str) else value
    if not isinstance(spellings, Sequence):
        raise _Rejected("invalid", "sounds_like must be a list of strings")
    if len(spellings) > MAX_SOUNDS_LIKE:
        raise _Rejected("too_long", f"sounds_like has {len(spellings)} spellings; at most {MAX_SOUNDS_LIKE}")
    return tuple(_phrase(spelling, "sounds_like") for spelling in spellings)


def _language(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not (2 <= len(value) <= 3 and value.isascii() and value.isalpha()):
        raise _Rejected("invalid", "language must be an ISO 639-1 code such as fr")
    return value.lower()


def _shown(item: Any) -> str:
    """What was sent, fit to be sent back."""
    phrase = item.get("phrase") if isinstance(item, Mapping) else item
    return _short(phrase) if isinstance(phrase, str) else f"({type(phrase).__name__})"


def _short(text: str) -> str:
    cut = text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"
    return cut.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be written
