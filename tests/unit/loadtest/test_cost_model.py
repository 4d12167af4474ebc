import json
from pathlib import Path

import numpy as np
import pytest

from loadtest.cost_model import Cost, CostModel, Measurement, fit, load
from loadtest.scripted import ScriptedDecoder
from service.decoding.utterance import Utterance
from service.errors import BadRequest
from service.transcript import SAMPLE_RATE

MODEL = CostModel(
    "a card",
    "base",
    slots=2,
    max_batch=4,
    costs={
        (5.0, 1): Cost(0.1, 0.01),
        (5.0, 4): Cost(0.2, 0.02),
        (10.0, 1): Cost(0.2, 0.01),
        (10.0, 4): Cost(0.4, 0.02),
    },
)


@pytest.mark.parametrize(
    ("window_s", "batch", "tokens", "seconds"),
    [
        (5, 1, 0, 0.1),
        (5, 1, 10, 0.2),
        (5, 4, 10, 0.4),
        (5, 2, 0, 0.1 + 0.1 / 3),
        (7.5, 1, 0, 0.15),
        (20, 1, 0, 0.4),
        (5, 7, 0, 0.3),
        (1, 1, 0, 0.02),
    ],
)
def test_costs_are_read_between_and_beyond_what_was_measured(
    window_s: float, batch: int, tokens: int, seconds: float
) -> None:
    assert MODEL.seconds(window_s, batch, tokens) == pytest.approx(seconds)


def test_a_cost_is_never_negative_and_one_measurement_scales_with_the_batch() -> None:
    steep = CostModel("x", "y", 1, 1, {(5.0, 1): Cost(0.1, 0), (30.0, 1): Cost(1.6, 0)})
    assert steep.seconds(0, 1, 0) == 0
    assert steep.seconds(5, 3, 0) == pytest.approx(0.3)


def test_a_fit_finds_the_costs_that_made_the_times() -> None:
    made = [
        Measurement(window, batch, tokens, cost.fixed_s + cost.per_token_s * tokens)
        for (window, batch), cost in MODEL.costs.items()
        for tokens in (4, 8, 16)
    ]
    for shape, cost in fit(made).items():
        assert cost.fixed_s == pytest.approx(MODEL.costs[shape].fixed_s)
        assert cost.per_token_s == pytest.approx(MODEL.costs[shape].per_token_s)


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    path.write_text(json.dumps(MODEL.dump()))
    assert load(path) == MODEL


@pytest.mark.parametrize("text", ["{}", "[]", "no", '{"costs": []}', '{"costs": [{"window_s": 5}]}'])
def test_what_is_no_cost_model_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "costs.json"
    path.write_text(text)
    with pytest.raises(BadRequest, match="no cost model"):
        load(path)


def test_the_scripted_decoder_takes_as_long_as_the_model_says() -> None:
    slept: list[float] = []
    two = [Utterance(np.zeros(seconds * SAMPLE_RATE, np.int16)) for seconds in (1, 2)]
    result = ScriptedDecoder(MODEL, slept.append).decode(two)
    assert slept == [pytest.approx(MODEL.seconds(5, 2, 8))]
    assert (len(result.hypotheses), result.timings.window_s) == (2, 10)
