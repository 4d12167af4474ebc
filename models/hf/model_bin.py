"""CTranslate2's binary format, read in Python: `model.bin` as named arrays."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import ModelUnavailable

BINARY_VERSION = 6
WHISPER = ("WhisperSpec", 3)  # name and revision of the specification, as CTranslate2 4 writes it
BFLOAT16 = "bfloat16"  # NumPy has none: the upper half of a float32
TYPES = ("float32", "int8", "int16", "int32", "float16", BFLOAT16)  # in the order of their numbers in the file

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Variable:
    """An array as it is stored: `raw` is uint16 where `dtype` is bfloat16."""

    dtype: str
    raw: npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class ModelBin:
    """The variables of a Whisper model by CTranslate2's names, aliases among them."""

    variables: Mapping[str, Variable]

    def number(self, name: str) -> int:
        """A setting. Raises ModelUnavailable when there is none of that name."""
        return int(self._variable(name).raw)

    def is_alias(self, name: str, of: str) -> bool:
        return self._variable(name) is self._variable(of)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._variable(name).raw.shape

    def array(self, name: str) -> Float32:
        """A weight as float32, in the shape it is stored in; integers are scaled back.

        int8 has one scale for each row, int16 one for all. Raises ModelUnavailable when there is none of that name.
        """
        variable = self._variable(name)
        if variable.dtype == BFLOAT16:
            return (variable.raw.astype(np.uint32) << 16).view(np.float32)
        values = variable.raw.astype(np.float32)
        if variable.dtype not in ("int8", "int16"):
            return values
        scale = self._variable(f"{name}_scale").raw.astype(np.float32)
        values /= scale.reshape(-1, *[1] * (values.ndim - 1)) if scale.ndim else scale
        return values

    def _variable(self, name: str) -> Variable:
        if name not in self.variables:
            raise ModelUnavailable(f"model.bin has no {name}: is it a Whisper model?", field="model")
        return self.variables[name]


def read_model_bin(path: Path) -> ModelBin:
    """Maps the file; arrays are read when they are used.

    Raises ModelUnavailable for a file that is cut off, is of another version of the format, or holds no Whisper.
    """
    try:
        reader = _Reader(np.memmap(path, np.uint8, "r"))
        version = reader.number("I")
        if version != BINARY_VERSION:
            raise ModelUnavailable(f"{path} has version {version} of the format, not {BINARY_VERSION}", field="model")
        found = (reader.string(), reader.number("I"))
        if found != WHISPER:
            raise ModelUnavailable(f"{path} holds {found[0]} {found[1]}, not {WHISPER[0]} {WHISPER[1]}", field="model")
        variables = dict(reader.variable() for _ in range(reader.number("I")))
        for _ in range(reader.number("I")):
            alias, name = reader.string(), reader.string()
            variables[alias] = variables[name]
    except (OSError, ValueError, KeyError, IndexError, struct.error) as error:
        raise ModelUnavailable(f"cannot read {path}: not a model.bin, or cut off ({error})", field="model") from error
    return ModelBin(variables)


class _Reader:
    """Walks over the bytes of the file; everything is little-endian."""

    def __init__(self, content: npt.NDArray[np.uint8]) -> None:
        self._content = content
        self._at = 0

    def number(self, code: str) -> int:
        (value,) = struct.unpack(f"<{code}", self._take(struct.calcsize(f"<{code}")).tobytes())
        return int(value)

    def string(self) -> str:
        return self._take(self.number("H")).tobytes()[:-1].decode("utf-8")  # ends with a zero

    def variable(self) -> tuple[str, Variable]:
        name = self.string()
        shape = tuple(self.number("I") for _ in range(self.number("B")))
        dtype = TYPES[self.number("B")]
        raw = self._take(self.number("I"))
        stored = np.dtype(np.uint16 if dtype == BFLOAT16 else dtype).newbyteorder("<")
        return name, Variable(dtype, raw.view(stored).reshape(shape))

    def _take(self, count: int) -> npt.NDArray[np.uint8]:
        end = self._at + count
        if end > len(self._content):
            raise ValueError(f"{end:,} bytes expected, {len(self._content):,} are there")
        taken = self._content[self._at : end]
        self._at = end
        return taken
