from pathlib import Path

import numpy as np
import pytest

from loadtest.cost_model import Cost, CostModel, fit
from loadtest.gpu.__main__ import page
from loadtest.gpu.batches import best_sizes, noise, sweep
from loadtest.gpu.forced import ForcedDecoder
from loadtest.gpu.shapes import SHAPES, Shape, Tokens, write_model
from service.decoding.utterance import DecodeOptions, Utterance
from service.transcript import SAMPLE_RATE

SMALL = Shape("small", 64, 1, 2, 2, 80, 99)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> ForcedDecoder:
    folder = write_model(SMALL, tmp_path_factory.mktemp("shape") / "model")
    return ForcedDecoder(folder, SMALL, device="cpu", compute_type="int8", slots=1, biased=True)


def test_control_tokens_stand_where_whisper_has_them() -> None:
    assert Tokens.of(SHAPES["large-v2"]) == Tokens(50257, (50258, 50259, 50359, 50363), 50361)
    assert Tokens.of(SHAPES["large-v3-turbo"]) == Tokens(50257, (50258, 50259, 50360, 50364), 50362)


def test_a_model_of_random_weights_answers_every_utterance(decoder: ForcedDecoder) -> None:
    spoken = np.random.default_rng(1).normal(0, 900, 2 * SAMPLE_RATE).astype(np.int16)
    batch = [Utterance(spoken, DecodeOptions(language="en")), Utterance(spoken[:SAMPLE_RATE])]
    result = decoder.decode(batch)
    assert (len(result.hypotheses), result.timings.batch_size, result.timings.window_s) == (2, 2, 10)
    assert result.timings.align_s > 0


def test_a_sweep_measures_every_shape_of_batch(decoder: ForcedDecoder) -> None:
    measured = sweep(decoder, windows_s=[5], sizes=[1, 2], slots=1, rounds=1)
    assert [(one.batch, one.tokens) for one in measured] == [(1, 4), (1, 8), (2, 4), (2, 8)]
    assert set(fit(measured)) == {(5.0, 1), (5.0, 2)}
    assert noise(5).seconds == 2


def test_the_best_batch_is_the_smallest_that_is_nearly_the_fastest() -> None:
    fixed = {1: 0.10, 8: 0.11, 16: 0.20, 32: 0.42}
    costs = CostModel("card", "m", 2, 32, {(5.0, size): Cost(seconds, 0) for size, seconds in fixed.items()})
    assert best_sizes(costs) == {5.0: 16}


def test_the_page_plots_every_shape(tmp_path: Path) -> None:
    measured = [{"window_s": 5.0, "batch": size, "tokens": 8, "seconds": 0.1} for size in (1, 2)]
    steps = [{"streams": 8, "wait_p95_s": 0.1}, {"streams": 16, "wait_p95_s": None}]
    shape = {"measured": measured, "streams": [{"biased": True, "held": 8, "steps": steps}]}
    html = page({"machine": {"name": "a <card>", "slots": 2}, "shapes": {"base": shape}})
    assert "a &lt;card&gt;" in html
    assert html.count("<svg") == 2
    assert "with a bias list: 8 streams held" in html
