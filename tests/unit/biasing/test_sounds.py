"""What is said for what is written: numbers, titles, initialisms and other scripts."""

import pytest

from service.biasing.sounds import heard, pronunciations, spelled, words


@pytest.mark.parametrize(
    ("written", "language", "said"),
    [
        ("900", "en", "ninehundred"),
        ("900", "fr", "neufcents"),
        ("007", "en", "zerozeroseven"),
        ("1234567890", "en", "onetwothreefourfivesixseveneightninezero"),
        ("٣", "en", "three"),
        ("Dr", "en", "doctor"),
        ("Dr", "de", "doktor"),
        ("Mme", "fr", "madame"),
        ("Mme", "en", "mme"),
        ("LV", "en", "elvee"),
        ("BMW", "en", "beeemdoubleu"),
        ("NASA", "en", "nasa"),
        ("lv", "en", "lv"),
        ("Hermès", "fr", "hermes"),
        ("Łódź", "en", "lodz"),
        ("O’Neill", "en", "oneill"),
        ("Cucinelli's", "en", "cucinellis"),
    ],
)
def test_a_written_word_becomes_what_is_said(written: str, language: str, said: str) -> None:
    assert spelled(written, language) == said


@pytest.mark.parametrize("phrase", ["²", "½", "ⅷ", "①", "x²", "🍷 ²"])
def test_signs_that_look_like_digits_are_no_numbers_and_no_crash(phrase: str) -> None:
    letters, ways = pronunciations(phrase, "en")
    assert letters == "".join(spelled(word, "en") for word in words(phrase))
    assert bool(letters) == bool(ways)


@pytest.mark.parametrize("nothing", ["🍷", "🍷 🥂", "—…!", "", "   ", "❤️‍🔥"])
def test_what_has_no_letter_has_no_sound(nothing: str) -> None:
    assert pronunciations(nothing, "en") == ("", ())
    assert heard(nothing, "en") == ("", "")


@pytest.mark.parametrize(
    ("foreign", "latin", "language"),
    [
        ("李娜", "Li Na", "zh"),
        ("王", "Wang", "zh"),
        ("Юлия Ким", "Yulia Kim", "ru"),
        ("Μαρία", "Maria", "el"),
        ("田中", "Tian Zhong", "zh"),
    ],
)
def test_other_scripts_sound_like_their_romanisation(foreign: str, latin: str, language: str) -> None:
    assert set(pronunciations(foreign, language)[1]) & set(pronunciations(latin, language)[1])


@pytest.mark.parametrize(
    ("word", "language"), [("محمد", "ar"), ("กรุงเทพ", "th"), ("서울", "ko"), ("ऋषि", "hi"), ("תל", "he")]
)
def test_scripts_without_rules_still_have_a_sound_that_is_heard_again(word: str, language: str) -> None:
    _, ways = pronunciations(word, language)
    assert heard(word, language)[1] in ways


def test_each_ideograph_is_a_word_and_latin_words_inside_chinese_are_not_pinyin() -> None:
    assert words("我买Gucci包") == ["我", "买", "Gucci", "包"]
    assert heard("Gucci", "zh")[1] == heard("Gucci", "en")[1]


@pytest.mark.parametrize("language", ["en", "fr", "zh", "sw", "xx", "yue", "jw"])
def test_every_language_has_a_way_to_say_a_name(language: str) -> None:
    letters, ways = pronunciations("Audemars Piguet", language)
    assert letters == "audemarspiguet"
    assert ways


def test_a_name_may_be_read_as_foreigners_and_as_compatriots_read_it() -> None:
    _, ways = pronunciations("Brunello Cucinelli", "en")
    assert {heard("Brunello Cucinelli", "en")[1], heard("Brunello Cuchinelli", "en")[1]} <= set(ways)


def test_all_words_of_a_phrase_are_read_in_the_same_way() -> None:
    """Mixed readings would be many, and nobody says them."""
    _, ways = pronunciations("Giorgio Giorgio", "en")
    assert all(way[: len(way) // 2] == way[len(way) // 2 :] for way in ways)


def test_where_a_phrase_comes_from_adds_a_reading() -> None:
    assert heard("Xavi", "es")[1] in pronunciations("Xavi", "en", "es")[1]
