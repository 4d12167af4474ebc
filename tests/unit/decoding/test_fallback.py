import pytest

from service.decoding.fallback import attempt, failed
from service.decoding.windows import BUCKETS

LADDER = (0.0, 0.4, 0.8)


def test_first_attempt_uses_the_utterances_own_window():
    assert [attempt(LADDER, 5, 0, bucket).window for bucket in BUCKETS] == list(BUCKETS)


def test_second_attempt_widens_the_window():
    again = attempt(LADDER, 5, 1, BUCKETS[0])
    assert again.window == BUCKETS[2]
    assert again.no_repeat_ngram_size == 0


def test_an_attempt_is_never_the_same_as_the_one_before():
    for bucket in BUCKETS:
        assert attempt((0.0, 0.0, 0.0), 5, 1, bucket) != attempt((0.0, 0.0, 0.0), 5, 0, bucket)


def test_attempts_answer_to_the_temperatures_they_stand_for():
    assert [attempt(LADDER, 5, number, BUCKETS[1]).temperature for number in range(3)] == [0.0, 0.4, 0.8]


def test_last_attempt_forbids_repetition():
    assert attempt(LADDER, 1, 2, BUCKETS[0]).no_repeat_ngram_size == 3


@pytest.mark.parametrize(
    ("logprob", "ratio", "looped", "expected"),
    [(-0.2, 1.1, False, False), (-0.2, 1.1, True, True), (-0.2, 2.5, False, True), (-1.1, 1.1, False, True)],
)
def test_a_hypothesis_fails_when_it_loops_compresses_or_is_unlikely(logprob, ratio, looped, expected):
    assert failed(logprob, ratio, looped=looped) is expected
