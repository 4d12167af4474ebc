"""Keyword lists: bias lists that may also say a class."""

from pathlib import Path

import pytest

from models.expand.keywords import Keyword, read_keywords
from service.errors import BadRequest


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.csv", "Phrase,boost,Class,sounds_like\nReverso,1.5,product,reverse so\nGstaad,,place,\n"),
        ("list.json", '[{"phrase": "Reverso", "class": "product"}, {"phrase": "Gstaad", "class": " place "}]'),
        (
            "list.json",
            '{"entries": [{"phrase": "Reverso", "class": "product"}, {"phrase": "Gstaad", "class": "place"}]}',
        ),
    ],
)
def test_classes_are_read(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    found = [(keyword.phrase, keyword.kind) for keyword in read_keywords(tmp_path / name)]
    assert found == [("Reverso", "product"), ("Gstaad", "place")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.txt", "# names\nReverso\nGstaad\n"),
        ("list.csv", "Reverso\nGstaad\n"),
        ("list.json", '["Reverso", "Gstaad"]'),
    ],
)
def test_lists_without_classes_are_read(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert read_keywords(tmp_path / name) == (Keyword("Reverso"), Keyword("Gstaad"))


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("list.txt", "", "has no entries"),
        ("list.txt", "Reverso\nReverso\n", "entry 2, 'Reverso'"),
        ("list.csv", "phrase,colour\nReverso,blue\n", "colour"),
        ("list.csv", "phrase,boost,class\n,2,product\nReverso,1,product", "entry 1"),
        ("list.json", '[{"phrase": "Reverso", "class": 3}]', "entry 1, class"),
        ("list.json", '[{"phrase": ', "not JSON"),
    ],
)
def test_what_is_wrong_is_named(name: str, text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadRequest, match=problem) as caught:
        read_keywords(tmp_path / name)
    assert name in caught.value.message
    assert caught.value.field == "keywords"


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"no\.csv"):
        read_keywords(tmp_path / "no.csv")
