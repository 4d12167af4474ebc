import json
from pathlib import Path

import numpy as np
import pytest

from loadtest.corpus import build_streams, load_manifest, read_clip, speech_bounds
from service.errors import BadRequest
from service.transcript import SAMPLE_RATE

DATA = Path(__file__).parents[2] / "data"
MANIFEST = DATA / "manifest.jsonl"


def session_manifest(folder: Path) -> Path:
    """One whole session: a shipped clip twice, with silence between and around."""
    clip = load_manifest(MANIFEST, "en")[0]
    quiet = [{"start": 1.0, "end": 9.0, "text": "one"}, {"start": 12.0, "end": 20.0, "text": "two"}]
    line = {"audio": str(clip.path), "text": "one two", "language": "en", "segments": quiet}
    path = folder / "manifest.jsonl"
    path.write_text(json.dumps(line) + "\n")
    return path


def test_bounds_drop_silence_and_keep_speech() -> None:
    speech = read_clip(load_manifest(MANIFEST, "en")[0].path)
    start, end = speech_bounds(speech)
    speech = speech[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    noise = np.random.default_rng(1).normal(0, 3, SAMPLE_RATE).astype(np.int16)
    start, end = speech_bounds(np.concatenate([noise, speech, noise]))
    assert start == pytest.approx(1.0, abs=0.011)
    assert end == pytest.approx(1.0 + len(speech) / SAMPLE_RATE, abs=0.011)


def test_clip_of_silence_is_taken_whole() -> None:
    assert speech_bounds(np.zeros(SAMPLE_RATE, np.int16)) == (0.0, 1.0)


def test_streams_are_the_same_for_a_seed_and_differ_between_clients() -> None:
    clips = load_manifest(MANIFEST, "en")
    first, second = build_streams(clips, count=2, seconds=20, seed=3)
    again, _ = build_streams(clips, count=2, seconds=20, seed=3)
    assert np.array_equal(first.samples, again.samples)
    assert [u.text for u in first.utterances] != [u.text for u in second.utterances]


def test_utterances_stand_where_they_are_said_to_with_pauses_between() -> None:
    (stream,) = build_streams(load_manifest(MANIFEST, "en"), count=1, seconds=30, seed=1)
    assert len(stream.samples) >= 30 * SAMPLE_RATE
    for utterance in stream.utterances:
        inside = stream.samples[round(utterance.start * SAMPLE_RATE) : round(utterance.end * SAMPLE_RATE)]
        assert speech_bounds(inside)[1] == pytest.approx(len(inside) / SAMPLE_RATE, abs=0.03)
    pauses = [
        later.start - earlier.end for earlier, later in zip(stream.utterances, stream.utterances[1:], strict=False)
    ]
    assert all(0.39 <= pause <= 2.51 for pause in pauses)
    assert len(stream.samples) / SAMPLE_RATE - stream.utterances[-1].end >= 1.5


def test_session_is_used_as_it_is_up_to_its_last_whole_utterance(tmp_path: Path) -> None:
    clips = load_manifest(session_manifest(tmp_path), "en")
    (stream,) = build_streams(clips, count=1, seconds=10, seed=1)
    assert [utterance.text for utterance in stream.utterances] == ["one"]
    assert stream.utterances[0].start >= 0.5


def test_clips_without_speech_are_left_out() -> None:
    assert "music.flac" in MANIFEST.read_text()
    assert "music.flac" not in {clip.path.name for clip in load_manifest(MANIFEST, "en")}


def test_manifest_problems_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"audio": "a.flac"}\n')
    for path, language, message in [
        (tmp_path / "none.jsonl", "en", "No such file"),
        (broken, "en", "is not a manifest"),
        (MANIFEST, "sw", "no clip in language 'sw'"),
    ]:
        with pytest.raises(BadRequest, match=message):
            load_manifest(path, language)
