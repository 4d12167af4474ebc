"""How names are said, where their spelling misleads a voice: "Loewe" is lo-eh-veh, and to some lo-way."""

import random
import re
from collections.abc import Mapping

Pronunciations = Mapping[str, tuple[str, ...]]


def as_said(text: str, said: Pronunciations, lots: random.Random) -> str:
    """`text` with each phrase of `said` in one of its spellings, drawn by lot; the longest phrase wins, in any case.

    A phrase stands between what is no letter or digit, but in scripts without spaces anywhere.
    """
    spellings = {phrase.casefold(): options for phrase, options in said.items() if options}
    if not spellings:
        return text
    phrases = "|".join(map(_bounded, sorted(spellings, key=len, reverse=True)))
    return re.sub(phrases, lambda found: lots.choice(spellings[found[0].casefold()]), text, flags=re.IGNORECASE)


def _bounded(phrase: str) -> str:
    left = r"(?<![^\W\u3040-\u9fff])" if _has_spaces(phrase[0]) else ""
    right = r"(?![^\W\u3040-\u9fff])" if _has_spaces(phrase[-1]) else ""
    return f"{left}{re.escape(phrase)}{right}"


def _has_spaces(character: str) -> bool:
    return character.isalnum() and not "\u3040" <= character <= "\u9fff"
