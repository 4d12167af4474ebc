"""`--bias FILE`: what counts is sent, what does not is told, what cannot be read ends the command."""

from pathlib import Path

import pytest

from service.biasing.entries import MAX_ENTRIES, Entry
from service.commands.bias_options import REJECTIONS_SHOWN, bias_options, read_list
from service.errors import BadRequest


def test_the_file_name_tells_the_format(tmp_path: Path) -> None:
    for name, content in (
        ("names.txt", "# brands\nLoewe\n"),
        ("names.csv", "phrase,boost\nLoewe,1\n"),
        ("names.json", '{"phrases": ["Loewe"]}'),
    ):
        file = tmp_path / name
        file.write_text(content)
        assert read_list(file) == (Entry("Loewe"),)


def test_what_does_not_count_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "names.txt"
    file.write_text("Loewe\n" * (REJECTIONS_SHOWN + 3))
    assert read_list(file) == (Entry("Loewe"),)
    *told, more = capsys.readouterr().err.splitlines()
    assert len(told) == REJECTIONS_SHOWN
    assert "entry 2 is left out: the phrase is on the list already: 'Loewe'" in told[0]
    assert more.endswith("names.txt: 2 more entries are left out")


def test_options_that_are_not_given_are_left_to_the_server() -> None:
    assert bias_options(None, None, None) == {"keywords": None, "bias_lists": None, "bias_strength": None}


def test_all_three_together(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text("phrase,boost\nLoewe,2\n")
    assert bias_options(file, ["clients"], 0.0) == {
        "keywords": [{"phrase": "Loewe", "boost": 2.0}],
        "bias_lists": ["clients"],
        "bias_strength": 0.0,
    }


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.txt", None, "No such file"),
        ("names.json", b"[", "not JSON"),
        ("names.txt", b"\xff", "not UTF-8"),
        ("names.txt", b"\n".join(b"%d" % i for i in range(MAX_ENTRIES + 1)), "10,001 entries"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadRequest, match=message) as caught:
        read_list(tmp_path / name)
    assert (name in caught.value.message, caught.value.field) == (True, "bias")
