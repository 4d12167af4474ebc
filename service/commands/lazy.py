"""Groups of commands whose modules are imported when they are asked for, so that no command waits for another's.

Source: "Lazily Loading Subcommands" in Click's documentation.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup


class _Commands(Mapping[str, Any]):
    """Click's commands by name: those that have a place, `module:attribute`, and then those that are there already."""

    def __init__(self, places: Mapping[str, str], here: Mapping[str, Any]) -> None:
        self._places = places
        self._here = here

    def __getitem__(self, name: str) -> Any:
        return _command(name, self._places[name]) if name in self._places else self._here[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._places
        yield from self._here

    def __len__(self) -> int:
        return len(self._places) + len(self._here)


class _LazyGroup(TyperGroup):
    places: ClassVar[Mapping[str, str]]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands: Any = _Commands(self.places, self.commands)


def group_of(places: Mapping[str, str]) -> type[TyperGroup]:
    """A class of groups, for `typer.Typer`: commands by name, each at `module:attribute`, a function or a Typer."""
    return type("LazyGroup", (_LazyGroup,), {"places": places})


def _command(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        group.name = name
        return group
    alone = typer.Typer(add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)
