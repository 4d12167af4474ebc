"""Chinese in one script and with numbers as they are said. Needs the extra `eval` (OpenCC's tables)."""

import re
from functools import cache
from typing import Any

from service.errors import BadRequest

_DIGITS = "零一二三四五六七八九"
_SPELLED_DIGITS = 5  # longer numbers are codes, which nobody writes in characters


@cache
def simplified(character: str) -> str:
    """The simplified form of one character. Raises BadRequest without the extra `eval`.

    Only where both forms lie in the Basic Multilingual Plane: rarer ones are in no transcript.
    """
    if not "\u4e00" <= character <= "\u9fff":
        return character
    form: str = _converter().convert(character)
    return form if form <= "\uffff" else character


def spell_numbers(text: str) -> str:
    """Numbers to 99 as they are said, longer ones digit by digit."""
    return re.sub(r"\d+", lambda found: _number(found[0]), text)


def _number(digits: str) -> str:
    if len(digits) > _SPELLED_DIGITS:
        return digits
    number = int(digits)
    if number < 10:
        return _DIGITS[number]
    if number < 100:
        tens, unit = divmod(number, 10)
        return ("" if tens == 1 else _DIGITS[tens]) + "十" + (_DIGITS[unit] if unit else "")
    return "".join(_DIGITS[int(digit)] for digit in str(number))


@cache
def _converter() -> Any:
    try:
        from opencc import OpenCC
    except ImportError as error:
        raise BadRequest("scoring Chinese needs the extra `eval`: pip install 'sotto[eval]'") from error
    return OpenCC("t2s")
