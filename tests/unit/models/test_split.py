"""Seeds are split into what is learnt from and what judges."""

from pathlib import Path

import pytest

from models.manifest import Example, read_examples
from models.split import split, write_split
from service.errors import BadRequest


def seeds(count: int) -> list[Example]:
    return [Example(f"seed-{number}", f"Sentence {number}.") for number in range(count)]


def test_no_sentence_is_in_two_parts_and_none_is_lost() -> None:
    parts = split(seeds(200), dev=0.1, test=0.3)
    ids = [each.id for part in (parts.train, parts.dev, parts.test) for each in part]
    assert sorted(ids) == sorted(each.id for each in seeds(200))
    assert 40 <= len(parts.test) <= 80
    assert 8 <= len(parts.dev) <= 35


def test_a_sentence_stays_where_it_is_when_others_come_or_go() -> None:
    few, many = split(seeds(100), dev=0.1, test=0.3), split(seeds(300), dev=0.1, test=0.3)
    for part, larger in ((few.test, many.test), (few.dev, many.dev), (few.train, many.train)):
        assert {each.id for each in part} <= {each.id for each in larger}


def test_too_few_seeds_are_told() -> None:
    with pytest.raises(BadRequest, match="too few seeds") as caught:
        split(seeds(2), dev=0.1, test=0.3)
    assert caught.value.field == "seeds"


def test_parts_are_manifests(tmp_path: Path) -> None:
    parts = split(seeds(100), dev=0.1, test=0.3)
    write_split(parts, tmp_path / "seeds")
    assert tuple(read_examples(tmp_path / "seeds" / "test.jsonl")) == parts.test
    assert sorted(path.name for path in (tmp_path / "seeds").iterdir()) == ["dev.jsonl", "test.jsonl", "train.jsonl"]
