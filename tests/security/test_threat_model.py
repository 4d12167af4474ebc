"""docs/security.md: every measure names a test that is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
TABLES = PAGE.partition("## Threats")[2].partition("## Fuzzing")[0]
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")
THREATS = [row for row in TABLES.splitlines() if re.match(r"\| [A-Z, ]+: ", row)]


def test_there_are_threats_for_every_boundary() -> None:
    assert len(THREATS) > 40


@pytest.mark.parametrize("row", THREATS, ids=lambda row: row.split("|")[1].strip())
def test_every_threat_names_a_test_that_exists(row: str) -> None:
    named = NAMED.findall(row.split("|")[-2])
    assert named, row
    for path, test in named:
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert not test or test in tests, f"{path} has no {test}"


def test_the_commands_of_the_page_exist() -> None:
    assert [path for path in re.findall(r"`?(tools/\w+\.py)", PAGE) if not (ROOT / path).is_file()] == []
