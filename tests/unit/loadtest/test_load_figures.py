import json

import pytest
from sotto_client import Final

from loadtest.figures import TICK_S, Figures, Tick, breaking_point, merged
from loadtest.histogram import histogram
from loadtest.timings import Arrival, StreamLog, Utterance

SAID = (Utterance(1, 2, "hello there"), Utterance(9, 10, "good bye"))


def stream_log(*delays: float, error: str | None = None, audible: tuple[float, ...] = ()) -> StreamLog:
    finals = [
        Arrival(said.end + delay, Final(n, str(n), said.text, said.start, said.end, "en"))
        for n, (said, delay) in enumerate(zip(SAID, delays, strict=False))
    ]
    return StreamLog(SAID, tuple(finals), 12.0, (0.0, 0.01), error, audible)


def figures_of(*logs: StreamLog) -> Figures:
    figures = Figures()
    for log in logs:
        figures.add_stream(log, started_s=3.0)
    return figures


def test_a_good_run_loses_nothing() -> None:
    found = figures_of(stream_log(0.7, 0.8), stream_log(0.9, 0.9)).summary(breaking_final_ms=2000)
    assert (found["errors"], found["lost_words"], found["wer_percent"], found["utterances"]) == (0, 0, 0, 4)
    assert found["final_p50_ms"] == pytest.approx(800, rel=0.01)
    assert found["final_max_ms"] == pytest.approx(900)
    assert found["backlog_growth_ms"] == pytest.approx(100, abs=20)
    assert found["added_p99_ms"] is None


def test_failed_streams_lose_what_has_no_final() -> None:
    figures = figures_of(stream_log(0.7), stream_log(error="at_capacity"))
    found = figures.summary(breaking_final_ms=2000)
    assert (found["errors"], found["lost_utterances"], found["lost_words"]) == (1, 3, 6)
    assert figures.errors == {"at_capacity": 1}


def test_finals_twice_and_out_of_order_are_counted() -> None:
    log = stream_log(0.7, 0.8)
    again = StreamLog(SAID, (log.arrivals[1], *log.arrivals), 12.0)
    found = figures_of(again).summary(breaking_final_ms=2000)
    assert (found["repeated_finals"], found["disordered_finals"]) == (1, 1)


def test_added_latency_counts_from_the_endpoints_that_could_be_heard() -> None:
    found = figures_of(stream_log(0.7, 0.8, audible=(2.6, 10.6))).summary(breaking_final_ms=2000)
    assert found["added_max_ms"] == pytest.approx(200)
    unlike = figures_of(stream_log(0.7, audible=(2.6, 10.6))).summary(breaking_final_ms=2000)
    assert unlike["added_max_ms"] is None


def test_shards_merge_to_the_figures_of_the_whole() -> None:
    logs = [stream_log(0.1 * n, 0.2 * n, error=None if n % 2 else "gone") for n in range(1, 8)]
    parts = [figures_of(*logs[part::3]) for part in range(3)]
    parts = [Figures.load(json.loads(json.dumps(part.dump()))) for part in parts]
    assert merged(parts).dump() == figures_of(*logs).dump()


def test_the_breaking_point_is_where_finals_first_came_too_late() -> None:
    ticks = {n: Tick(10 * n, histogram([0.3] * 20 if n < 4 else [3.0] * 20)) for n in range(1, 7)}
    assert breaking_point(ticks, limit_s=2.0) == 40
    assert breaking_point(ticks, limit_s=5.0) == 60
    assert breaking_point({}, limit_s=2.0) is None
    assert int(stream_log().duration // TICK_S) == 2
