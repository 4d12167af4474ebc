import json
from pathlib import Path
from typing import Any

import pytest

from models.scoring.manifest import Item, read_manifests, read_transcripts
from service.errors import BadRequest

GOOD: dict[str, Any] = {"id": "a", "audio": "x/a.flac", "text": "Ida came", "language": "fr", "bias": ["Ida"], "snr": 5}


def write(path: Path, *lines: str | dict[str, Any]) -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), "utf-8")
    return path


def test_item_with_all_its_fields(tmp_path: Path) -> None:
    manifest = write(tmp_path / "m.jsonl", GOOD, "")
    assert read_manifests([manifest]) == [Item("a", tmp_path / "x/a.flac", "Ida came", "fr", ("Ida",), (), GOOD)]


def test_language_and_phrases_may_be_left_out(tmp_path: Path) -> None:
    [item] = read_manifests([write(tmp_path / "m.jsonl", {"id": "a", "audio": "a.flac", "text": ""})])
    assert (item.language, item.bias, item.keywords) == ("en", (), ())


def test_line_separators_inside_a_text_end_no_line(tmp_path: Path) -> None:
    line = json.dumps(GOOD | {"text": "one\u2028two"}, ensure_ascii=False)
    [item] = read_manifests([write(tmp_path / "m.jsonl", line)])
    assert item.text == "one\u2028two"


@pytest.mark.parametrize(
    ("line", "field", "message"),
    [
        ("{", "manifest", "line 2: not JSON"),
        ("[1]", "manifest", "line 2: not a JSON object"),
        ({**GOOD, "id": None}, "id", "line 2, id: is missing"),
        ({**GOOD, "id": 7}, "id", "line 2, id: must be a string"),
        ({**GOOD, "id": ""}, "id", "line 2, id: is empty"),
        (GOOD, "id", "line 2, id: 'a' names another item already"),
        ({"id": "b", "audio": "b.flac"}, "text", "line 2, text: is missing"),
        ({"id": "b", "text": "hello"}, "audio", "line 2, audio: is missing"),
        ({**GOOD, "id": "b", "bias": "Ida"}, "bias", "line 2, bias: must be a list of strings"),
        ({**GOOD, "id": "b", "keywords": [1]}, "keywords", "line 2, keywords: must be a list of strings"),
        ({**GOOD, "id": "b", "language": ["fr"]}, "language", "line 2, language: must be a string"),
    ],
)
def test_what_is_wrong_is_named_with_line_and_field(
    tmp_path: Path, line: str | dict[str, Any], field: str, message: str
) -> None:
    manifest = write(tmp_path / "m.jsonl", GOOD, line)
    with pytest.raises(BadRequest) as refused:
        read_manifests([manifest])
    assert str(manifest) in refused.value.message
    assert message in refused.value.message
    assert refused.value.field == field


def test_items_of_two_manifests_must_have_different_ids(tmp_path: Path) -> None:
    one, other = (write(tmp_path / name, GOOD) for name in ("1.jsonl", "2.jsonl"))
    with pytest.raises(BadRequest, match=r"2\.jsonl, line 1, id"):
        read_manifests([one, other])


@pytest.mark.parametrize(("content", "message"), [(b"", "has no items"), (b"\xff\xfe", "not UTF-8")])
def test_unusable_file(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "m.jsonl").write_bytes(content)
    with pytest.raises(BadRequest, match=message):
        read_manifests([tmp_path / "m.jsonl"])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="No such file"):
        read_manifests([tmp_path / "m.jsonl"])


def test_transcripts_by_id(tmp_path: Path) -> None:
    path = write(tmp_path / "hyp.jsonl", {"id": "a", "text": "one"}, {"id": "b", "text": ""})
    assert read_transcripts(path) == {"a": "one", "b": ""}
    with pytest.raises(BadRequest, match="line 1, text: is missing"):
        read_transcripts(write(path, {"id": "a"}))
