"""Text as it is said: numbers, currencies, percentages, times and a few signs in words.

Only for backends that cannot be trusted with digits. The reference text of a clip stays as it was written; where
there is nothing to spell, the text comes back as it is.
"""

import re
from functools import lru_cache

from unicode_rbnf import FormatPurpose, RbnfEngine

MOST_DIGITS = 7  # longer numbers are codes, said digit by digit
COMMA_LANGUAGES = ("de", "es", "fr", "it", "nl", "pt", "ru")  # where a comma stands before decimals

# one, many
_CURRENCIES = {
    "€": {"en": ("euro", "euros"), "es": ("euro", "euros"), "fr": ("euro", "euros"), "it": ("euro", "euro")}
    | {"pt": ("euro", "euros"), "de": ("Euro", "Euro"), "zh": ("欧元", "欧元")},
    "$": {"en": ("dollar", "dollars"), "es": ("dólar", "dólares"), "fr": ("dollar", "dollars")}
    | {"it": ("dollaro", "dollari"), "pt": ("dólar", "dólares"), "de": ("Dollar", "Dollar"), "zh": ("美元", "美元")},
    "£": {"en": ("pound", "pounds"), "es": ("libra", "libras"), "fr": ("livre", "livres")}
    | {"it": ("sterlina", "sterline"), "pt": ("libra", "libras"), "de": ("Pfund", "Pfund"), "zh": ("英镑", "英镑")},
    "¥": {"en": ("yen", "yen"), "es": ("yen", "yenes"), "fr": ("yen", "yens"), "it": ("yen", "yen")}
    | {"pt": ("iene", "ienes"), "de": ("Yen", "Yen"), "zh": ("元", "元")},
}
_PERCENT = {"en": "{} percent", "es": "{} por ciento", "fr": "{} pour cent", "it": "{} per cento"} | {
    **{"pt": "{} por cento", "de": "{} Prozent", "zh": "百分之{}"}
}
# the full hour, and with minutes
_TIMES = {
    "en": ("{} o'clock", "{} {}"),
    "es": ("{} en punto", "{} y {}"),
    "fr": ("{} heures", "{} heures {}"),
    "it": ("{} in punto", "{} e {}"),
    "pt": ("{} horas", "{} e {}"),
    "de": ("{} Uhr", "{} Uhr {}"),
    "zh": ("{}点", "{}点{}分"),
}
_AND = {"en": "and", "es": "y", "fr": "et", "it": "e", "pt": "e", "de": "und", "zh": "和"}

_NUMBER = r"\d+(?:[.,\u00a0\u202f ’']\d{3}(?!\d))*(?:[.,]\d+)?"
_CURRENCY = re.compile(rf"([€$£¥])\s?({_NUMBER})|({_NUMBER})\s?([€$£¥])")
_PERCENTAGE = re.compile(rf"({_NUMBER})\s?%")
_TIME = re.compile(r"(?<![\d:])([01]?\d|2[0-3]):([0-5]\d)(?![\d:])")
_ENGLISH_ORDINAL = re.compile(r"\b(\d{1,4})(?:st|nd|rd|th)\b")
_YEAR = re.compile(r"\b(1[5-9]\d\d|20\d\d)\b(?![.,]\d)")


def spoken_form(text: str, language: str) -> str:
    """`text` in words; unchanged in a language whose numbers are not known."""
    if _engine(language) is None:
        return text
    text = _CURRENCY.sub(lambda found: _money(found[1] or found[4], found[2] or found[3], language), text)
    if language in _PERCENT:
        text = _PERCENTAGE.sub(lambda found: _PERCENT[language].format(_words(found[1], language)), text)
    if language in _TIMES:
        text = _TIME.sub(lambda found: _time(found[1], found[2], language), text)
    if language == "en":
        text = _ENGLISH_ORDINAL.sub(lambda found: _said(found[1], language, FormatPurpose.ORDINAL), text)
        text = _YEAR.sub(lambda found: _said(found[1], language, FormatPurpose.YEAR), text)
    text = re.sub(_NUMBER, lambda found: _apart(found, _words(found[0], language)), text)
    return re.sub(r"\s&\s", f" {_AND[language]} ", text) if language in _AND else text


def _money(sign: str, number: str, language: str) -> str:
    if language not in _CURRENCIES[sign]:
        return f"{_words(number, language)} {sign}"
    whole, decimals = _split(number, language)
    one, many = _CURRENCIES[sign][language]
    said = f"{_words(whole, language)} {one if int(whole) == 1 else many}"
    if int(decimals or 0):
        said += f" {_words(decimals[:2].ljust(2, '0').lstrip('0'), language)}"
    return said.replace(" ", "") if language == "zh" else said


def _time(hour: str, minute: str, language: str) -> str:
    full, broken = _TIMES[language]
    oh = "oh " if language == "en" and minute.startswith("0") else ""
    said = [_words(str(int(number)), language) for number in (hour, minute)]
    return full.format(said[0]) if minute == "00" else broken.format(said[0], oh + said[1])


def _apart(found: re.Match[str], words: str) -> str:
    """With spaces to the letters that a number touches: A320, 100ml."""
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    left = " " if before.isascii() and before.isalpha() else ""
    right = " " if after.isascii() and after.isalpha() else ""
    return f"{left}{words}{right}"


def _words(number: str, language: str) -> str:
    whole, decimals = _split(number, language)
    if len(whole) > MOST_DIGITS or (len(whole) > 1 and whole.startswith("0")):
        return " ".join(_said(digit, language) for digit in whole + decimals)
    return _said(f"{whole}.{decimals}" if decimals else whole, language)


def _split(number: str, language: str) -> tuple[str, str]:
    """Digits before and after the decimal mark, without what groups them."""
    marks = [mark for mark in number if not mark.isdigit()]
    decimal_mark = "," if language in COMMA_LANGUAGES else "."
    if not marks:
        return number, ""
    whole, _, last = number.rpartition(marks[-1])
    grouping = len(last) == 3 and (marks[-1] != decimal_mark or marks.count(decimal_mark) > 1)
    if grouping or marks[-1] not in ".,":
        return re.sub(r"\D", "", number), ""
    return re.sub(r"\D", "", whole), last


def _said(number: str, language: str, purpose: FormatPurpose = FormatPurpose.CARDINAL) -> str:
    engine = _engine(language)
    assert engine is not None
    return str(engine.format_number(number, purpose).text).replace("\u00ad", "")


@lru_cache(maxsize=16)
def _engine(language: str) -> RbnfEngine | None:
    try:
        return RbnfEngine.for_language(language)
    except ValueError:
        return None
