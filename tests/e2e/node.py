"""Node scripts of tests/clients, which use the vendors' SDKs for JavaScript as `npm ci` installs them there."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

CLIENTS = Path(__file__).parents[1] / "clients"
FOLDER = CLIENTS / "node"  # OpenAI's
INSTALL_S = 180
RUN_S = 240


def install(folder: Path = FOLDER) -> None:
    """Skips the test where there is no npm."""
    lock = folder / "package-lock.json"
    installed = folder / "node_modules" / ".installed-lock.json"  # the lock that node_modules was made from
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no node and npm on the PATH (Debian packages nodejs and npm)")
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=INSTALL_S,
        check=False,
    )
    assert done.returncode == 0, f"npm ci failed: {done.stderr}"
    installed.write_bytes(lock.read_bytes())


def run(
    script: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    folder: Path = FOLDER,
    stdin: bytes = b"",
) -> Any:
    """The JSON that a script prints. Fails with what it says on stderr."""
    done = subprocess.run(
        ["node", script, *arguments],
        cwd=folder,
        env=os.environ | dict(environment or {}),
        input=stdin,
        capture_output=True,
        timeout=RUN_S,
        check=False,
    )
    assert done.returncode == 0, f"{script} failed: {done.stderr.decode()}"
    return json.loads(done.stdout)
