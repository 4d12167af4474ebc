"""What is wrong with a sentence: form, language, likeness."""

import pytest

from models.expand.checks import Checker, Limits
from models.expand.language import is_in
from models.expand.phrases import PhraseMatcher, holds
from models.expand.similarity import Neighbours
from service.errors import BadRequest

SEED = "She came in at noon to look at the Reverso, and she left with two scarves."


def problem(text: str, keyword: str = "Goyard", language: str = "en", limits: Limits | None = None) -> str | None:
    matcher = PhraseMatcher(["Goyard", "Reverso", "SmartHub 2", "IWC Portofino", "apixaban"])
    return Checker(limits or Limits(), language, matcher, [SEED]).problem(text, keyword)


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("The trunk from Goyard is ready, and Mr Szymborski will collect it.", "Goyard"),
        ("Is the Goyard on hold for her or not?", "Goyard"),
        ("Please put the SmartHub 2 behind the television.", "SmartHub 2"),
        ("apixaban should be taken with a glass of water.", "apixaban"),
        ("She said that that Goyard is hers.", "Goyard"),
        ("The IWC Portofino is not for sale any more.", "IWC Portofino"),
    ],
)
def test_a_proper_sentence_passes(text: str, keyword: str) -> None:
    assert problem(text, keyword) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The trunk from goyard is ready for her.", "the keyword is not in it as written"),
        ("The Goyards of this world are all on holiday.", "the keyword is not in it as written"),
        ("The Goyard is 4 weeks late and she is upset.", "has digits"),
        ("The **Goyard** trunk is ready for her.", "has markup or other junk"),
        ('He said "the Goyard is mine" and left.', "has markup or other junk"),
        ("The Goyard is ready (or so they say).", "has markup or other junk"),
        ("The Goyard is ready 🙂 for her today.", "has markup or other junk"),
        ("The Goyard is REALLY late and she is upset.", "has markup or other junk"),
        ("The Goyard is ready at www.example.com for her.", "has markup or other junk"),
        ("The Goyard is ready for her", "does not end like a sentence"),
        ("the Goyard is ready for her.", "does not begin like a sentence"),
        ("The Goyard is is ready for her.", "repeats a word"),
        ("The Goyard is here.", "too short"),
        ("The Goyard " + "is late and he is sad and she " * 6 + "is late.", "too long"),
        ("Le sac de Goyard est prêt pour elle dans le magasin.", "in another language"),
        ("Die Tasche von Goyard ist für sie nicht mehr da.", "in another language"),
        ("客人想看一下 Goyard 的大衣。", "in another language"),
        ("She came in at noon to look at the Goyard, and she left with two scarves.", "nearly a seed"),
    ],
)
def test_a_fault_is_named(text: str, reason: str) -> None:
    assert problem(text) == reason


def test_a_new_sentence_must_differ_from_those_that_passed_before() -> None:
    checker = Checker(Limits(), "en", PhraseMatcher(["Goyard", "Delvaux"]), [], kept=["The Goyard is late once more."])
    assert checker.problem("The Delvaux is late once more.", "Delvaux") == "nearly another new one"
    assert checker.problem("He asked why Goyard never answers.", "Goyard") is None
    assert checker.problem("She asked why Goyard never answers.", "Goyard") == "nearly another new one"


def test_likeness_is_the_share_of_common_words_in_order() -> None:
    neighbours = Neighbours(["One two three four five."])
    assert neighbours.nearest("one, two, three, four, FIVE", at_least=1.0) == ("One two three four five.", 1.0)
    found = neighbours.nearest("One two three six seven.", at_least=0.5)
    assert found is not None
    assert found[1] == pytest.approx(0.6)
    assert neighbours.nearest("Five four three two one.", at_least=0.3) is None


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("客人想看一下大衣，颜色最好是米色。", "zh", True),
        ("The client wants a coat in beige.", "zh", False),
        ("Клиент хочет посмотреть пальто.", "ru", True),
        ("The client wants a coat in beige.", "ru", False),
        ("La cliente voudrait voir le manteau avec sa fille.", "fr", True),
        ("La cliente quiere ver el abrigo con su hija.", "fr", False),
        ("La cliente vorrebbe vedere il cappotto con sua figlia.", "it", True),
        ("Klienten vil gerne se en frakke.", "da", True),
        ("Call me.", "en", True),
    ],
)
def test_languages_are_told_by_script_and_common_words(text: str, language: str, expected: bool) -> None:
    assert is_in(text, language) is expected


@pytest.mark.parametrize(
    ("text", "phrase", "expected"),
    [
        ("She wants the Reverso.", "Reverso", True),
        ("She wants the Reverso's strap.", "Reverso", True),
        ("She wants two Reversos.", "Reverso", False),
        ("他问Reverso的表带。", "Reverso", True),
        ("王女士下个星期过来。", "王女士", True),
        ("It is C++ (really).", "C++", True),
    ],
)
def test_a_phrase_counts_as_a_word_of_its_own_only(text: str, phrase: str, expected: bool) -> None:
    assert holds(text, phrase) is expected
    assert (PhraseMatcher([phrase]).phrases_in(text) == (phrase,)) is expected


def test_the_longest_phrase_is_found_and_none_inside_it() -> None:
    matcher = PhraseMatcher(["Pictet", "Pictet Water", "Water"])
    assert matcher.phrases_in("Pictet Water is not Pictet.") == ("Pictet Water", "Pictet")


@pytest.mark.parametrize("bad", [{"shortest": 9, "longest": 3}, {"shortest": 0}, {"likeness": 0.0}, {"likeness": 2.0}])
def test_limits_that_nothing_can_meet_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(BadRequest):
        Limits(**bad)  # type: ignore[arg-type]
