"""What a client asks for in the query string of `/v1/listen`: frozen values. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from service.audio.endpointer import EndpointerOptions
from service.audio.stream_decoder import StreamFormat
from service.errors import BadRequest
from service.gateway.sockets.deepgram.parameters import Given, Reader

DEFAULT_LANGUAGE = "en"  # Deepgram's; `multi` and detect_language detect it
RAW_ENCODINGS = {"linear16": "pcm_s16le", "linear32": "pcm_f32le", "mulaw": "mulaw", "alaw": "alaw"}
CODED_ENCODINGS = {"opus": "opus", "ogg-opus": "ogg_opus", "flac": "flac"}
TELEPHONE_RATE = 8_000  # of G.711 where no sample_rate is given
MIN_SILENCE_MS, MAX_SILENCE_MS = 100, 10_000  # that the endpointer can wait for
MIN_UTTERANCE_END_MS, MAX_UTTERANCE_END_MS = 1_000, 60_000
DEFAULT_UTT_SPLIT_S = 0.8
MAX_BOOST = 2.0
MAX_EXTRA = 2_048  # characters of a key and value that are told back


@dataclass(frozen=True, slots=True)
class Asked:
    """What live streams and recordings have in common.

    `language` is None where it is to be detected, among `languages` if there are any; `multi`: results tell
    languages. `phrases` are raw entries of a bias list. `encoding` is Deepgram's name, None for a container.
    `punctuate`: transcripts as they are written, else bare words in lower case.
    """

    model: str | None = None
    language: str | None = DEFAULT_LANGUAGE
    languages: tuple[str, ...] = ()
    multi: bool = False
    phrases: tuple[Any, ...] = ()
    punctuate: bool = False
    encoding: str | None = None
    sample_rate: int | None = None
    channels: int = 1
    multichannel: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def detects(self) -> bool:
        """Whether one language is to be found and told, not several."""
        return self.language is None and not self.multi


@dataclass(frozen=True, slots=True)
class LiveQuery:
    """A live stream; `speech_final` is off where endpoints are not to be told."""

    asked: Asked
    format: StreamFormat | None
    interim: bool = False
    endpointing: EndpointerOptions = field(default_factory=EndpointerOptions)
    speech_final: bool = True
    utterance_end_s: float | None = None
    vad_events: bool = False

    @property
    def split_into(self) -> int:
        """Channels that are transcribed apart."""
        return self.asked.channels if self.asked.multichannel else 1


@dataclass(frozen=True, slots=True)
class RecordedQuery:
    """A recording."""

    asked: Asked
    utterances: bool = False
    utt_split_s: float = DEFAULT_UTT_SPLIT_S
    paragraphs: bool = False
    tags: tuple[str, ...] = ()


def parse_live(given: Given) -> LiveQuery:
    """Raises BadRequest naming the parameter at fault."""
    return read_live(Reader(given, "live"))


def parse_recorded(given: Given) -> RecordedQuery:
    """Raises BadRequest naming the parameter at fault."""
    return read_recorded(Reader(given, "recorded"))


def read_live(reader: Reader) -> LiveQuery:
    asked = _asked(reader)
    interim = reader.flag("interim_results")
    endpointing, speech_final = _endpointing(reader)
    return LiveQuery(
        asked=asked,
        format=_live_format(asked),
        interim=interim,
        endpointing=endpointing,
        speech_final=speech_final,
        utterance_end_s=_utterance_end(reader, interim),
        vad_events=reader.flag("vad_events"),
    )


def read_recorded(reader: Reader) -> RecordedQuery:
    asked = _asked(reader)
    paragraphs = reader.flag("paragraphs")
    return RecordedQuery(
        asked=replace(asked, punctuate=asked.punctuate or paragraphs),
        utterances=reader.flag("utterances"),
        utt_split_s=_seconds(reader, "utt_split", DEFAULT_UTT_SPLIT_S),
        paragraphs=paragraphs or reader.flag("smart_format"),
        tags=tuple(reader.all("tag")),
    )


def _asked(reader: Reader) -> Asked:
    language, languages, multi = _language(reader)
    channels = reader.whole("channels")
    if channels == 0:
        raise BadRequest("channels must be 1 or more", field="channels")
    smart, punctuate = reader.flag("smart_format"), reader.flag("punctuate")
    return Asked(
        model=reader.text("model"),
        language=language,
        languages=languages,
        multi=multi,
        phrases=(*reader.all("keyterm"), *map(weighted, reader.all("keywords"))),
        punctuate=smart or punctuate,
        encoding=_encoding(reader),
        sample_rate=reader.whole("sample_rate"),
        channels=channels or 1,
        multichannel=reader.flag("multichannel"),
        extra=_extra(reader),
    )


def _language(reader: Reader) -> tuple[str | None, tuple[str, ...], bool]:
    """(language, candidates of its detection, whether results tell languages)."""
    asked, hints, detect = reader.text("language"), reader.all("language_hint"), reader.all("detect_language")
    if (asked or "").lower() == "multi":
        return None, tuple(dict.fromkeys(map(primary, hints))), True
    candidates = [value for value in detect if value.lower() not in ("true", "false")]
    if candidates or any(value.lower() == "true" for value in detect):
        return None, tuple(dict.fromkeys(map(primary, candidates))), False
    return primary(asked or DEFAULT_LANGUAGE), (), False


def primary(tag: str) -> str:
    """The language of a BCP-47 tag: `pt-BR` is `pt`."""
    return tag.replace("_", "-").split("-")[0].lower()


def weighted(keyword: str) -> dict[str, Any] | str:
    """`keyword:intensifier` as an entry of a bias list: 1 is the default of intensifiers and boosts alike, an
    intensifier of 2 or more becomes the greatest boost, and one of 0 or less none: nothing can be suppressed.
    """
    phrase, colon, weight = keyword.rpartition(":")
    try:
        intensifier = float(weight) if colon else math.nan
    except ValueError:
        intensifier = math.nan
    if not math.isfinite(intensifier):
        return keyword
    return {"phrase": phrase, "boost": min(max(intensifier, 0.0), MAX_BOOST)}


def _encoding(reader: Reader) -> str | None:
    encoding = reader.text("encoding")
    known = (*RAW_ENCODINGS, *CODED_ENCODINGS)
    if encoding is not None and encoding not in known:
        raise BadRequest(f"encoding must be one of {', '.join(known)}", field="encoding")
    return encoding


def raw_rate(asked: Asked) -> int:
    """The sample rate of a raw encoding in Hz. Raises BadRequest where one is needed and not given."""
    if asked.sample_rate is not None:
        return asked.sample_rate
    if asked.encoding in ("mulaw", "alaw"):
        return TELEPHONE_RATE
    raise BadRequest(f"sample_rate is required with encoding {asked.encoding}", field="sample_rate")


def _live_format(asked: Asked) -> StreamFormat | None:
    """The format of the stream, or of each of its channels; None when its first bytes tell."""
    raw = RAW_ENCODINGS.get(asked.encoding or "")
    if asked.multichannel and asked.channels > 1 and not raw:
        raise BadRequest(f"multichannel needs an encoding of {', '.join(RAW_ENCODINGS)}", field="multichannel")
    try:
        if raw:
            whole = StreamFormat(raw, raw_rate(asked), asked.channels)
            return replace(whole, channels=1) if asked.multichannel else whole
        return StreamFormat(CODED_ENCODINGS[asked.encoding]) if asked.encoding else None
    except BadRequest as error:
        raise BadRequest(error.message, field=(error.field or "").removeprefix("format.")) from error


def _endpointing(reader: Reader) -> tuple[EndpointerOptions, bool]:
    """The silence that ends an utterance, in the range that Sotto can do, and whether `speech_final` tells of it."""
    value = reader.text("endpointing")
    if value is None or value.lower() == "true":
        return EndpointerOptions(), True
    if value.lower() == "false":
        return EndpointerOptions(), False
    silence_ms = min(max(reader.whole("endpointing") or 0, MIN_SILENCE_MS), MAX_SILENCE_MS)
    return EndpointerOptions(silence_ms=silence_ms), True


def _utterance_end(reader: Reader, interim: bool) -> float | None:
    value_ms = reader.whole("utterance_end_ms")
    if value_ms is None:
        return None
    if not interim:
        raise BadRequest("utterance_end_ms needs interim_results=true", field="utterance_end_ms")
    if not MIN_UTTERANCE_END_MS <= value_ms <= MAX_UTTERANCE_END_MS:
        raise BadRequest(
            f"utterance_end_ms must be {MIN_UTTERANCE_END_MS} to {MAX_UTTERANCE_END_MS}", field="utterance_end_ms"
        )
    return value_ms / 1000


def _seconds(reader: Reader, name: str, default: float) -> float:
    value = reader.text(name)
    try:
        seconds = default if value is None else float(value)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise BadRequest(f"{name} must be a number of seconds above 0", field=name)
    return seconds


def _extra(reader: Reader) -> dict[str, str]:
    """`key:value` pairs, which are told back."""
    extra: dict[str, str] = {}
    for pair in reader.all("extra"):
        key, colon, value = pair.partition(":")
        if not colon or len(pair) > MAX_EXTRA:
            raise BadRequest(f"extra must be key:value, at most {MAX_EXTRA} characters", field="extra")
        extra[key] = value
    return extra
