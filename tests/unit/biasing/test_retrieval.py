"""What is found on a list for the words of a hypothesis. Scores are compared, never asserted."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.biasing.compiled import Compiled, compiled
from service.biasing.entries import MAX_ENTRIES, Entry
from service.biasing.retrieval import STRENGTH_NATS, Candidate, best_place, retrieve
from service.biasing.selection import prompted
from tests.unit.biasing.hearing import hearing


def listed(*entries: str | Entry, language: str = "en") -> Compiled:
    return compiled([Entry(entry) if isinstance(entry, str) else entry for entry in entries], language)


def found(text: str, *entries: str | Entry, language: str = "en", strength: float = 1.0) -> list[Candidate]:
    return retrieve([hearing(text)], [listed(*entries, language=language)], language=language, strength=strength)


def phrases(candidates: list[Candidate]) -> list[str]:
    return [candidate.entry.phrase for candidate in candidates]


@pytest.mark.parametrize(
    ("text", "phrase", "heard", "language"),
    [
        ("she wore Brunello Coochinelly shoes", "Brunello Cucinelli", "Brunello Coochinelly", "en"),
        ("an Odemar Piaget watch", "Audemars Piguet", "Odemar Piaget", "en"),
        ("wir kauften Lui Witton Taschen", "Louis Vuitton", "Lui Witton", "de"),
        ("on va chez Diorre demain", "Dior", "Diorre", "fr"),
        ("quiero un bolso de Loeve", "Loewe", "Loeve", "es"),
        ("сумка Юля Ким сегодня", "Юлия Ким", "Юля Ким", "ru"),
        ("сумка Юлия Ким сегодня", "Yulia Kim", "Юлия Ким", "ru"),
        ("я люблю Лоро Пьяна", "Loro Piana", "Лоро Пьяна", "ru"),
        ("我 见 李 纳 了", "李娜", "李 纳", "zh"),
        ("我 买 Gutchi 包", "Gucci", "Gutchi", "zh"),
        ("محمد", "محمد", "محمد", "ar"),
        ("go กรุงเทพ", "กรุงเทพ", "กรุงเทพ", "th"),
        ("ninakwenda Dara Salam kesho", "Dar es Salaam", "Dara Salam", "sw"),
        ("a Nine Hundred Forty Tudor", "940 Tudor", "Nine Hundred Forty Tudor", "en"),
        ("an Ell Vee bag", "LV", "Ell Vee", "en"),
        ("some Three Em tape", "3M", "Three Em", "en"),
    ],
)
def test_a_phrase_that_sounds_like_the_words_is_found_at_its_place(
    text: str, phrase: str, heard: str, language: str
) -> None:
    best = found(text, phrase, "Quorthwick", "Zibbledonk", language=language)[0]
    assert (best.entry.phrase, best.heard) == (phrase, heard)
    words = text.split()
    assert " ".join(words[best.first : best.last]) == heard


def test_what_sounds_like_nothing_on_the_list_finds_nothing() -> None:
    assert found("she bought three red apples yesterday", "Quorthwick", "Zibbledonk") == []


def test_how_people_say_it_counts_as_the_phrase() -> None:
    said = Entry("Hublot", sounds_like=("yoo bloat",))
    assert found("my Yoo Bloat watch", said)[0].heard == "Yoo Bloat"
    assert found("my Yoo Bloat watch", said)[0].score > found("my Yoo Bloat watch", "Hublot")[0].score


def test_the_nearer_phrase_comes_first() -> None:
    assert phrases(found("Maria Rosi", "Mario Russo", "Maria Rossi"))[0] == "Maria Rossi"


def test_each_phrase_is_named_once_at_a_place_and_again_at_another() -> None:
    candidates = found("Kuchinelli said that Coochinelly said so", "Cucinelli")
    assert [candidate.heard for candidate in candidates] == ["Kuchinelli", "Coochinelly"]


def test_words_that_are_heard_twice_are_two_places() -> None:
    candidates = found("Coochinelly said that Coochinelly said so", "Cucinelli")
    assert sorted(candidate.first for candidate in candidates) == [0, 3]


def test_the_first_list_that_has_a_phrase_has_the_say() -> None:
    strong, weak = listed(Entry("Loewe", boost=2.0)), listed(Entry("Loewe", boost=0.5))
    heard = [hearing("a Loeve bag")]
    assert {candidate.entry.boost for candidate in retrieve(heard, [strong, weak], language="en")} == {2.0}
    assert {candidate.entry.boost for candidate in retrieve(heard, [weak, strong], language="en")} == {0.5}


def test_how_a_later_list_says_a_phrase_does_not_count() -> None:
    plain, aliased = listed("Hublot"), listed(Entry("Hublot", sounds_like=("zibble donk",)))
    heard = [hearing("a Zibble Donk")]
    assert retrieve(heard, [aliased, plain], language="en")[0].heard == "Zibble Donk"
    assert "Zibble Donk" not in {candidate.heard for candidate in retrieve(heard, [plain, aliased], language="en")}


def test_strength_and_boost_raise_a_score() -> None:
    text = "a Loeve bag"
    by_strength = [found(text, "Loewe", strength=strength)[0].score for strength in (0.5, 1.0, 1.5, 2.0)]
    assert by_strength == sorted(set(by_strength))
    by_boost = [found(text, Entry("Loewe", boost=boost))[0].score for boost in (0.5, 1.0, 1.5, 2.0)]
    assert by_boost == sorted(set(by_boost))


def test_a_score_falls_without_end_as_strength_goes_to_0() -> None:
    text = "we saw the Brunello Coochinelly collection"
    scores = [found(text, "Brunello Cucinelli", strength=strength)[0].score for strength in (1.0, 0.5, 0.25, 0.125)]
    steps = [more - less for more, less in pairwise(scores)]
    assert steps == pytest.approx([STRENGTH_NATS] * 3)
    assert found(text, "Brunello Cucinelli", strength=0.001) == []
    assert found(text, "Brunello Cucinelli", strength=0.0) == []


def test_a_phrase_whose_boost_is_0_is_switched_off() -> None:
    off = Entry("Cucinelli", boost=0.0, sounds_like=("coochinelly",))
    assert found("a Coochinelly coat", off, strength=2.0) == []
    assert phrases(found("a Coochinelly coat", off, "Cuccinello", strength=2.0)) == ["Cuccinello"]


def test_a_longer_list_needs_more() -> None:
    short = found("a Loeve bag", "Loewe")[0]
    long = next(
        candidate
        for candidate in found("a Loeve bag", "Loewe", *(f"Quorthwick {number}" for number in range(2000)))
        if candidate.entry.phrase == "Loewe"
    )
    assert long.score < short.score


def test_long_phrases_do_not_crowd_out_a_short_one() -> None:
    long = [f"Quorthwick Zibbledonk Splendid Company of Brunswick Number {number}" for number in range(1000)]
    assert found("a Loeve bag", "Loewe", *long)[0].entry.phrase == "Loewe"


def test_doubted_words_are_likelier_misheard_than_sure_ones() -> None:
    brands = [listed("Loewe")]
    [word] = hearing("Loeve")
    [more] = retrieve([[word]], brands, language="en")
    [less] = retrieve([[replace(word, surprisal=1.0)]], brands, language="en")
    assert more.score > less.score


def test_words_heard_without_doubt_are_compared_only_where_they_are_a_phrase() -> None:
    assert retrieve([hearing("loeve")], [listed("Loewe")], language="en") == []
    assert [c.heard for c in retrieve([hearing("loewe")], [listed("Loewe")], language="en")] == ["loewe"]


def test_common_words_that_the_recogniser_is_sure_of_prompt_nothing() -> None:
    sure = "and then we did see her like the others did"
    names = ["Ann", "Dee", "Cee", "Wee", "Lyke", "Dhe", "Hur", "Dan", "Den", "Ozzer"]
    assert prompted(found(sure, *names, *(f"Quorthwick {number}" for number in range(1000)))) == []


def test_what_an_alternative_heard_counts_too_but_less() -> None:
    brands = [listed("Cucinelli")]
    best, alternative = hearing("a coat"), hearing("Coochinelly", measured=False)
    [candidate, *_] = retrieve([best, alternative], brands, language="en")
    assert (candidate.hypothesis, candidate.heard) == (1, "Coochinelly")
    [at_first, *_] = retrieve([alternative], brands, language="en")
    assert candidate.score < at_first.score


@pytest.mark.parametrize(
    ("best", "alternative", "heard", "place"),
    [
        ("a low eve bag", "a Loeve bag", "Loeve", (1, 3)),
        ("a brunette coach in Elly coat", "a Coochinelly coat", "Coochinelly", (1, 5)),
        ("one coat", "one Coochinelly coat", "Coochinelly", (1, 1)),
        ("buy a red coat", "buy Coochinelly", "Coochinelly", (1, 4)),
    ],
    ids=["two words", "four words", "nothing", "to the end"],
)
def test_what_an_alternative_heard_has_its_place_in_the_best_hypothesis(
    best: str, alternative: str, heard: str, place: tuple[int, int]
) -> None:
    brands = [listed("Loewe", "Cucinelli")]
    candidates = retrieve([hearing(best), hearing(alternative, measured=False)], brands, language="en")
    assert place in {
        candidate.place for candidate in candidates if (candidate.hypothesis, candidate.heard) == (1, heard)
    }


def test_the_place_in_the_best_hypothesis_is_where_the_words_stand() -> None:
    for candidate in found("Kuchinelli said that Coochinelly said so", "Cucinelli"):
        assert candidate.place == (candidate.first, candidate.last)


def test_the_best_place_of_a_phrase_is_told_however_bad_it_is() -> None:
    heard = [hearing("a Coochinelly coat in red")]
    [candidate] = retrieve(heard, [listed("Cucinelli")], language="en")
    assert best_place(heard, listed("Cucinelli"), language="en", size=1) == candidate
    assert retrieve(heard, [listed("Zibbledonk")], language="en") == []
    hopeless = best_place(heard, listed("Zibbledonk"), language="en", size=1)
    assert hopeless is not None
    assert hopeless.score < candidate.score
    assert best_place(heard, listed("🍷"), language="en", size=1) is None
    assert best_place([[]], listed("Cucinelli"), language="en", size=1) is None


@pytest.mark.parametrize("lists", [[], [listed()], [listed("🍷")]])
def test_empty_lists_find_nothing(lists: list[Compiled]) -> None:
    assert retrieve([hearing("a Loeve bag")], lists, language="en") == []


@pytest.mark.parametrize("text", ["", "🍷 —", "…"])
def test_words_without_sound_find_nothing(text: str) -> None:
    assert found(text, "Loewe") == []
    assert retrieve([], [listed("Loewe")], language="en") == []


def test_in_ten_thousand_entries_the_one_that_was_said_is_found() -> None:
    syllables = ["ka", "mo", "ri", "tel", "dan", "su", "vo", "lin", "pe", "gar"]
    made = [f"{a}{b} {c}{d}".title() for a in syllables for b in syllables for c in syllables for d in syllables]
    assert len(made) == MAX_ENTRIES
    text = "please show Telmo Dansu the new watch and then call Vogar Linpe about it"
    said = found(text, *made)
    at = {candidate.heard: candidate for candidate in reversed(said)}
    assert at["Vogar Linpe"].entry.phrase == "Vogar Linpe"
    assert "Telmo Dansu" in phrases(said)


@settings(max_examples=50, deadline=None)
@given(
    st.text(max_size=60), st.lists(st.text(min_size=1, max_size=20), max_size=5), st.sampled_from(["en", "zh", "xx"])
)
def test_whatever_is_heard_or_listed_there_is_an_answer_in_order(text: str, names: list[str], language: str) -> None:
    candidates = found(text, *dict.fromkeys(names), language=language)
    words = text.split()
    assert [c.score for c in candidates] == sorted((c.score for c in candidates), reverse=True)
    assert all(0 <= c.first < c.last <= len(words) for c in candidates)
    assert all(c.distance >= 0 for c in candidates)
