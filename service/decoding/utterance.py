"""What goes into the decoder and what comes out: utterances, their options, and what the work cost."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from service.biasing.bias import Bias
from service.biasing.boost import Boost
from service.transcript import SAMPLE_RATE, Hypothesis

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How one utterance wants to be decoded; travels with it and never leaks to another.

    `language`: ISO 639-1 code, None to detect; `languages`: the only ones to detect, where there are any.
    `beam_size` 1 is greedy. `temperatures` starts with 0 and names one further attempt each for a hypothesis that
    fails its checks: the attempts are deterministic (see `fallback`), so a turn that is decoded twice reads the same;
    `(0.0,)` means no second attempt. `prompt` is text that precedes the utterance. `word_times`: measure start, end
    and confidence of each word. `logprobs`: tell the log-probability of each token. `bias`: lists of phrases that may
    be said.
    """

    language: str | None = None
    languages: tuple[str, ...] = ()
    task: Literal["transcribe", "translate"] = "transcribe"
    beam_size: int = 5
    temperatures: tuple[float, ...] = (0.0, 0.4, 0.8)
    prompt: str = ""
    word_times: bool = True
    logprobs: bool = False
    bias: Bias | None = None

    def __post_init__(self) -> None:
        if self.task not in ("transcribe", "translate"):
            raise ValueError(f"task must be transcribe or translate, not {self.task!r}")
        if self.beam_size < 1:
            raise ValueError("beam_size must be at least 1")
        if not self.temperatures or self.temperatures[0] != 0:
            raise ValueError("temperatures must start with 0")
        for name in ("temperatures", "languages"):  # options that travelled bring a list
            object.__setattr__(self, name, tuple(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Utterance:
    """`samples`: int16 [n], mono, 16 kHz. `prefix`: text tokens that the hypothesis must begin with."""

    samples: Samples
    options: DecodeOptions = field(default_factory=DecodeOptions)
    prefix: tuple[int, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Timings:
    """Cost of one `decode` call. `window_s` is the padded audio that went through the encoder."""

    batch_size: int = 0
    features_s: float = 0.0
    encode_s: float = 0.0
    generate_s: float = 0.0
    align_s: float = 0.0
    retrieve_s: float = 0.0
    window_s: float = 0.0
    fallbacks: int = 0  # further attempts, counted per utterance
    rejected: int = 0  # hypotheses that the guards found no speech behind

    def stages(self) -> dict[str, float]:
        """Seconds by stage."""
        return {
            "features": self.features_s,
            "encode": self.encode_s,
            "generate": self.generate_s,
            "align": self.align_s,
            "retrieve": self.retrieve_s,
        }


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """One entry per utterance, in the order of the batch. A boost tells what a bias list did, None where there was
    none; `alternatives` are the texts of the beam's next best, best first, none where nothing was heard."""

    hypotheses: tuple[Hypothesis, ...]
    timings: Timings
    boosts: tuple[Boost | None, ...] = ()
    alternatives: tuple[tuple[str, ...], ...] = ()
