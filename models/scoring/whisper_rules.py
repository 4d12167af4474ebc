"""Tokens by Whisper's own normalisers, by which published word error rates of Whisper are computed.

The English and the basic normaliser are those of openai/whisper, as the package whisper-normalizer carries them (extra
`eval`). What they leave open is filled in here: Chinese in simplified characters, and the scripts without spaces by
character (Whisper's paper, appendix C), Latin words between them whole.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from models.scoring import chinese
from models.scoring.normalise import Tokenise, tokens, without_accents
from service.errors import BadRequest

UNSPACED = frozenset(("zh", "yue", "ja", "th", "lo", "my"))  # languages written without spaces between words
_CHINESE = ("zh", "yue")
_UNSPACED_CHARACTER = re.compile(
    "([\u3400-\u9fff\u3040-\u30ff\u0e00-\u0eff\u1000-\u109f\U00020000-\U000323af])"  # Han, Kana, Thai, Lao, Burmese
)


@dataclass(frozen=True, slots=True)
class WhisperRules:
    """Called with text and language, gives its tokens: words, and characters of the scripts without spaces.

    `fold_accents`: é counts as e, except where the mark makes another letter; English is always folded, by Whisper's
    normaliser itself. Raises BadRequest without the extra `eval`.
    """

    fold_accents: bool = False

    def __call__(self, text: str, language: str) -> list[str]:
        if language in _CHINESE:
            text = "".join(map(chinese.simplified, unicodedata.normalize("NFKC", text)))
            text = chinese.spell_numbers(text)
        normalised = _normaliser(english=language == "en")(text)
        if self.fold_accents and language != "ja":
            normalised = without_accents(normalised, language)
        words = _UNSPACED_CHARACTER.sub(r" \1 ", normalised).split()
        # the English normaliser leaves one point of an ellipsis
        return [word for word in words if any(map(str.isalnum, word))]


RULES: dict[str, tuple[Tokenise, Tokenise]] = {  # by name: without and with accents folded
    "whisper": (WhisperRules(), WhisperRules(fold_accents=True)),
    "sotto": (tokens, tokens),
}


def tokeniser(rules: str, *, fold_accents: bool = False) -> Tokenise:
    """The rules of that name; `sotto`'s always fold accents. Raises BadRequest for a name that there is not."""
    if rules not in RULES:
        raise BadRequest(f"rules must be {' or '.join(RULES)}, not {rules!r}", field="rules")
    return RULES[rules][fold_accents]


@cache
def _normaliser(*, english: bool) -> Callable[[str], str]:
    try:
        from whisper_normalizer.basic import BasicTextNormalizer
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError as error:
        raise BadRequest("Whisper's normalisers need the extra `eval`: pip install 'sotto[eval]'") from error
    normaliser: Callable[[str], str] = EnglishTextNormalizer() if english else BasicTextNormalizer()
    return normaliser
