"""What Sotto installs: licences that go with MIT, hashes in every lock file, no known hole where that can be asked."""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))
PERMISSIVE = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla Public|Zlib|Unlicense|CC0|0BSD|HPND)", re.I
)
COPYLEFT = re.compile(r"\b(A?GPL|GNU (Affero )?General|SSPL|BUSL|Commons Clause|CC-BY-NC|proprietary)", re.I)
AUDIT_S = 120


def locked(lock: Path) -> dict[str, str]:
    """Name and version of what a lock file pins."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock.read_text("utf-8"), re.M))


def licence_of(name: str) -> str | None:
    """As the installed package says; None where it is not installed."""
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    classifiers = [each for each in metadata.get_all("Classifier") or [] if each.startswith("License ::")]
    said = [metadata.get("License-Expression"), *classifiers, (metadata.get("License") or "")[:200]]
    return " | ".join(filter(None, said))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_everything_in_a_lock_file_is_pinned_by_its_hash(lock: Path) -> None:
    entries = re.split(r"^(?=[A-Za-z0-9._-]+==)", lock.read_text("utf-8"), flags=re.M)[1:]
    assert entries
    assert [entry.split("\n")[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_what_serving_needs_is_under_licences_that_go_with_mit() -> None:
    licences = {name: licence_of(name) for name in locked(ROOT / "requirements.lock")}
    known = {name: licence for name, licence in licences.items() if licence is not None}
    assert len(known) > 20
    assert {name: told for name, told in known.items() if COPYLEFT.search(told) and "LGPL" not in told} == {}
    assert {name: told for name, told in known.items() if not PERMISSIVE.search(told) and "LGPL" not in told} == {}


def test_no_locked_package_has_a_known_hole() -> None:
    """The same as `pip-audit -r requirements.lock --require-hashes --disable-pip`; asks a service on the net."""
    if shutil.which("pip-audit", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("pip-audit is not installed here: pip install pip-audit")
    asked = ["-r", str(ROOT / "requirements.lock"), "--disable-pip", "--require-hashes", "--format", "json"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", *asked, "--progress-spinner", "off", "--timeout", "10"],
            capture_output=True,
            text=True,
            timeout=AUDIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("the database of known holes did not answer")
    if not done.stdout.startswith("{"):
        pytest.skip(f"the database of known holes cannot be reached from here: {done.stderr.strip()[-200:]}")
    asked_about = [each for each in json.loads(done.stdout)["dependencies"] if "skip_reason" not in each]
    if not asked_about:
        pytest.skip("the package index used here knows nothing of holes")
    assert {each["name"]: each["vulns"] for each in asked_about if each["vulns"]} == {}
