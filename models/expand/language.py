"""Is a sentence in the language it was asked for? By its script and its commonest words; names are not counted.

This tells English from French, not Danish from Norwegian: a check of what a language model sends, no identification.
"""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from service.biasing.matching import plain

LEAST_WORDS = 5  # shorter sentences may have no common word at all
_SCRIPTS: Mapping[str, frozenset[str]] = {
    code: frozenset(scripts.split())
    for code, scripts in {
        "zh": "CJK", "yue": "CJK", "ja": "CJK HIRAGANA KATAKANA KATAKANA-HIRAGANA", "ko": "HANGUL", "ru": "CYRILLIC",
        "uk": "CYRILLIC", "bg": "CYRILLIC", "sr": "CYRILLIC LATIN", "el": "GREEK", "he": "HEBREW", "ar": "ARABIC",
        "fa": "ARABIC", "hi": "DEVANAGARI", "th": "THAI",
    }.items()
}  # fmt: skip
_LATIN = frozenset({"LATIN"})
LEAST_SHARE = 0.5  # of the letters outside keywords that are of the language's script
COMMON_WORDS: Mapping[str, frozenset[str]] = {
    code: frozenset(words.split())
    for code, words in {
        "en": "the a an and or but of to in on at for with from by is are was were be been has have had do does did he "
        "she it they we you i him his her them their us our my your this that these those not no so as if when because "
        "will would can could should may who which what there here about after before more very all than then please",
        "fr": "le la les un une des du de et ou mais dans sur a au aux pour avec par est sont etait etre ont avait il "
        "elle on nous vous ils elles son sa ses leur lui ce cette ces qui que ne pas plus se si je tu mon ma mes en "
        "tout tres donc car parce comme bien elle d l c j n s qu",
        "es": "el la los las un una unos de del y o pero en con por para es son era ser ha han habia se su sus le les "
        "me mi nos que no mas si yo ella ellos este esta esto como muy ya porque cuando donde al todo hay lo",
        "it": "il lo la i gli le un una uno di del della dei e o ma in nel nella su per con da dal a al alla sono era "
        "essere ha hanno aveva si suo sua suoi loro ci che non piu se io lui lei questo questa come molto perche",
        "de": "der die das den dem des ein eine einen einem einer und oder aber in im am auf an zu zum zur mit von vom "
        "fur bei ist sind war sein hat haben hatte er sie es wir ihr ich sich nicht auch als wenn dass weil so noch",
        "pt": "o a os as um uma de do da dos das e ou mas em no na nos nas por para com foi ser tem ter se seu sua "
        "que nao mais ele ela eu isso este esta como muito ja porque quando ao",
        "nl": "de het een en of maar van in op aan te voor met door is zijn was waren heeft hebben had hij zij ze wij "
        "er ik je niet ook als dat die dit om naar nog dan bij uit over zich haar",
    }.items()
}  # fmt: skip


def is_in(text: str, language: str) -> bool:
    """Whether `text`, without its keywords, may be in `language` (ISO 639-1). Languages whose commonest words are not
    known here are told by their script alone."""
    scripts = _SCRIPTS.get(language, _LATIN)
    found = [_script(character) for character in text if character.isalpha()]
    if found and sum(script in scripts for script in found) < LEAST_SHARE * len(found):
        return False
    words = plain(text)
    if scripts is not _LATIN or language not in COMMON_WORDS or len(words) < LEAST_WORDS:
        return True
    counts = {code: sum(word in common for word in words) for code, common in COMMON_WORDS.items()}
    return counts[language] > 0 and counts[language] == max(counts.values())


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    return unicodedata.name(character, "").split(" ")[0]
