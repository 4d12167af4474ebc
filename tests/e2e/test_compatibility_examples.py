"""The examples of docs/compatibility.md, as they stand there but for the address."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.recordings import flac, samples
from tests.unit.audio.encoded import resampled, wav

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
CLIP = "human-en-vm-nobox"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_prints_what_is_said(live_server: str, tmp_path: Path, number: int) -> None:
    (tmp_path / "visit.flac").write_bytes(flac(CLIP))
    (tmp_path / "visit.wav").write_bytes(wav(resampled(samples(CLIP), 24_000), rate=24_000))
    port = live_server.rpartition(":")[2]
    code = EXAMPLES[number].replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    done = subprocess.run(
        [sys.executable, "-c", code, "visit.wav"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "mailbox" in done.stdout
