"""The parts of the page that need no browser, under Node's own test runner."""

import subprocess
from pathlib import Path

import pytest

PARTS = Path(__file__).parent / "page_parts.test.mjs"


@pytest.mark.usefixtures("page_is_built")
def test_parts_of_the_page_do_what_their_tests_say(node: str) -> None:
    ran = subprocess.run([node, "--test", str(PARTS)], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout
    assert "# pass 10" in ran.stdout
