"""When partials are asked for, and how old the audio behind an event is."""

import pytest

from service.gateway.cadence import LONGEST_INTERVAL_S, ArrivalClock, PartialCadence, samples_to_hold

ENOUGH = 16_000


def test_a_partial_needs_some_speech() -> None:
    cadence = PartialCadence(0.5)
    assert not cadence.due(0.0, 1_000)
    assert cadence.due(0.0, ENOUGH)


def test_an_utterance_without_a_caption_is_asked_for_eagerly() -> None:
    cadence = PartialCadence(0.5)
    cadence.asked(10.0)
    assert cadence.due(10.3, ENOUGH)
    cadence.first_of("a")
    assert not cadence.due(10.3, ENOUGH)
    cadence.started()
    assert cadence.due(10.3, ENOUGH)


def test_drafts_are_made_only_while_turns_come_back_fast() -> None:
    cadence = PartialCadence(0.5)
    assert cadence.is_fast
    cadence.asked(10.0)
    cadence.answered(10.8)
    assert not cadence.is_fast


def test_partials_keep_their_least_interval_while_turns_come_back_fast() -> None:
    cadence = PartialCadence(0.5)
    cadence.first_of("a")
    cadence.asked(10.0)
    cadence.answered(10.1)
    assert not cadence.due(10.4, ENOUGH)
    assert cadence.due(10.5, ENOUGH)


def test_partials_come_less_often_when_turns_come_back_slowly_but_never_too_seldom() -> None:
    cadence = PartialCadence(0.5)
    cadence.first_of("a")
    cadence.asked(10.0)
    cadence.answered(10.6)
    assert not cadence.due(10.65, ENOUGH)
    assert cadence.due(10.67, ENOUGH)
    cadence.asked(20.0)
    cadence.answered(29.0)
    assert cadence.due(20.01 + LONGEST_INTERVAL_S, ENOUGH)


def test_the_first_partial_of_an_utterance_is_known() -> None:
    cadence = PartialCadence(0.5)
    assert [cadence.first_of(u) for u in ("a", "a", "b", "b")] == [True, False, True, False]


def test_the_age_of_an_event_counts_from_the_arrival_of_its_audio() -> None:
    clock = ArrivalClock()
    for i in range(1, 11):
        clock.note(i * 1_600, i * 0.1)
    assert clock.age_s(0.5, 2.0) == 1.5
    assert clock.age_s(99.0, 2.0) is None


def test_after_a_refusal_a_partial_is_asked_for_a_little_later() -> None:
    cadence = PartialCadence(0.5)
    cadence.refused(10.0)
    assert not cadence.due(10.2, ENOUGH)
    assert cadence.due(10.25, ENOUGH)
    cadence.first_of("a")
    cadence.asked(20.0)
    cadence.refused(20.5)
    assert not cadence.due(20.7, ENOUGH)
    assert cadence.due(20.75, ENOUGH)


@pytest.mark.parametrize(("streams", "milliseconds"), [(1, 100), (50, 100), (250, 500), (500, 1_000), (5_000, 1_000)])
def test_the_more_streams_a_gateway_has_the_more_audio_each_holds(streams: int, milliseconds: int) -> None:
    assert samples_to_hold(streams) == milliseconds * 16
