"""What a client asked of a live stream: stored with the session, and in part carried by its turns."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from service.audio.endpointer import EndpointerOptions
from service.audio.stream_decoder import StreamFormat
from service.gateway.biasing import Bias


@dataclass(frozen=True, slots=True)
class BeganWith:
    """The bias of an utterance that was open when the stream's bias changed."""

    utterance: int
    bias: Bias


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What a client asked for; `model` is a model that a worker serves. An utterance keeps the bias it began with.

    `languages`: candidates of the detection, all where there are none; `prompt`: text to lean on. `every_final`: an
    utterance in which nothing was said has a final too, an empty one. `logprobs`: finals tell those of their tokens.
    `redact`: what the tenant has struck out of the texts. `protocol`: whose client it is, to be shown.
    """

    model: str
    format: StreamFormat = field(default_factory=StreamFormat)
    language: str | None = None
    languages: tuple[str, ...] = ()
    prompt: str = ""
    interim: bool = True
    every_final: bool = False
    logprobs: bool = False
    endpointing: EndpointerOptions = field(default_factory=EndpointerOptions)
    bias: Bias = field(default_factory=Bias)
    began_with: BeganWith | None = None
    redact: dict[str, Any] = field(default_factory=dict)
    protocol: str = "sotto"

    def for_turn(self, utterance: int) -> dict[str, Any]:
        """The part that travels with a turn of that utterance."""
        former = self.began_with
        bias = former.bias if former and former.utterance == utterance else self.bias
        asked = {
            "languages": list(self.languages),
            "prompt": self.prompt,
            "every_final": self.every_final,
            "logprobs": self.logprobs,
            "redact": self.redact,
        }
        return {"language": self.language} | {name: value for name, value in asked.items() if value} | bias.for_turn()

    def following(self, former: "StreamOptions", open_utterance: int | None) -> "StreamOptions":
        """These options, to take over from `former` while an utterance may be open. Format and model stay."""
        began_with = former.began_with
        if open_utterance is not None and (began_with is None or began_with.utterance != open_utterance):
            began_with = BeganWith(open_utterance, former.bias)
        return replace(self, format=former.format, model=former.model, began_with=began_with)

    def dump(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def load(cls, stored: dict[str, Any]) -> "StreamOptions":
        former = stored.get("began_with")
        parsed = {
            "format": StreamFormat(**stored["format"]),
            "languages": tuple(stored.get("languages", ())),
            "endpointing": EndpointerOptions(**stored["endpointing"]),
            "bias": Bias.load(stored.get("bias", {})),
            "began_with": BeganWith(former["utterance"], Bias.load(former["bias"])) if former else None,
        }
        return cls(**stored | parsed)
