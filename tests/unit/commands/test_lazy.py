"""Commands are imported when they are asked for."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from service.cli import COMMANDS, app
from service.commands import models

HEAVY = ("redis", "av", "numpy", "fastapi", "ctranslate2")


@pytest.mark.parametrize("argument", ["--version", "transcibe"])
def test_what_needs_no_command_imports_none(argument: str) -> None:
    tell = f"import atexit, sys; atexit.register(lambda: print(sorted(sys.modules.keys() & {set(HEAVY)!r})))"
    run = f"{tell}; from service.cli import main; sys.argv = ['sotto', {argument!r}]; main()"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_every_command_is_there_under_its_name() -> None:
    for lazy, places in ((app, COMMANDS), (models.app, models.COMMANDS)):
        commands = typer.main.get_group(lazy).commands
        assert list(commands)[: len(places)] == list(places)
        assert len(commands) == len(list(commands)) >= len(places)
        for name in commands:
            assert commands[name].name == name
            assert commands[name].help, name


def test_a_mistyped_command_is_guessed() -> None:
    result = CliRunner().invoke(app, ["transcibe"])
    assert result.exit_code == 2
    assert "Did you mean 'transcribe'?" in result.output
