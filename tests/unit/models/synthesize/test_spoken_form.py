"""Text as it is said, by language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.synthesize.spoken_form import spoken_form


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [
        ("en", "It is €1,250.", "It is one thousand two hundred fifty euros."),
        ("en", "$12.50, please", "twelve dollars fifty, please"),
        ("en", "£1 or $0.05", "one pound or zero dollars five"),
        ("en", "a 20% discount", "a twenty percent discount"),
        ("en", "at 10:30, not 9:05 or 8:00", "at ten thirty, not nine oh five or eight o'clock"),
        ("en", "her 21st birthday in 1998", "her twenty-first birthday in nineteen ninety-eight"),
        ("en", "size 42, 3.5 cm", "size forty-two, three point five cm"),
        ("en", "Smith & Sons, model A320", "Smith and Sons, model A three hundred twenty"),
        ("en", "call 0044205551", "call zero zero four four two zero five five five one"),
        ("fr", "1 250,50 €", "mille deux cent cinquante euros cinquante"),
        ("fr", "20 % de remise", "vingt pour cent de remise"),
        ("es", "cuesta 1.250 €", "cuesta mil doscientos cincuenta euros"),
        ("fr", "à 10:00 ou 15:30", "à dix heures ou quinze heures trente"),
        ("zh", "下午3:15", "下午三点十五分"),
        ("es", "3,5 cm", "tres coma cinco cm"),
        ("it", "costa 100 €", "costa cento euro"),
        ("pt", "21 pessoas", "vinte e um pessoas"),
        ("zh", "价格是1250元", "价格是一千二百五十元"),
        ("zh", "便宜20%", "便宜百分之二十"),
        ("en", "Nothing to spell — not here.", "Nothing to spell — not here."),
        ("xx", "5 things", "5 things"),
    ],
)
def test_numbers_are_said_as_people_say_them(language: str, written: str, said: str) -> None:
    assert spoken_form(written, language) == said


@given(text=st.text(), language=st.sampled_from(["en", "fr", "es", "it", "pt", "zh", "de", "hi"]))
def test_any_text_can_be_said(text: str, language: str) -> None:
    said = spoken_form(text, language)
    if not any(character.isdigit() or character == "&" for character in text):
        assert said == text
    assert not any(character in "0123456789" for character in said) or language == "hi"
