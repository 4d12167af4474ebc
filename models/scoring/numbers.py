"""Whole numbers in words: "38" and "thirty eight" are the same thing said.

Hyphens and accents do not matter here, tokens have none; French numbers go without "et" and the plural of "vingt".
"""

ENGLISH_LIMIT = 1_000_000
LIMIT = 100  # of the other languages

_UNITS = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis"
    " diecisiete dieciocho diecinueve",
    "fr": "zero un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"
    " dix-sept dix-huit dix-neuf",
    "it": "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici"
    " diciassette diciotto diciannove",
    "ru": "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать"
    " четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать",
}
_TENS = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "fr": "vingt trente quarante cinquante soixante soixante quatre-vingt quatre-vingt",
    "it": "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    "ru": "двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто",
}
LANGUAGES = frozenset(_UNITS)
ENGLISH_DIGITS = tuple(_UNITS["en"].split()[:10])
ENGLISH_NUMBER_WORDS = frozenset(f"{_UNITS['en']} {_TENS['en']} hundred thousand".split())

_IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def number_words(number: int, language: str) -> str:
    """`number` (not negative) in words; in digits where it is over the limit or the language is not known."""
    if language == "en" and LIMIT <= number < ENGLISH_LIMIT:
        return _english(number)
    if language in LANGUAGES and number < LIMIT:
        return _below_hundred(number, language)
    return str(number)


def english_ordinal(number: int) -> str:
    """ "twenty second" for 22."""
    *front, last = number_words(number, "en").split()
    if last in _IRREGULAR_ORDINALS:
        last = _IRREGULAR_ORDINALS[last]
    else:
        last = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return " ".join([*front, last])


def _english(number: int) -> str:
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    many, rest = divmod(number, size)
    words = f"{number_words(many, 'en')} {name}"
    return f"{words} {number_words(rest, 'en')}" if rest else words


def _below_hundred(number: int, language: str) -> str:
    units = _UNITS[language].split()
    if number < 20:
        return units[number]
    tens, unit = divmod(number, 10)
    word = _TENS[language].split()[tens - 2]
    if language == "fr" and tens in (7, 9):
        unit += 10
    if not unit:
        return word
    if language == "es":
        return f"veinti{units[unit]}" if tens == 2 else f"{word} y {units[unit]}"
    if language == "it":
        return (word[:-1] if unit in (1, 8) else word) + units[unit]
    return f"{word} {units[unit]}"
