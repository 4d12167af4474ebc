"""Names and phrases that a transcript leans on: what is asked, what the server made of it, and lists kept there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sotto_client.errors import ProtocolError

Keyword = str | Mapping[str, Any]
"""A phrase, or a mapping with `phrase` and any of `boost`, `sounds_like` and `language`."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why words were replaced: phonetic `distance` in 0..1, and what was gained and had to be gained, in nats."""

    distance: float
    gain: float
    needed: float


@dataclass(frozen=True, slots=True)
class BiasMatch:
    """`words` words from `first_word` on spell `phrase`, where Whisper had `heard` something else."""

    phrase: str
    first_word: int
    words: int
    heard: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class ListVersion:
    """A list that a request names, at the version that it uses."""

    name: str
    version: int
    entries: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """An entry that does not count; `index` is its place among those that were sent, from 0."""

    index: int
    phrase: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class BiasReport:
    """What a request or stream is biased towards. `rejected` are the first of `rejected_total`; `matches` are those of
    a recording (a stream has them in its finals)."""

    entries: int
    strength: float
    lists: tuple[ListVersion, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    rejected_total: int = 0
    matches: tuple[BiasMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class BiasList:
    """A list on the server. `updated_at` is Unix time in seconds; `rejected` is known right after a change, `phrases`
    (entries as mappings) when the list was asked for by its name."""

    name: str
    version: int
    entries: int
    updated_at: float
    rejected: tuple[Rejection, ...] = ()
    phrases: tuple[Mapping[str, Any], ...] = ()


def parse_match(values: Mapping[str, Any]) -> BiasMatch:
    """Raises KeyError or TypeError, as all of these, for something else."""
    return _known(BiasMatch, values, evidence=_known(Evidence, values["evidence"]))


def parse_report(values: Mapping[str, Any]) -> BiasReport:
    return _known(
        BiasReport,
        values,
        lists=tuple(_known(ListVersion, each) for each in values["lists"]),
        rejected=_rejected(values),
        matches=tuple(map(parse_match, values.get("matches", ()))),
    )


def parse_list(values: Any) -> BiasList:
    """Raises ProtocolError for something else."""
    try:
        return _known(BiasList, values, rejected=_rejected(values), phrases=tuple(values.get("phrases", ())))
    except (KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"the server's answer is not a bias list ({error})") from error


def plain(keywords: Sequence[Keyword]) -> list[Any]:
    """Ready for JSON."""
    return [keyword if isinstance(keyword, str) else dict(keyword) for keyword in keywords]


def _rejected(values: Mapping[str, Any]) -> tuple[Rejection, ...]:
    return tuple(_known(Rejection, each) for each in values.get("rejected", ()))


T = TypeVar("T")


def _known(kind: type[T], values: Mapping[str, Any], **parsed: Any) -> T:
    """The fields that this version knows; later servers may add some."""
    known = {name: values[name] for name in kind.__slots__ if name in values}  # type: ignore[attr-defined]
    return kind(**known | parsed)
