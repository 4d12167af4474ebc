"""Who speaks: the same for the same id, as varied as asked, and nobody who is held out."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.synthesize.casting import Cast, Casting
from models.synthesize.voice import Voice
from service.errors import BadRequest

VOICES = [
    *(Voice("k", name, "en", "en-US", "female") for name in ("af_a", "af_b", "af_c", "af_a+af_b", "af_b+af_c")),
    *(Voice("k", name, "en", "en-GB", "male") for name in ("bm_a", "bm_b", "bm_a+bm_b")),
    *(Voice("k", name, "en", "fr", "female", native=False) for name in ("ff_a", "ff_b")),
    *(Voice("k", name, "fr", "fr", "female") for name in ("ff_a", "ff_b")),
]


def names(cast: Cast, *, count: int = 200, variants: int = 1) -> list[str]:
    return [
        cast.part(f"s{number}", variant, "en").voice.name
        for number in range(count)
        for variant in range(1, variants + 1)
    ]


@given(sentence=st.text(min_size=1), seed=st.integers())
def test_a_part_depends_on_sentence_and_seed_alone(sentence: str, seed: int) -> None:
    one, other = Cast(VOICES, Casting(seed)), Cast(VOICES, Casting(seed))
    other.part("another", 3, "en")
    assert one.part(sentence, 2, "en") == other.part(sentence, 2, "en")


def test_another_seed_gives_other_voices() -> None:
    assert names(Cast(VOICES, Casting(1))) != names(Cast(VOICES, Casting(2)))


def test_variants_of_a_sentence_differ_in_their_voices() -> None:
    cast = Cast(VOICES, Casting(foreign=0, blended=0))
    for number in range(50):
        spoken = {cast.part(f"s{number}", variant, "en").voice.name for variant in range(1, 6)}
        assert len(spoken) == 5


def test_speeds_lie_within_their_bounds() -> None:
    cast = Cast(VOICES, Casting(slowest=0.9, fastest=1.1))
    speeds = [cast.part(f"s{number}", 1, "en").speed for number in range(200)]
    assert 0.9 <= min(speeds) < 0.93
    assert 1.07 < max(speeds) <= 1.1


def test_shares_of_foreigners_and_blends_are_as_asked() -> None:
    spoken = names(Cast(VOICES, Casting(foreign=0.2, blended=0.3)), count=1000)
    kinds = Counter("foreign" if name.startswith("ff") else "blended" if "+" in name else "plain" for name in spoken)
    assert kinds["foreign"] / 1000 == pytest.approx(0.2, abs=0.05)
    assert kinds["blended"] / 1000 == pytest.approx(0.3, abs=0.05)


def test_a_voice_that_is_held_out_speaks_in_no_blend_either() -> None:
    spoken = names(Cast(VOICES, Casting(blended=0.5, exclude=("af_b", "bm_*"))), variants=4)
    assert set(spoken) == {"af_a", "af_c", "ff_a", "ff_b"}


def test_only_those_who_are_named_speak() -> None:
    spoken = names(Cast(VOICES, Casting(blended=0.5, only=("bm_*", "af_a"))), variants=3)
    assert set(spoken) == {"bm_a", "bm_b", "bm_a+bm_b", "af_a"}


@pytest.mark.parametrize("name", ["exclude", "only"])
def test_a_slip_in_a_voices_name_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match="no voice is called 'af_heatr'") as caught:
        Cast(VOICES, Casting(**{name: ("af_heatr",)}))
    assert caught.value.field == name


def test_a_language_that_nobody_speaks_is_named() -> None:
    with pytest.raises(BadRequest, match="'ja'"):
        Cast(VOICES, Casting()).part("s", 1, "ja")


def test_a_voice_without_a_language_speaks_any() -> None:
    assert Cast([Voice("e", "alloy", "")], Casting()).part("s", 1, "ja").voice.name == "alloy"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"foreign": 1.2}, "foreign"),
        ({"blended": -0.1}, "blended"),
        ({"foreign": 0.7, "blended": 0.7}, "foreign"),
        ({"slowest": 1.3, "fastest": 1.1}, "speed"),
        ({"slowest": 0.1}, "speed"),
        ({"fastest": float("nan")}, "speed"),
    ],
)
def test_options_that_cannot_be_are_named(options: dict[str, float], field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        Casting(**options)
    assert caught.value.field == field
