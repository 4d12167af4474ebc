"""Intervals and tests: by hand, on data whose truth is known, and what always holds."""

import numpy as np
import pytest

from models.evaluate.metrics import Floats
from models.evaluate.resampling import Resampling, blocked, differences, intervals
from service.errors import BadRequest

FAST = Resampling(resamples=400)


def blocks(errors: list[float] | Floats, words: float = 10) -> Floats:
    """One metric: errors of utterances of so many words."""
    return np.array([[[each, words] for each in errors]], dtype=np.float64)


def test_utterances_of_a_speaker_are_added_up() -> None:
    table = blocks([1, 2, 4, 8])
    assert blocked(table, ["anna", "ben", "anna", "cid"]).tolist() == [[[5, 20], [2, 10], [8, 10]]]


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    table = blocks(np.random.default_rng(3).integers(0, 5, 40).astype(float))
    same = [intervals(table, Resampling(200, seed=7)) for _ in range(2)]
    assert same[0] == same[1]
    assert intervals(table, Resampling(200, seed=8)) != same[0]


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(5)
    covered = 0
    for seed in range(300):
        errors = generator.binomial(10, 0.2, size=60).astype(float)
        [interval] = intervals(blocks(errors), Resampling(300, seed))
        assert interval is not None
        covered += interval.low <= 20 <= interval.high
    assert 0.90 <= covered / 300 <= 0.98


def test_speakers_as_blocks_widen_the_interval_when_their_errors_are_alike() -> None:
    """Ten speakers with one error rate each; forty utterances of each of them tell nothing more."""
    by_speaker = np.repeat(np.random.default_rng(1).integers(0, 10, 10), 40).astype(float)
    labels = np.repeat(np.arange(10), 40).tolist()
    [alone] = intervals(blocks(by_speaker), FAST)
    [together] = intervals(blocked(blocks(by_speaker), labels), FAST)
    assert alone is not None
    assert together is not None
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_there_is_no_interval_of_one_block_or_of_nothing() -> None:
    assert intervals(blocks([3]), FAST) == [None]
    assert intervals(blocks([0, 0], words=0), FAST) == [None]


def test_a_system_against_itself_is_not_told_apart() -> None:
    table = blocks(np.arange(30) % 4)
    [difference] = differences(table, table, FAST)
    assert difference is not None
    assert (difference.points, difference.p_value, difference.probability_lower) == (0, 1, 0)


def test_a_system_that_is_better_everywhere_is_told_apart() -> None:
    before, after = np.full(40, 4.0), np.full(40, 3.0)
    after[::4] -= 1
    [difference] = differences(blocks(before), blocks(after), FAST)
    assert difference is not None
    assert difference.points == pytest.approx(-12.5)
    assert difference.relative == pytest.approx(-0.3125)
    assert difference.p_value == pytest.approx(1 / 401)  # the real exchange only
    assert difference.probability_lower == 1
    assert difference.interval is not None
    assert difference.interval.low < -12.5 < difference.interval.high < 0


def test_pairing_tells_apart_what_intervals_of_each_alone_do_not() -> None:
    """Utterances differ much more from each other than the two systems do."""
    before = np.random.default_rng(2).integers(1, 9, 60).astype(float)
    after = before - 0.5
    [one], [other] = intervals(blocks(before), FAST), intervals(blocks(after), FAST)
    assert one is not None
    assert other is not None
    assert other.high > one.low
    [difference] = differences(blocks(before), blocks(after), FAST)
    assert difference is not None
    assert difference.p_value is not None
    assert difference.p_value < 0.01


def test_p_values_of_equal_systems_are_spread_evenly() -> None:
    """A test at the level of 10 % is wrong about one time in ten."""
    generator = np.random.default_rng(9)
    rejected = 0
    for seed in range(200):
        one, other = generator.binomial(10, 0.3, size=(2, 30)).astype(float)
        [difference] = differences(blocks(one), blocks(other), Resampling(200, seed))
        assert difference is not None
        assert difference.p_value is not None
        rejected += difference.p_value <= 0.1
    assert 0.04 <= rejected / 200 <= 0.17


def test_two_equal_blocks_of_speakers_prove_nothing() -> None:
    """One exchange in two is as large, however many utterances there were."""
    [difference] = differences(blocks([5, 5]), blocks([1, 1]), FAST)
    assert difference is not None
    assert difference.p_value == pytest.approx(0.5, abs=0.1)


def test_a_metric_that_a_system_lacks_has_no_difference() -> None:
    assert differences(blocks([1, 2]), blocks([0, 0], words=0), FAST) == [None]


def test_drawing_in_portions_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    table = blocks(np.arange(50) % 7)
    whole = intervals(table, FAST)
    monkeypatch.setattr("models.evaluate.resampling._DRAWN_AT_ONCE", 700)
    assert intervals(table, FAST) == whole


@pytest.mark.parametrize(("options", "field"), [({"resamples": 0}, "resamples"), ({"confidence": 1.0}, "confidence")])
def test_options_out_of_range_are_named(options: dict[str, float], field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        Resampling(**options)  # type: ignore[arg-type]
    assert caught.value.field == field
