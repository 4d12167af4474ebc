"""TOML files that describe a value: the fields of the file are those of a dataclass."""

import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from service.errors import BadRequest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def read_described(
    path: Path, kind: type[T], *, field: str, convert: Mapping[str, Callable[[Any], Any]] | None = None
) -> T:
    """A `kind` from a file; `convert` makes values of fields that TOML cannot say.

    Raises BadRequest that names file and field: for fields that `kind` has not, for those without a default that are
    missing, and for what `kind` and `convert` refuse. `field` is named where the file itself cannot be read.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror}", field=field) from error
    except ValueError as error:  # not UTF-8 or not TOML
        raise BadRequest(f"{path}: not TOML ({error})", field=field) from error
    known = {each.name: each for each in fields(kind)}
    for name in values:
        if name not in known:
            raise BadRequest(f"{path}, {name}: is no field; the fields are {', '.join(known)}", field=name)
    for name, each in known.items():
        if name not in values and each.default is MISSING and each.default_factory is MISSING:
            raise BadRequest(f"{path}, {name}: is missing", field=name)
    with _named(path):
        return kind(**values | {name: make(values[name]) for name, make in (convert or {}).items() if name in values})


def check_endpoint(endpoint: Any) -> None:
    """What endpoints of every kind have in common: a dataclass with `url` and `model`, strings, numbers from 0 and
    tables. Raises BadRequest that names the field."""
    for each in fields(endpoint):
        _check_kind(each.name, getattr(endpoint, each.name), each.type)
    if not endpoint.url.startswith(("http://", "https://")):
        raise BadRequest("url: must start with http:// or https://", field="url")
    if not endpoint.model:
        raise BadRequest("model: is empty", field="model")
    for name in ("concurrency", "attempts", "timeout_s"):
        if getattr(endpoint, name, 1) <= 0:
            raise BadRequest(f"{name}: must be above 0", field=name)


def _check_kind(name: str, value: Any, kind: Any) -> None:
    if kind is str:
        fits, wanted = isinstance(value, str), "a string"
    elif kind in (int, float):
        numeric = int if kind is int else (int, float)
        fits = isinstance(value, numeric) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
        wanted = "a whole number, at least 0" if kind is int else "a number, at least 0"
    elif kind == Mapping[str, Any]:
        fits, wanted = isinstance(value, Mapping), "a table"
    else:
        return  # the dataclass's own affair
    if not fits:
        raise BadRequest(f"{name}: must be {wanted}", field=name)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except BadRequest as error:
        raise BadRequest(f"{path}, {error.message}", field=error.field) from error
