"""Which model is loaded next, and which goes for it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from service.worker.residency import GRACE_S, Candidate, Plan, plan

NOW = 1_000.0


def model(name: str, **told: object) -> Candidate:
    usual = Candidate(name, 100, loaded=False, wanted=True, anew=False, used=False, used_at=NOW - 60, needed_at=NOW)
    return replace(usual, **told)  # type: ignore[arg-type]


def planned(*models: Candidate, limit: int = 0) -> Plan:
    return plan(models, limit_bytes=limit, now=NOW)


def test_what_is_wanted_is_loaded_beside_what_runs() -> None:
    assert planned(model("a", loaded=True), model("b")) == Plan(load="b")


def test_an_unwanted_model_goes_only_when_it_was_not_used_for_a_while() -> None:
    unwanted = model("a", loaded=True, wanted=False, needed_at=NOW - GRACE_S)
    assert planned(unwanted) == Plan(drop=("a",))
    assert planned(replace(unwanted, needed_at=NOW - GRACE_S / 2)) == Plan()
    assert planned(replace(unwanted, used=True)) == Plan()


def test_an_unwanted_model_that_is_still_used_comes_back() -> None:
    """After its worker was killed while streams finish on it."""
    assert planned(model("a", wanted=False, used=True)) == Plan(load="a")


def test_without_a_limit_nothing_has_to_go() -> None:
    assert planned(*(model(str(n), loaded=True) for n in range(50)), model("new", anew=True)) == Plan(load="new")


def test_the_least_recently_used_makes_room_for_what_is_asked_for() -> None:
    old, older = model("a", loaded=True, used_at=NOW - 10), model("b", loaded=True, used_at=NOW - 90)
    assert planned(old, older, model("new", anew=True), limit=250) == Plan(drop=("b",), load="new")
    assert planned(old, older, model("new", used=True), limit=250) == Plan(drop=("b",), load="new")


def test_as_many_go_as_must() -> None:
    loaded = [model(name, loaded=True, used_at=NOW - age) for name, age in (("a", 1), ("b", 3), ("c", 2))]
    assert planned(*loaded, model("new", bytes=200, anew=True), limit=300) == Plan(drop=("b", "c"), load="new")


def test_a_model_in_use_never_makes_room() -> None:
    busy = model("a", loaded=True, used=True, used_at=NOW - 90)
    assert planned(busy, model("new", anew=True), limit=150) == Plan(no_room=frozenset({"new"}))


def test_nothing_goes_for_what_does_not_fit_anyway() -> None:
    busy, idle = model("a", loaded=True, used=True), model("b", loaded=True)
    assert planned(busy, idle, model("new", bytes=250, used=True), limit=300) == Plan(no_room=frozenset({"new"}))


def test_two_idle_models_do_not_take_turns() -> None:
    assert planned(model("a", loaded=True), model("b"), limit=150) == Plan()


def test_what_waited_for_room_is_loaded_when_there_is_some() -> None:
    assert planned(model("a", loaded=True), model("b"), limit=200) == Plan(load="b")


def test_what_is_used_comes_first() -> None:
    assert planned(model("a"), model("b", anew=True), model("c", used=True)).load == "c"
    assert planned(model("a"), model("b", anew=True)).load == "b"


candidates = st.lists(
    st.builds(
        Candidate,
        id=st.text("abcdefgh", min_size=1, max_size=3),
        bytes=st.integers(0, 300),
        loaded=st.booleans(),
        wanted=st.booleans(),
        anew=st.booleans(),
        used=st.booleans(),
        used_at=st.floats(0, NOW),
        needed_at=st.floats(0, NOW),
    ),
    max_size=8,
    unique_by=lambda candidate: candidate.id,
)


@given(candidates, st.integers(1, 1_000))
def test_no_plan_touches_what_is_used_or_brings_more_than_fits(models: list[Candidate], limit: int) -> None:
    decided = plan(models, limit_bytes=limit, now=NOW)
    by_id = {each.id: each for each in models}
    assert all(by_id[name].loaded and not by_id[name].used for name in decided.drop)
    if decided.load:
        stay = [each for each in models if each.loaded and each.id not in decided.drop]
        assert sum(each.bytes for each in stay) + by_id[decided.load].bytes <= limit
    assert not decided.no_room & set(decided.drop)
