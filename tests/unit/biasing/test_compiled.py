"""A compiled list: every way a phrase may be said leads back to the phrase."""

from service.biasing.compiled import compiled
from service.biasing.distance import encode
from service.biasing.entries import MAX_ENTRIES, Entry
from service.biasing.sounds import heard

ENTRIES = (Entry("Loewe", sounds_like=("lo way vay", "low eve")), Entry("🍷"), Entry("Юлия Ким"), Entry("3M"))


def test_each_sound_knows_its_phrase() -> None:
    made = compiled(ENTRIES, "en")
    assert made.entries == ENTRIES
    by_phrase: dict[str, set[str]] = {entry.phrase: set() for entry in ENTRIES}
    for sound, owner in zip(made.sounds, made.owner, strict=True):
        by_phrase[ENTRIES[owner].phrase].add(sound)
    assert {heard(spoken, "en")[1] for spoken in ("Loewe", "lo way vay", "low eve")} <= by_phrase["Loewe"]
    assert heard("Юлия Ким", "en")[1] in by_phrase["Юлия Ким"]
    assert by_phrase["🍷"] == set()
    assert made.letters[0] == "loewe"


def test_a_phrase_has_no_sound_twice() -> None:
    made = compiled([Entry("Nasa", sounds_like=("NASA", "nasa"))], "en")
    assert len(made.sounds) == len(set(made.sounds))


def test_arrays_are_those_of_the_sounds() -> None:
    made = compiled(ENTRIES, "fr")
    codes, lengths = encode(made.sounds)
    assert (made.codes == codes).all()
    assert (made.lengths == lengths).all()
    assert len(made.owner) == len(made.masses) == len(made.sounds)


def test_nothing_compiles_to_nothing() -> None:
    for entries in ((), (Entry("🍷"),)):
        made = compiled(entries, "en")
        assert len(made.sounds) == 0
        assert made.codes.shape == (0, 0)


def test_the_longest_list_allowed_stays_under_50_megabytes() -> None:
    entries = [Entry(f"Brunello Cucinelli {number}") for number in range(MAX_ENTRIES)]
    assert compiled(entries, "en").nbytes < 50_000_000
