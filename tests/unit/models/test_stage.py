"""Stages of the training pipeline: what is on disk after which accident."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.manifest import Example, read_examples
from models.stage import Shard, Stage, StageFull, dropped, read_stage
from service.errors import BadRequest

OPTIONS = {"threshold": 0.1}


def inputs(count: int) -> list[Example]:
    return [Example(f"seed-{number}", f"Sentence {number}.") for number in range(count)]


def run(folder: Path, examples: list[Example], *, shard: Shard | None = None, stop_after: int | None = None) -> int:
    """Doubles each input but drops those whose number ends in 3; how many inputs were taken."""
    taken = 0
    with Stage(folder, OPTIONS, shard) as stage:
        for example in stage.waiting(examples):
            if stop_after is not None and taken == stop_after:
                return taken
            if example.id.endswith("3"):
                stage.drop(example, "ends in three", cer=0.5)
            else:
                stage.keep(
                    example, *(Example(f"{example.id}-{each}", example.text, scores={"cer": 0.0}) for each in "ab")
                )
            taken += 1
    return taken


def test_a_stage_writes_a_manifest_and_says_what_it_dropped(tmp_path: Path) -> None:
    assert run(tmp_path / "s", inputs(5)) == 5
    kept = read_stage(tmp_path / "s")
    assert [each.id for each in kept[:2]] == ["seed-0-a", "seed-0-b"]
    assert len(kept) == 8
    assert kept[0].scores == {"cer": 0.0}
    assert dropped(tmp_path / "s") == {"ends in three": 1}


def test_a_stage_that_is_through_does_nothing(tmp_path: Path) -> None:
    run(tmp_path / "s", inputs(5))
    before = {path: path.read_bytes() for path in (tmp_path / "s").iterdir()}
    assert run(tmp_path / "s", inputs(5)) == 0
    assert {path: path.read_bytes() for path in (tmp_path / "s").iterdir()} == before


@given(cut=st.integers(0, 2_000), name=st.sampled_from(["kept", "dropped", "done"]))
def test_a_stage_that_was_killed_at_any_byte_ends_as_an_undisturbed_one(
    tmp_path_factory: pytest.TempPathFactory, cut: int, name: str
) -> None:
    undisturbed, killed = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("killed")
    run(undisturbed, inputs(8))
    run(killed, inputs(8), stop_after=5)
    path = killed / f"{name}-1-of-1.jsonl"
    whole = path.read_bytes()
    # what is written last is lost first: `done` follows the lines that it speaks of
    if name == "done":
        path.write_bytes(whole[: min(cut, len(whole))])
    else:
        path.write_bytes(whole + b'{"input": "seed-5", "id": "half a li'[: cut % 40])
    run(killed, inputs(8))
    assert sorted(map(repr, read_stage(killed))) == sorted(map(repr, read_stage(undisturbed)))
    assert dropped(killed) == dropped(undisturbed)


def test_shards_share_the_inputs_and_write_files_of_their_own(tmp_path: Path) -> None:
    taken = [run(tmp_path / "s", inputs(20), shard=Shard(number, 3)) for number in (1, 2, 3)]
    assert sum(taken) == 20
    assert all(taken)
    run(tmp_path / "alone", inputs(20))
    assert {each.id for each in read_stage(tmp_path / "s")} == {each.id for each in read_stage(tmp_path / "alone")}


def test_other_options_are_refused_by_name(tmp_path: Path) -> None:
    run(tmp_path / "s", inputs(1))
    with pytest.raises(BadRequest, match="threshold") as caught, Stage(tmp_path / "s", {"threshold": 0.2}):
        pass
    assert caught.value.field == "threshold"


def test_a_full_disk_is_told_and_what_was_written_is_whole(tmp_path: Path) -> None:
    def fill() -> None:
        with Stage(tmp_path / "s", OPTIONS) as stage:
            stage.keep(inputs(1)[0], Example("a", "A."))
            stage._files["kept"].close()
            stage._files["kept"] = Path("/dev/full").open("a")  # noqa: SIM115
            stage.keep(inputs(2)[1], Example("b", "B."))

    with pytest.raises(StageFull, match="No space"):
        fill()
    assert [each.id for each in read_stage(tmp_path / "s")] == ["a"]


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b", "-1/2", ""])
def test_a_shard_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="shard"):
        Shard.parse(text)


def test_an_example_reads_as_it_was_written(tmp_path: Path) -> None:
    example = Example(
        id="x",
        text="Loewe é 语",
        language="zh",
        audio=tmp_path / "audio" / "x.flac",
        duration=1.5,
        source="kokoro",
        voice="af_heart",
        keywords=("Loewe",),
        scores={"cer": 0.1},
        extra={"domain": "luxury"},
    )
    (tmp_path / "m.jsonl").write_text(example.to_line(tmp_path) + "\n", "utf-8")
    assert list(read_examples(tmp_path / "m.jsonl")) == [example]
    assert json.loads(example.to_line(tmp_path))["audio"] == "audio/x.flac"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("{", "manifest"),
        ("[]", "manifest"),
        ('{"text": "a"}', "id"),
        ('{"id": "", "text": "a"}', "id"),
        ('{"id": "a"}', "text"),
        ('{"id": "a", "text": 3}', "text"),
        ('{"id": "a", "text": "a", "duration": "long"}', "duration"),
        ('{"id": "a", "text": "a", "duration": NaN}', "duration"),
        ('{"id": "a", "text": "a", "keywords": "Loewe"}', "keywords"),
        ('{"id": "a", "text": "a", "scores": {"cer": "low"}}', "scores"),
        ('{"id": "a", "text": "a", "audio": 7}', "audio"),
        ('{"id": "a", "text": "a"}\n{"id": "a", "text": "b"}', "id"),
    ],
)
def test_a_bad_line_is_named(line: str, field: str, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text(line, "utf-8")
    with pytest.raises(BadRequest) as caught:
        list(read_examples(tmp_path / "m.jsonl"))
    assert caught.value.field == field
    assert str(tmp_path / "m.jsonl") in caught.value.message


def test_parts_of_an_input_are_kept_and_dropped(tmp_path: Path) -> None:
    [recording] = inputs(1)
    with Stage(tmp_path / "s", OPTIONS) as stage:
        stage.part(recording, [Example("a", "A.")], [(Example("b", "B."), "too noisy"), (Example("c", "C."), "silent")])
        assert list(stage.waiting([recording])) == []
    assert [each.id for each in read_stage(tmp_path / "s")] == ["a"]
    assert dropped(tmp_path / "s") == {"too noisy": 1, "silent": 1}


def test_text_may_be_missing_only_where_nothing_is_labelled(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"id": "call-1", "audio": "call-1.flac"}\n')
    assert [each.text for each in read_examples(tmp_path / "m.jsonl", labelled=False)] == [""]
    with pytest.raises(BadRequest, match="line 1, text: is missing"):
        list(read_examples(tmp_path / "m.jsonl"))
