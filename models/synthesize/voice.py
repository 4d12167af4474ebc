"""What all backends that speak have in common."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from service.errors import BadRequest

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody speaking a language.

    `engine`: name of the backend. `language`: ISO 639-1 code, "" for a voice that speaks what it is given. `accent`: a
    region (`en-GB`), or the language that a foreigner speaks otherwise (`fr`); then `native` is False. `gender`:
    `female`, `male` or "".
    """

    engine: str
    name: str
    language: str
    accent: str = ""
    gender: str = ""
    native: bool = True
    licence: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The voices that this one is a blend of; itself where it is none."""
        return tuple(self.name.split("+"))


class Speaker(Protocol):
    """A backend. One thread may use it.

    `name` becomes the source of its clips; `licence` is the program's, `Voice.licence` that of the model behind the
    voice. `reads_numbers`: digits and currencies may stay in the text.
    """

    name: str
    licence: str
    reads_numbers: bool

    def voices(self) -> tuple[Voice, ...]:
        """All voices; the same ones in the same order every time."""
        ...

    def speak(self, text: str, voice: Voice, speed: float) -> tuple[Float32, int]:
        """Float32 [n], nominal range -1..1, and its sample rate in Hz.

        `voice` is one of `voices()`; `speed` 1 is the voice's own, 2 twice as fast. Raises Unspeakable for a text that
        gives no sound, ModelUnavailable or EndpointUnavailable when the backend itself fails.
        """
        ...


class Unspeakable(BadRequest):
    """This text cannot be spoken; the next one may be."""


def optional(module: str, command: str) -> Any:
    """A module that Sotto does not depend on. Raises BadRequest that says how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise BadRequest(f"{module} cannot be imported ({error}): {command}", field="voices") from error
