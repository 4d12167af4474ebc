"""Recipes: what is drawn for a clip, what it is told as, and what cannot be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.synthesize.levels import active_level_db
from models.synthesize.recipe import RECIPES, Recipe, Surroundings, Treatment, draw, read_recipe, treated
from models.synthesize.voice import Float32
from service.errors import BadRequest
from service.transcript import SAMPLE_RATE

TIMES = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
SPEECH: Float32 = np.asarray(0.1 * np.sin(2 * np.pi * 200 * TIMES), dtype=np.float32)
AROUND = Surroundings((SPEECH[::-1].copy(), SPEECH[::2].copy(), SPEECH[::3].copy()), SPEECH[:999])


def drawn(recipe: Recipe, count: int = 400, **there_is: bool) -> list[Treatment]:
    able = {"others": True, "recorded": True} | there_is
    return [draw(recipe, np.random.default_rng(seed), **able) for seed in range(count)]


def test_probabilities_are_kept() -> None:
    treatments = drawn(Recipe(reverb=0.3, noise=0.6, telephone=0.2, clipping=0.1))
    shares = [
        np.mean([value(each) for each in treatments])
        for value in (
            lambda each: each.rt60_s is not None,
            lambda each: each.noise != "",
            lambda each: each.law is not None,
            lambda each: each.clipped_db is not None,
        )
    ]
    assert shares == pytest.approx([0.3, 0.6, 0.2, 0.1], abs=0.07)


def test_values_lie_within_their_ranges() -> None:
    recipe = Recipe(reverb=1, noise=1, rt60_s=(0.2, 0.3), snr_db=(3, 9), level_db=(-30, -25))
    for each in drawn(recipe):
        assert each.rt60_s is not None
        assert each.snr_db is not None
        assert 0.2 <= each.rt60_s <= 0.3
        assert 3 <= each.snr_db <= 9
        assert -30 <= each.level_db <= -25


def test_noises_are_drawn_by_weight_of_those_there_are() -> None:
    recipe = Recipe(noise=1, kinds={"babble": 1, "recorded": 3, "music": 0})
    kinds = [each.noise for each in drawn(recipe)]
    assert set(kinds) == {"babble", "recorded"}
    assert kinds.count("recorded") / len(kinds) == pytest.approx(0.75, abs=0.07)
    assert {each.noise for each in drawn(recipe, recorded=False)} == {"babble"}
    assert {(each.noise, each.snr_db) for each in drawn(recipe, recorded=False, others=False)} == {("", None)}


@pytest.mark.parametrize("noise", ["babble", "stationary", "music", "recorded"])
def test_what_was_done_can_be_heard_and_is_told(noise: str) -> None:
    treatment = Treatment(-25.0, noise, 5.0, 0.4, "alaw", 3.0)
    heard = treated(SPEECH, treatment, AROUND, np.random.default_rng(1))
    again = treated(SPEECH, treatment, AROUND, np.random.default_rng(1))
    assert heard.dtype == np.float32
    assert len(heard) == len(SPEECH)
    assert np.abs(heard).max() <= 1
    assert np.array_equal(heard, again)
    assert not np.allclose(heard, SPEECH, atol=0.01)
    assert treatment.told() == {
        **{"noise": noise, "snr_db": 5.0, "rt60_s": 0.4, "telephone": "alaw", "clipped_db": 3.0, "level_db": -25.0}
    }


def test_a_clean_clip_is_only_brought_to_its_level() -> None:
    treatment = drawn(RECIPES["clean"], 1)[0]
    heard = treated(SPEECH, treatment, Surroundings(), np.random.default_rng(1))
    assert treatment.told() == {"level_db": treatment.level_db}
    assert active_level_db(heard) == pytest.approx(treatment.level_db, abs=0.05)
    assert np.corrcoef(heard, SPEECH)[0, 1] == pytest.approx(1.0)


def test_a_recipe_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("noise = 0.7\nsnr_db = [0, 20]\nkinds = { babble = 2, music = 1 }", "utf-8")
    recipe = read_recipe(str(tmp_path / "shop.toml"))
    assert recipe == Recipe(noise=0.7, snr_db=(0, 20), kinds={"babble": 2, "music": 1})


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("noise = ", "recipe"),
        ("nose = 0.5", "nose"),
        ("noise = 1.5", "noise"),
        ("reverb = true", "reverb"),
        ("clipping = nan", "clipping"),
        ("snr_db = 5", "snr_db"),
        ("snr_db = [20, 5]", "snr_db"),
        ("rt60_s = [0, 1]", "rt60_s"),
        ("rt60_s = ['a', 1]", "rt60_s"),
        ("level_db = [-200, -20]", "level_db"),
        ("kinds = ['babble']", "kinds"),
        ("kinds = { bable = 1 }", "kinds"),
        ("kinds = { babble = -1 }", "kinds"),
    ],
)
def test_what_cannot_be_is_named(text: str, field: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadRequest, match=str(path)) as caught:
        read_recipe(str(path))
    assert caught.value.field == field


@pytest.mark.parametrize("name", ["loud", "/there/is/none.toml"])
def test_a_recipe_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_recipe(name)
    assert caught.value.field == "recipe"


def test_options_of_a_stage_are_plain_values() -> None:
    identity: dict[str, Any] = RECIPES["shop"].identity()
    assert identity["snr_db"] == [5.0, 25.0]
    assert identity["kinds"]["babble"] == 3.0
