"""Node scripts of tests/clients/node, which use OpenAI's SDK for JavaScript as `npm ci` installs it there."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "clients" / "node"
LOCK = FOLDER / "package-lock.json"
INSTALLED = FOLDER / "node_modules" / ".installed-lock.json"  # the lock that node_modules was made from
INSTALL_S = 180
RUN_S = 240


def install() -> None:
    """Skips the test where there is no npm."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no node and npm on the PATH (Debian packages nodejs and npm)")
    if INSTALLED.exists() and INSTALLED.read_bytes() == LOCK.read_bytes():
        return
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=INSTALL_S,
        check=False,
    )
    assert done.returncode == 0, f"npm ci failed: {done.stderr}"
    INSTALLED.write_bytes(LOCK.read_bytes())


def run(script: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Any:
    """The JSON that a script prints. Fails with what it says on stderr."""
    done = subprocess.run(
        ["node", script, *arguments],
        cwd=FOLDER,
        env=os.environ | dict(environment or {}),
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert done.returncode == 0, f"{script} failed: {done.stderr}"
    return json.loads(done.stdout)
