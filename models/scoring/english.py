"""English spellings that mean the same: contractions, number formats, titles, British spellings, units."""

import re

from models.scoring.numbers import ENGLISH_DIGITS, ENGLISH_NUMBER_WORDS, english_ordinal, number_words

_CONTRACTIONS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\bwon't\b", "will not"),
        (r"\bcan't\b", "cannot"),
        (r"n't\b", " not"),
        (r"\blet's\b", "let us"),
        (r"\bi'm\b", "i am"),
        (r"\b(he|she|it|that|there|here|what|who|where|how|everything|nothing)'s\b", r"\1 is"),
        (r"'re\b", " are"),
        (r"'ll\b", " will"),
        (r"'ve\b", " have"),
        (r"\b(i|you|he|she|we|they|it)'d\b", r"\1 would"),
        (r"\bcan not\b", "cannot"),
    )
]
_CURRENCIES = (("$", "dollars"), ("£", "pounds"), ("€", "euros"))
_SPELLINGS = {
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "st": "saint",
    "prof": "professor",
    "ok": "okay",
    "apologise": "apologize",
    "apologised": "apologized",
    "cancelled": "canceled",
    "catalogue": "catalog",
    "centimetres": "centimeters",
    "centre": "center",
    "cheque": "check",
    "colour": "color",
    "colours": "colors",
    "digitise": "digitize",
    "favourite": "favorite",
    "fibre": "fiber",
    "fibres": "fibers",
    "grey": "gray",
    "harbour": "harbor",
    "itemised": "itemized",
    "jewellery": "jewelry",
    "litre": "liter",
    "metres": "meters",
    "millilitre": "milliliter",
    "organised": "organized",
    "practise": "practice",
    "programme": "program",
    "realise": "realize",
    "tyre": "tire",
    "cm": "centimeters",
    "gb": "gigabytes",
    "kg": "kilos",
    "kgs": "kilos",
    "mg": "milligram",
    "ml": "milliliter",
}


def expand_contractions(text: str) -> str:
    """`text` in lower case with "'" for apostrophes."""
    for pattern, replacement in _CONTRACTIONS:
        text = pattern.sub(replacement, text)
    return text


def spell_numbers(text: str) -> str:
    """Money, percentages, ordinals, times of day and decimals in words; whole numbers stay, their commas go."""
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    for sign, currency in _CURRENCIES:
        text = re.sub(rf"{re.escape(sign)}\s?(\d+(?:\.\d+)?)", rf"\1 {currency}", text)
    text = text.replace("%", " percent ")
    text = re.sub(r"\b(\d+)(?:st|nd|rd|th)\b", lambda found: f" {english_ordinal(int(found[1]))} ", text)
    text = re.sub(r"\b(\d{1,2}):(\d{2})\b", _time_of_day, text)
    return re.sub(r"\b(\d+)\.(\d+)\b", _decimal, text)


def unify(words: list[str]) -> list[str]:
    """One spelling for each word, and numbers without "and": "one hundred ten"."""
    spelled = [_SPELLINGS.get(word, word) for word in words]
    return [word for at, word in enumerate(spelled) if not (word == "and" and _is_inside_number(spelled, at))]


def _time_of_day(found: re.Match[str]) -> str:
    minutes = "" if found[2] == "00" else number_words(int(found[2]), "en")
    return f"{number_words(int(found[1]), 'en')} {minutes}"


def _decimal(found: re.Match[str]) -> str:
    digits = " ".join(ENGLISH_DIGITS[int(digit)] for digit in found[2])
    return f"{number_words(int(found[1]), 'en')} point {digits}"


def _is_inside_number(words: list[str], at: int) -> bool:
    before, behind = words[max(at - 1, 0)], words[min(at + 1, len(words) - 1)]
    return before in ("hundred", "thousand") and behind in ENGLISH_NUMBER_WORDS
