"""`sotto` as a person runs it: in a process of its own, or, where only its words and status matter, in this one."""

import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from service.cli import app

Done = subprocess.CompletedProcess[str]


def sotto(*arguments: str | Path, stdin: bytes = b"") -> Done:
    command = [sys.executable, "-m", "service.cli", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=300, check=False)
    return Done(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def sotto_here(*arguments: str | Path) -> Done:
    """Without the second that a process takes to begin."""
    command = list(map(str, arguments))
    result = CliRunner().invoke(app, command)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(command, result.exit_code, result.stdout, result.stderr)
