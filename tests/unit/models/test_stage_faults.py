"""What goes wrong between a stage and its machine, where no stage has a test of its own for it: killed processes,
full disks, recordings that are missing or at another sample rate than they say."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.evaluate.systems import transcribed
from models.filtering import FilterOptions, filter_speech
from models.folder import new_folder
from models.manifest import Example
from models.pseudo_label import PseudoLabelOptions, pseudo_label
from models.recordings import read_samples
from models.registry import installed
from models.reports import new_figure, write_report_files
from models.split import Split, write_split
from models.stage import StageFull, dropped, read_stage
from models.transcribing import Heard
from service.errors import BadAudio, BadRequest, Failed
from tests.speaking_endpoint import wav
from tests.unit.models.limits import small_files
from tests.unit.models.recognisers import Rehearsed, recording

KILLED = """
import os, pathlib, signal, sys
from models.folder import new_folder
with new_folder(pathlib.Path(sys.argv[1])) as folder:
    (folder / "model.bin").write_bytes(bytes(1000))
    os.kill(os.getpid(), signal.SIGKILL)
"""


class Unchanged:
    """A corrector that finds nothing wrong."""

    name = "unchanged"

    def correct(self, hypotheses: list[list[str]], language: str) -> list[str | None]:
        return [heard[0] for heard in hypotheses]


def test_a_stage_that_is_killed_leaves_no_folder_and_the_next_one_clears_up(tmp_path: Path) -> None:
    """import-ct2, merge, convert and register fill a folder, as do the checkpoints of a training."""
    target = tmp_path / "models" / "ours-v1"
    killed = subprocess.run([sys.executable, "-c", KILLED, target], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not target.exists()
    assert installed(target.parent) == []
    assert list(target.parent.iterdir())
    with new_folder(target):
        pass
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_that_another_process_fills_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="cannot write"), new_folder(tmp_path / "a") as slow:  # noqa: PT012
        (slow / "model.bin").write_bytes(b"one")
        with new_folder(tmp_path / "a") as fast:
            (fast / "model.bin").write_bytes(b"two")
        assert (slow / "model.bin").read_bytes() == b"one"
    assert (tmp_path / "a" / "model.bin").read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_on_a_full_disk_no_part_of_a_split_is_half_written(tmp_path: Path) -> None:
    long = tuple(Example(f"{number:03}", "A sentence.") for number in range(100))
    with small_files(1_000), pytest.raises(StageFull, match=r"cannot write to .*seeds"):
        write_split(Split(long[:2], long[2:], long[:1]), tmp_path / "seeds")
    assert [path.name for path in (tmp_path / "seeds").iterdir()] == ["train.jsonl"]


def test_on_a_full_disk_no_report_is_half_written(tmp_path: Path) -> None:
    with small_files(1_000), pytest.raises(StageFull, match="cannot write to"):
        write_report_files(tmp_path, {"kept": 1}, "# Report" + 1_000 * "!", new_figure(2, 2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.json"]


def test_on_a_full_disk_a_filter_and_an_evaluation_end_with_whole_lines_and_go_on(tmp_path: Path) -> None:
    examples = [
        Example(f"{number:03}", "Hello there.", audio=recording(tmp_path, str(number), 1_600)) for number in range(40)
    ]
    heard, options = Rehearsed({1_600: Heard("Hello there.")}), {"model": "tiny", "beam_size": 1}
    with small_files(3_000), pytest.raises(StageFull, match=r"cannot write to .*filter"):
        filter_speech(examples, tmp_path / "filter", heard, FilterOptions("tiny"))
    with small_files(3_000), pytest.raises(StageFull, match=r"cannot write to .*base"):
        transcribed(examples, tmp_path / "base", heard, options)
    assert 0 < len(json_lines(tmp_path / "filter")) < len(examples)
    filter_speech(examples, tmp_path / "filter", heard, FilterOptions("tiny"))
    assert [each.id for each in read_stage(tmp_path / "filter")] == [each.id for each in examples]
    assert len(transcribed(examples, tmp_path / "base", heard, options)) == len(examples)


def json_lines(stage: Path) -> list[object]:
    """The kept lines that are whole: what a reader of a stage that stopped sees."""
    lines = (stage / "kept-1-of-1.jsonl").read_text("utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def test_a_recording_at_any_sample_rate_lasts_as_long(tmp_path: Path) -> None:
    (tmp_path / "24k.wav").write_bytes(wav(0.1 * np.sin(np.arange(24_000) / 9)))
    assert len(read_samples(tmp_path / "24k.wav")) == 16_000


def test_a_recording_at_another_rate_than_it_states_is_dropped_or_named(tmp_path: Path) -> None:
    """Recorded at 8 kHz, labelled 16 kHz: it lasts half as long as its manifest says, and nobody understands it."""
    wrong = Example("wrong", "Hello there.", audio=recording(tmp_path, "wrong", 32_000), duration=4.0)
    right = replace(wrong, id="right", audio=recording(tmp_path, "right", 16_000), duration=1.0)
    recogniser = Rehearsed({16_000: Heard("Hello there.", avg_logprob=-0.1)})
    filter_speech([wrong, right], tmp_path / "filter", recogniser, FilterOptions("tiny"))
    pseudo_label(
        [wrong, right], tmp_path / "iteration-1", recogniser, Unchanged(), PseudoLabelOptions("tiny", "unchanged")
    )
    for stage in ("filter", "iteration-1"):
        assert [each.id for each in read_stage(tmp_path / stage)] == ["right"]
        assert dropped(tmp_path / stage) == {"unreadable audio": 1}
    with pytest.raises(BadAudio, match=r"wrong\.flac: lasts 2\.00 s .* the manifest says 4\.00 s"):
        transcribed([wrong, right], tmp_path / "base", recogniser, {"model": "tiny", "beam_size": 1})


def test_a_recording_that_is_not_there_stops_an_evaluation_before_it_begins(tmp_path: Path) -> None:
    missing = Example("gone", "Hello there.", audio=tmp_path / "gone.flac")
    with pytest.raises(BadRequest, match=r"gone, audio: there is no .*gone\.flac"):
        transcribed([missing], tmp_path / "base", Rehearsed({}), {"model": "tiny", "beam_size": 1})
    assert not (tmp_path / "base").exists()
