"""What counts as the same words. The left side of a case is written as a person would, the right as a model may."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.scoring.normalise import tokens
from service.errors import BadRequest

EQUAL = [
    ("en", "The follow-up, please!", "the follow up please"),
    ("en", "Café Müller", "cafe muller"),
    ("en", "She’s late and won’t wait", "she is late and will not wait"),
    ("en", "we can not, I'm sure they'd say let's", "we cannot i am sure they would say let us"),
    ("en", "Ana's bag", "anas bag"),
    ("en", "seventy one dollars and fifty percent", "$71 and 50%"),
    ("en", "three thousand five hundred pounds", "£3,500"),
    ("en", "two point five euros", "€2.5"),
    ("en", "on the twenty second at eight thirty", "on the 22nd at 8:30"),
    ("en", "eight", "8:00"),
    ("en", "one hundred and ten", "110"),
    ("en", "a hundred and Ana", "a hundred and ana"),
    ("en", "Mister Jones of Saint Ives", "Mr. Jones of St Ives"),
    ("en", "a grey fibre catalogue", "a gray fiber catalog"),
    ("en", "ten milligram", "10 mg"),
    ("en", "order 12345678", "order 12345678"),
    ("fr", "l’été à vingt deux ans", "L'ete a 22 ans"),
    ("fr", "quatre vingt dix", "90"),
    ("it", "dell'acqua", "dell acqua"),
    ("es", "¿Veintiséis años?", "26 anos"),
    ("ru", "Ёлка и йод", "елка и йод"),
    ("zh", "他買了二十三個Loro Piana的包", "他买了23个loro piana的包。"),
    ("zh", "十五", "15"),
    ("zh", "零零七", "零零七"),
    ("zh", "二零二六", "2026"),
    ("de", "Straße 7", "straße 7"),
]


@pytest.mark.parametrize(("language", "one", "other"), EQUAL)
def test_same_words_have_the_same_tokens(language: str, one: str, other: str) -> None:
    assert tokens(one, language) == tokens(other, language)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "hundred and a", ["hundred", "and", "a"]),
        ("en", "1234567", ["1234567"]),
        ("en", "snake_case", ["snake", "case"]),
        ("es", "120 salas", ["120", "salas"]),
        ("ru", "йод", ["йод"]),
        ("zh", "看Rolex表", ["看", "rolex", "表"]),
        ("zh", "编号123456", ["编", "号", "123456"]),
        ("ja", "ばら", ["ば", "ら"]),
        ("en", " … — ", []),
    ],
)
def test_tokens(language: str, text: str, expected: list[str]) -> None:
    assert tokens(text, language) == expected


@pytest.mark.parametrize(
    ("language", "one", "other"), [("en", "it's", "its"), ("en", "thirteen", "thirty"), ("ru", "мой", "мои")]
)
def test_different_words_stay_different(language: str, one: str, other: str) -> None:
    assert tokens(one, language) != tokens(other, language)


@given(st.text(), st.sampled_from(["en", "fr", "es", "it", "ru", "zh", "ja", "de"]))
def test_any_text_has_tokens_without_space_or_punctuation(text: str, language: str) -> None:
    for token in tokens(text, language):
        assert token
        assert not any(c.isspace() or c in "_.,!?'\"-" for c in token)


@given(st.text(), st.sampled_from(["en", "fr", "ru", "zh"]))
def test_case_and_spaces_around_do_not_matter(text: str, language: str) -> None:
    assert tokens(f"  {text}\n", language) == tokens(text, language)


def test_chinese_without_its_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from models.scoring import chinese

    chinese.simplified.cache_clear()
    chinese._converter.cache_clear()
    monkeypatch.setitem(sys.modules, "opencc", None)
    with pytest.raises(BadRequest, match="extra `eval`"):
        tokens("时间", "zh")
