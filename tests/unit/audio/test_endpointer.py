from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.audio.endpointer import Endpoint, Endpointer, EndpointerOptions, Mark, Pause, SpeechStarted
from service.audio.vad import FRAME, Pcm, SileroVad
from service.errors import BadRequest
from service.transcript import SAMPLE_RATE

Recording = Callable[[str], Pcm]
LIVE = EndpointerOptions()
MS = SAMPLE_RATE // 1000


def silence(seconds: float) -> Pcm:
    return np.zeros(int(seconds * SAMPLE_RATE), np.int16)


def marks_of(endpointer: Endpointer, pcm: Pcm, step: int = 1_600) -> list[Mark]:
    return [mark for at in range(0, len(pcm), step) for mark in endpointer.feed(pcm[at : at + step])]


def utterances(marks: list[Mark]) -> list[Endpoint]:
    return [mark for mark in marks if isinstance(mark, Endpoint)]


def continuous_speech(recording: Recording, manifest: dict[str, Any]) -> Pcm:
    """About 50 s of several speakers without pauses between the clips."""
    names = [name for name in manifest if name.startswith("human")][:12]
    return np.concatenate([recording(name)[3_500:-3_500] for name in names])


def test_every_segment_of_a_recording_becomes_one_utterance(
    vad: SileroVad, recording: Recording, manifest: dict[str, Any]
) -> None:
    found = utterances(marks_of(Endpointer(vad, LIVE), recording("demo")))
    segments = manifest["demo"]["segments"]
    assert [utterance.utterance for utterance in found] == list(range(len(segments)))
    for utterance, segment in zip(found, segments, strict=True):
        start, end = segment["start"] * SAMPLE_RATE, segment["end"] * SAMPLE_RATE
        assert start - 500 * MS < utterance.start <= start
        assert end <= utterance.end < end + 500 * MS
        assert abs(utterance.speech_end - end) < 100 * MS


def test_the_endpoint_is_decided_half_a_second_after_the_true_end_of_speech(
    vad: SileroVad, recording: Recording, manifest: dict[str, Any]
) -> None:
    endpointer = Endpointer(vad, LIVE)
    demo = recording("demo")
    decided = []
    for at in range(0, len(demo), FRAME):
        if utterances(endpointer.feed(demo[at : at + FRAME])):
            decided.append(endpointer.samples)
    for position, segment in zip(decided, manifest["demo"]["segments"], strict=True):
        assert 450 * MS <= position - segment["end"] * SAMPLE_RATE <= 580 * MS


def test_every_shipped_clip_is_covered_from_its_first_to_its_last_sound(
    vad: SileroVad, recording: Recording, manifest: dict[str, Any]
) -> None:
    for name in (name for name in manifest if name.startswith("human")):
        clip = recording(name)
        endpointer = Endpointer(vad, LIVE)
        found = utterances([*marks_of(endpointer, clip), *endpointer.flush()])
        loud = np.flatnonzero(np.abs(clip) > 300)
        assert found[0].start <= loud[0], name
        assert found[-1].end >= loud[-1], name


def noises() -> dict[str, Pcm]:
    random = np.random.default_rng(7)
    seconds = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    clicks = random.normal(0, 15, 10 * SAMPLE_RATE)
    for at in range(SAMPLE_RATE, 9 * SAMPLE_RATE, SAMPLE_RATE // 3):
        clicks[at : at + 80] += random.normal(0, 12_000, 80)
    kinds = {
        "silence": np.zeros(10 * SAMPLE_RATE),
        "one click": np.r_[np.zeros(SAMPLE_RATE), 30_000, np.zeros(2 * SAMPLE_RATE)],
        "clicks": clicks,
        "quiet noise": random.normal(0, 20, 10 * SAMPLE_RATE),
        "loud noise": random.normal(0, 3_000, 10 * SAMPLE_RATE),
        "hum": 3_000 * np.sin(2 * np.pi * 50 * seconds),
        "direct current": np.full(10 * SAMPLE_RATE, 5_000.0),
    }
    return {name: np.clip(noise, -32_768, 32_767).astype(np.int16) for name, noise in kinds.items()}


@pytest.mark.parametrize("kind", noises())
def test_what_is_no_speech_starts_no_utterance(vad: SileroVad, kind: str) -> None:
    for options in (LIVE, EndpointerOptions.OFFLINE):
        endpointer = Endpointer(vad, options)
        assert [*marks_of(endpointer, noises()[kind]), *endpointer.flush()] == []


def test_music_starts_no_utterance(vad: SileroVad, recording: Recording) -> None:
    endpointer = Endpointer(vad, LIVE)
    assert [*marks_of(endpointer, recording("music")), *endpointer.flush()] == []


def test_a_start_is_told_while_speech_lasts(vad: SileroVad, recording: Recording) -> None:
    clip = recording("human-en-conf-invalid")
    endpointer = Endpointer(vad, LIVE)
    assert endpointer.open_utterance is None
    [started] = marks_of(endpointer, clip[: SAMPLE_RATE * 3 // 4])
    assert started == SpeechStarted(0, started.start)
    assert endpointer.open_utterance == (0, started.start)
    assert endpointer.in_speech


def test_in_a_pause_the_utterance_is_open_but_nobody_speaks(vad: SileroVad, recording: Recording) -> None:
    endpointer = Endpointer(vad, LIVE)
    marks_of(endpointer, np.concatenate((recording("human-en-conf-invalid"), silence(0.3))))
    assert endpointer.open_utterance is not None
    assert not endpointer.in_speech


def test_flush_ends_the_utterance_with_everything_fed_and_the_stream_goes_on(
    vad: SileroVad, recording: Recording
) -> None:
    clip = recording("human-en-tt-allbusy")
    endpointer = Endpointer(vad, LIVE)
    half = len(clip) // 2 + 17
    started = marks_of(endpointer, clip[:half])
    [ended] = endpointer.flush()
    assert ended == Endpoint(0, started[0].start, half, half, "flush")
    assert endpointer.open_utterance is None
    assert endpointer.flush() == []
    rest = [*marks_of(endpointer, clip[half:]), *endpointer.flush()]
    assert rest[0] == SpeechStarted(1, rest[0].start)
    assert rest[0].start >= half
    assert utterances(rest)[-1].end == len(clip)


def test_flush_believes_a_word_too_short_to_have_started_an_utterance(vad: SileroVad, recording: Recording) -> None:
    clip = recording("human-en-conf-invalid")
    patient = Endpointer(vad, replace(LIVE, min_speech_ms=1_500))
    assert marks_of(patient, clip[: int(1.4 * SAMPLE_RATE)]) == []
    started, ended = patient.flush()
    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, Endpoint)
    assert ended.end == int(1.4 * SAMPLE_RATE)


def test_long_speech_is_cut_at_the_limit_without_gap_or_overlap(
    vad: SileroVad, recording: Recording, manifest: dict[str, Any]
) -> None:
    options = replace(LIVE, max_utterance_ms=6_000, silence_ms=3_000)
    speech = continuous_speech(recording, manifest)
    endpointer = Endpointer(vad, options)
    marks = [*marks_of(endpointer, speech), *endpointer.flush()]
    found = utterances(marks)
    assert len(found) >= 8
    assert all(utterance.end - utterance.start <= 6_000 * MS for utterance in found)
    assert all(earlier.end <= later.start for earlier, later in pairwise(found))
    assert found[-1].end == len(speech)
    cuts = [utterance for utterance in found[:-1] if utterance.end == utterance.speech_end]
    assert cuts
    for cut in cuts:
        assert cut.cause == "length"
        assert SpeechStarted(cut.utterance + 1, cut.end) in marks


def test_a_cut_falls_where_it_is_quieter_than_usual(
    vad: SileroVad, recording: Recording, manifest: dict[str, Any]
) -> None:
    speech = continuous_speech(recording, manifest)
    endpointer = Endpointer(vad, replace(LIVE, max_utterance_ms=6_000, silence_ms=3_000))
    found = utterances(marks_of(endpointer, speech))
    cuts = [utterance.end for utterance in found if utterance.end == utterance.speech_end]
    level = np.sqrt(np.convolve(speech.astype(np.float64) ** 2, np.ones(800) / 800, mode="same"))
    assert np.median(level[cuts]) < np.percentile(level, 20)


def test_a_long_utterance_ends_at_a_shorter_pause() -> None:
    options = replace(LIVE, max_utterance_ms=20_000, silence_ms=500)
    lengths = [1, 11_900, 14_000, 17_000, 20_000]
    needed = [options.silence_to_end(length * MS) / MS for length in lengths]
    assert needed[:2] == [500, 500]
    assert needed == sorted(needed, reverse=True)
    assert needed[-1] == pytest.approx(96)


def test_recordings_are_packed_across_short_pauses(vad: SileroVad, recording: Recording) -> None:
    demo = recording("demo")
    live, offline = Endpointer(vad, LIVE), Endpointer(vad, EndpointerOptions.OFFLINE)
    short = utterances([*marks_of(live, demo), *live.flush()])
    packed = utterances([*marks_of(offline, demo), *offline.flush()])
    assert len(packed) < len(short)
    assert packed[0].start <= short[0].start
    assert packed[-1].end >= short[-1].end
    assert all(utterance.end - utterance.start <= 26 * SAMPLE_RATE for utterance in packed)


def test_new_options_wait_for_the_next_utterance(vad: SileroVad, recording: Recording) -> None:
    clip = recording("human-en-conf-invalid")
    endpointer = Endpointer(vad, LIVE)
    marks_of(endpointer, clip[:SAMPLE_RATE])
    endpointer.configure(replace(LIVE, silence_ms=2_000, preroll_ms=0))
    heard = marks_of(endpointer, np.concatenate((clip[SAMPLE_RATE:], silence(1), clip, silence(1))))
    marks = [mark for mark in heard if not isinstance(mark, Pause)]
    [ended, started] = marks
    assert isinstance(ended, Endpoint)
    assert isinstance(started, SpeechStarted)
    assert endpointer.open_utterance is not None
    assert utterances(marks_of(endpointer, silence(1.5)))


def test_new_options_hold_at_once_between_utterances(vad: SileroVad, recording: Recording) -> None:
    clip = recording("human-en-conf-invalid")
    eager, other = Endpointer(vad, LIVE), Endpointer(vad, LIVE)
    other.configure(replace(LIVE, preroll_ms=0))
    [early], [late] = (marks_of(endpointer, clip[:SAMPLE_RATE]) for endpointer in (eager, other))
    assert early.start < late.start


@settings(max_examples=15, deadline=None)
@given(cut=st.integers(0, 31 * SAMPLE_RATE), step=st.integers(100, 40_000))
def test_a_restored_endpointer_goes_on_with_the_same_marks(
    vad: SileroVad, recording: Recording, cut: int, step: int
) -> None:
    demo = recording("demo")
    options = replace(LIVE, max_utterance_ms=5_000)
    expected_from = Endpointer(vad, options)
    expected = [*marks_of(expected_from, demo), *expected_from.flush()]
    first = Endpointer(vad, options)
    marks = marks_of(first, demo[:cut], step)
    first.configure(LIVE)
    first.configure(options)
    snapshot = first.snapshot()
    assert len(snapshot) < 4_000
    second = Endpointer.restore(vad, options, snapshot)
    assert second.samples == cut
    assert second.open_utterance == first.open_utterance
    assert second.in_speech == first.in_speech
    assert [*marks, *marks_of(second, demo[cut:], step), *second.flush()] == expected


def test_a_restored_open_utterance_keeps_its_options(vad: SileroVad, recording: Recording) -> None:
    clip = recording("human-en-conf-invalid")
    first = Endpointer(vad, LIVE)
    marks_of(first, clip[:SAMPLE_RATE])
    patient = replace(LIVE, silence_ms=5_000)
    first.configure(patient)
    second = Endpointer.restore(vad, patient, first.snapshot())
    rest = np.concatenate((clip[SAMPLE_RATE:], silence(1), clip, silence(1)))
    assert marks_of(first, rest) == marks_of(second, rest)
    assert len(utterances(marks_of(second, silence(5)))) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", 1.5),
        ("threshold", float("nan")),
        ("threshold", "0.5"),
        ("silence_ms", 0),
        ("silence_ms", 500.5),
        ("silence_ms", True),
        ("min_speech_ms", -1),
        ("preroll_ms", 10**9),
        ("max_utterance_ms", 60_000),
        ("min_utterance_ms", None),
        ("packing_silence_ms", 1),
    ],
)
def test_an_option_out_of_range_is_named(name: str, value: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        replace(LIVE, **{name: value})
    assert refused.value.field == f"endpointing.{name}"


def test_utterances_cannot_be_asked_to_be_longer_than_they_may_be() -> None:
    with pytest.raises(BadRequest) as refused:
        EndpointerOptions(min_utterance_ms=10_000, max_utterance_ms=8_000)
    assert refused.value.field == "endpointing.min_utterance_ms"


def test_a_pause_announces_exactly_the_endpoint_it_may_become(vad: SileroVad, recording: Recording) -> None:
    clip = recording("human-en-conf-invalid")
    marks = marks_of(Endpointer(vad, LIVE), np.concatenate((clip, silence(1))))
    *_, pause, endpoint = marks
    assert isinstance(pause, Pause)
    assert isinstance(endpoint, Endpoint)
    assert (pause.utterance, pause.start, pause.end, pause.speech_end) == (
        endpoint.utterance,
        endpoint.start,
        endpoint.end,
        endpoint.speech_end,
    )
