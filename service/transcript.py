"""The vocabulary everything else speaks: words, hypotheses, partials and finals.

Times are seconds since the first sample of the stream or file unless a name says otherwise;
sample positions are counted at `SAMPLE_RATE`.
"""

from dataclasses import dataclass, field

SAMPLE_RATE = 16_000  # Hz; everything behind the gateway's decoder is 16 kHz mono


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a final, as it is written, with leading space removed.

    `start`, `end` in seconds; `confidence` is the mean token probability in 0..1.
    """

    word: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token of a text: `utf8` is exactly what it spells, which may be a part of a character; `logprob` is the natural
    logarithm of its probability given the audio and the tokens before it."""

    utf8: bytes
    logprob: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A word of a hypothesis with the tokens that spell it; `text` keeps its leading space.

    `start` and `end` are seconds from the first sample that was decoded, `confidence` is the mean and `weakest` the
    least probability of its tokens, in 0..1, `surprisal` their summed negative logarithms in nats; they are None when
    the decode was not asked for word times. `logprobs`: one per token, empty unless they were asked for.
    """

    text: str
    tokens: tuple[int, ...]
    start: float | None = None
    end: float | None = None
    confidence: float | None = None
    weakest: float | None = None
    surprisal: float | None = None
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase of a bias list in a hypothesis: its words are pieces `first` to `last` (exclusive).

    `heard`: what the first pass wrote there. `distance`: phonetic, 0 for the same sound to 1. `gain`: evidence for the
    phrase, `needed`: what it had to reach, both log-odds in nats.
    """

    phrase: str
    first: int
    last: int
    heard: str
    distance: float
    gain: float
    needed: float


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the decoder believes was said in one window.

    `pieces` joined give `text`. `avg_logprob` is per token, natural logarithm; `no_speech_prob` in 0..1;
    `compression_ratio` is Whisper's zlib measure of repetition. An empty hypothesis has no pieces.
    """

    pieces: tuple[Piece, ...]
    language: str
    language_probability: float = 1.0
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0
    compression_ratio: float = 1.0
    temperature: float = 0.0
    matches: tuple[Match, ...] = ()

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def tokens(self) -> tuple[int, ...]:
        return tuple(token for piece in self.pieces for token in piece.tokens)

    @property
    def logprobs(self) -> tuple[TokenLogprob, ...]:
        """Of each of `tokens`; their bytes joined are `text`, leading space included. Empty unless asked for."""
        return tuple(logprob for piece in self.pieces for logprob in piece.logprobs)


@dataclass(frozen=True, slots=True)
class Partial:
    """A live caption of the open utterance: `committed` never changes, `tentative` may.

    `confidence`: of the hypothesis behind it, the geometric mean of its tokens' probabilities, in 0..1.
    """

    utterance: int
    committed: str
    tentative: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Final:
    """The immutable transcript of one utterance; `text` may be empty when the endpointer heard no speech in it.

    `matches` count words, not pieces. `logprobs`: of each of `tokens`, empty unless they were asked for.
    """

    utterance: int
    text: str
    start: float
    end: float
    language: str
    words: tuple[Word, ...] = field(default=())
    tokens: tuple[int, ...] = field(default=())
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0
    compression_ratio: float = 1.0
    temperature: float = 0.0
    matches: tuple[Match, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
