"""How a spelling sounds, by rule: letters to a coarse phone alphabet, one table per way of reading.

The alphabet has 18 phones: five vowels, and consonants without voice (`p` is p or b, `s` is s, z or th), because
recognisers and speakers of other languages mix those up first. Rules cost microseconds, need no data, and find names
as well as grapheme-to-phoneme models do, whose lexicons names are not in (docs/biasing.md has the comparison).

A table is a string of `pattern=phones`; the first pattern that matches at a position wins. Patterns are regular
expressions over a to z without groups.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

PHONES = "aeiouptkfsSChmnlrw"

_PLAIN = """
b=p p=p d=t t=t k=k q=k f=f v=f s=s z=s l=l r=r m=m n=n h=h w=w j=C x=ks c=k g=k
a=a e=e i=i o=o u=u y=i
"""
_ENGLISH = """
tch=C sch=S sh=S zh=S ch=C ph=f th=s wh=w kh=k gh(?=[aeiouy])=k gh= ck=k qu=kw q=k ^x=s x=ks
^kn=n ^wr=r ^ps=s ^pt=t mb$=m dge=C dg(?=[iy])=C ^mc=mak sz=S cz=C
ti(?=on|a|o)=S ssi(?=on)=S ci(?=a|ou)=S sc(?=[eiy])=s cc(?=[eiy])=C c(?=[eiy])=s
g(?=[eiy])=C gn$=n ^gn=n ng=n igh=ai
ee|ea|ie|ei|ey=i oo|ou|ue|ew|eu=u oa|ow|oe|au|aw=o ai|ay=e oi|oy=oi
(?<=[^aeiouy])e$= (?<=[^aeiouy])es$=s (?<=..)ed$=t
"""
_CONTINENTAL = """
tsch|tch|cz=C sch|sh|sz=S ch(?=[eiou])=S ch=k ph=f sci(?=[aou])=S sc(?=[ei])=S gli=li gn=ni gh=k gu(?=[ei])=k qu=k
cci(?=[aou])=C ci(?=[aou])=C cc(?=[eiy])=C c(?=[eiy])=C ggi(?=[aou])=C gi(?=[aou])=C gg(?=[eiy])=C g(?=[eiy])=C
j=i w=f h= th=t ou|oo=u eau|au=o oi=wa ai|ei|ay=e eu|oe=e ie=i
"""
_FRENCH = """
sch=S ch=S ph=f th=t gn=ni gu(?=[eiy])=k qu=k c(?=[eiy])=s g(?=[eiy])=S ge(?=[ao])=S j=S h= x$= ill=i
eaux?=o aux?=o oi|oy=wa ou=u eu|oe=e ain|ein|in(?![aeiouyn])=en aim|eim|im(?=[pb])=en
en(?![aeiouyn])=an em(?=[pb])=an ai|ei|ay|ey=e er$|ez$|et$=e
(?<=..)es?$= (?<=..)[tdspz]s?$= y=i
"""
_SPANISH = """
ch=C ll=i qu=k gu(?=[ei])=k c(?=[ei])=s z=s j=h g(?=[ei])=h x=h h= v=p y=i
"""
_GAELIC = """
aoi=i ao=i bh|mh=f dh|gh= fh= th=h sh=h eigh=i s(?=[ei])=S (?<=[ei])s=S c=k
ai|ei|ea=a io|ui=i
"""
_PINYIN = """
zh=C ch=C sh=S z=s c=s q=C x=S j=C r=r h=h g=k k=k
iu=iu ui=ue ao=ao ou=ou ong=un yu=u y=i wu=u w=w ng=n v=u
"""


def _reader(rules: str) -> Callable[[str], str]:
    pairs = [rule.rsplit("=", 1) for rule in (rules + _PLAIN).split()]
    pattern = re.compile("|".join(f"({left})" for left, _ in pairs))
    phones = [right for _, right in pairs]

    def read(letters: str) -> str:
        sounded = pattern.sub(lambda found: phones[(found.lastindex or 1) - 1], letters)
        return _REPEATED.sub(r"\1", sounded)

    return lru_cache(maxsize=50_000)(read)


_REPEATED = re.compile(r"(.)\1+")
_GAELIC_SIGNS = re.compile(r"aoi|[bdmf]h|eigh|igh$")
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "æ": "e", "œ": "e", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_NOT_LETTERS = re.compile("[^a-z]")

_english = _reader(_ENGLISH)
_continental = _reader(_CONTINENTAL)
_french = _reader(_FRENCH)
_spanish = _reader(_SPANISH)
_gaelic = _reader(_GAELIC)
_pinyin = _reader(_PINYIN)
_READER = {"en": _english, "fr": _french, "es": _spanish, "pt": _spanish, "zh": _pinyin, "yue": _pinyin, "ga": _gaelic}


def letters(word: str) -> str:
    """The word in lower case, a to z only, accents dropped; other scripts must be romanised before."""
    plain = unicodedata.normalize("NFD", word.lower().translate(_LETTERS))
    return _NOT_LETTERS.sub("", plain)


def read(word: str, language: str) -> str:
    """Phones of a word of a-to-z letters, read as that language reads; continental where no table exists."""
    return _READER.get(language, _continental)(word)


def readings(word: str, language: str) -> tuple[str, ...]:
    """The ways a foreign name may be read by people who speak `language`, in the same order for all words."""
    own = read(word, language)
    gaelic = _gaelic(word) if _GAELIC_SIGNS.search(word) else own
    return own, _english(word), _continental(word), _french(word), _spanish(word), gaelic
