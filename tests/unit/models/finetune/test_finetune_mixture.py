"""The order of training, windows and masks: functions of the seed."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.finetune.mixture import batches, draws
from models.finetune.recipe import SpecAugment, Windows
from models.finetune.spec_augment import mask
from models.finetune.windows import draw_window, windows_for
from service.decoding.windows import MAX_SAMPLES, window_for

SIZES, WEIGHTS = (3, 50), (1.0, 3.0)


def test_manifests_are_drawn_from_by_weight_and_not_by_size() -> None:
    taken = Counter(draw.source for draw in islice(draws(SIZES, WEIGHTS, 1), 4_000))
    assert taken[1] / taken[0] == pytest.approx(3, rel=0.1)


def test_each_clip_comes_once_before_one_comes_again() -> None:
    indices = [draw.index for draw in islice(draws(SIZES, WEIGHTS, 1), 600) if draw.source == 1]
    for start in range(0, len(indices) - 50, 50):
        assert sorted(indices[start : start + 50]) == list(range(50))
    assert indices[:50] != indices[50:100]


def test_the_same_seed_draws_the_same_and_another_another() -> None:
    first, again, other = (list(islice(draws(SIZES, WEIGHTS, seed), 100)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_windows_masks_and_prompts_are_drawn_apart() -> None:
    draw = next(draws(SIZES, WEIGHTS, 1))
    seeds = {draw.prompt_seed(1), draw.prompt_seed(2), draw.sound_seed(1, "masks", None)}
    seeds |= {draw.sound_seed(1, "window", None), draw.sound_seed(2, "masks", None)}
    assert len(seeds) == 5


@pytest.mark.parametrize(("variants", "sounds"), [(None, 8), (1, 1), (3, 3)])
def test_a_clip_sounds_different_each_time_or_in_so_many_ways_as_the_recipe_says(
    variants: int | None, sounds: int
) -> None:
    times = [draw for draw in islice(draws((3,), (1.0,), 1), 24) if draw.index == 2]
    seeds = [draw.sound_seed(1, "masks", variants) for draw in times]
    assert len(times) == 8
    assert len(set(seeds)) == sounds
    assert seeds[:sounds] * (8 // sounds) == seeds[: sounds * (8 // sounds)]


@given(size=st.integers(1, 5), count=st.integers(0, 60))
def test_batches_have_one_window_and_no_clip_is_lost_or_doubled(size: int, count: int) -> None:
    drawn = list(islice(draws(SIZES, WEIGHTS, 1), count))
    made = list(batches(iter(drawn), size, lambda draw: draw.index % 3))
    assert all(len(batch) == size for _, batch in made)
    assert all({draw.index % 3 for draw in batch} == {window} for window, batch in made)
    used = [draw.number for _, batch in made for draw in batch]
    assert len(used) == len(set(used))
    assert count - len(used) <= 3 * (size - 1)


@given(n_samples=st.integers(1, MAX_SAMPLES), seed=st.integers(0, 5))
def test_a_recipe_that_says_nothing_has_the_windows_of_the_service(n_samples: int, seed: int) -> None:
    assert draw_window(n_samples, Windows(), np.random.default_rng(seed)) == window_for(n_samples)


def test_a_wider_share_of_the_clips_gets_any_window_that_holds_them() -> None:
    options = Windows(sizes_s=(3, 5, 30), min_padding_s=0.5, wider=1.0)
    drawn = {draw_window(4 * 16_000, options, np.random.default_rng(seed)) for seed in range(50)}
    assert drawn == {5 * 16_000, 30 * 16_000}


def test_a_clip_that_no_window_pads_enough_gets_the_largest_and_one_that_none_holds_is_refused() -> None:
    assert windows_for(29 * 16_000, Windows()) == (30 * 16_000,)
    with pytest.raises(ValueError, match="fit none"):
        draw_window(31 * 16_000, Windows(), np.random.default_rng(0))


@given(frames=st.integers(1, 300), seed=st.integers(0, 20))
def test_masks_stay_within_their_widths_and_leave_the_spectrogram_as_it_was(frames: int, seed: int) -> None:
    mel = np.random.default_rng(0).normal(size=(80, 300)).astype(np.float32)
    before = mel.copy()
    options = SpecAugment(time_masks=1, time_width_s=0.4, time_share=0.5, mel_masks=1, mel_width=10)
    masked = mask(mel, frames, options, np.random.default_rng(seed))
    assert (mel == before).all()
    changed = masked != mel
    assert changed.all(axis=1).sum() <= 10
    assert changed.all(axis=0).sum() <= min(40, frames // 2)
    assert not changed.all(axis=0)[frames:].any()
    assert np.isfinite(masked).all()
