"""Recipes: what they may say, and what those that come with Sotto say."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from models.finetune.recipe import read_recipe
from models.finetune.schedule import learning_rate
from service.decoding.windows import BUCKETS_S
from service.errors import BadRequest
from tests.unit.models.finetune.jobs import RECIPE, write_recipe

RECIPES = sorted((Path(__file__).parents[4] / "models" / "recipes").glob("*.yaml"))


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"lora": {"rnak": 8}}, "lora.rnak: there is no such key"),
        ({"epochs": 3}, "epochs: there is no such key"),
        ({"lora": {"rank": 0}}, "lora.rank"),
        ({"lora": {"targets": ["proj_out"]}}, "lora.targets.0"),
        ({"lora": {"encoder": False, "decoder": False}}, "lora: .*no layer is left"),
        ({"encodings": 2}, "lora.encoder must be false"),
        ({"optimizer": {"learning_rate": float("nan")}}, "optimizer.learning_rate"),
        ({"windows": {"sizes_s": [7, 5]}}, "windows: .*must rise"),
        ({"held_out": {"metric": "wer", "wer_clips": 0}}, "held_out: .*wer_clips"),
        ({"bias_prompts": {"max_phrases": 11}}, "bias_prompts.max_phrases"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_is_no_recipe_is_refused_by_the_name_of_its_key(tmp_path: Path, section: dict, named: str) -> None:
    with pytest.raises(BadRequest, match=named):
        read_recipe(write_recipe(tmp_path / "r.yaml", **section))


@pytest.mark.parametrize("text", ["lora: [", "", "- 1", "a: \x00", "just text"])
def test_what_is_no_yaml_of_a_recipe_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(BadRequest, match=r"r\.yaml"):
        read_recipe(tmp_path / "r.yaml")


def test_a_recipe_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"none\.yaml: No such file"):
        read_recipe(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_of_sotto_are_read_and_write_every_value_out(path: Path) -> None:
    recipe = read_recipe(path)
    written = yaml.safe_load(path.read_text("utf-8"))
    for name, value in recipe.model_dump(mode="json").items():
        assert name in written, name
        if isinstance(value, dict):
            assert value.keys() == written[name].keys(), name


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_of_sotto_train_every_window_of_the_service(path: Path) -> None:
    assert set(BUCKETS_S) <= set(read_recipe(path).windows.sizes_s)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_the_learning_rate_rises_and_then_never_rises_again(tmp_path: Path, schedule: str) -> None:
    changes = {"schedule": schedule, "steps": 20, "warmup_steps": 5, "final_share": 0.1}
    options = read_recipe(write_recipe(tmp_path / "r.yaml", optimizer=changes)).optimizer
    rates = [learning_rate(step, options) for step in range(1, 21)]
    assert rates[:5] == pytest.approx([RECIPE["optimizer"]["learning_rate"] * n / 5 for n in range(1, 6)])
    assert all(later <= earlier for earlier, later in pairwise(rates[4:]))
    assert rates[-1] >= 0.1 * rates[4]
