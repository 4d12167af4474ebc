"""What a grammar knows of languages beforehand: who a pronoun may stand for, and words that take each other's places.

A language that is not here still works: then clauses are joined whatever their pronouns, and fewer words vary.
"""

from collections.abc import Mapping

MALE, FEMALE, MANY, THING = "m", "f", "p", "t"
SOMEONE = "?"  # a person of either sex


def _table(rows: Mapping[str, str]) -> dict[str, str]:
    return {word: kind for kind, words in rows.items() for word in words.split()}


PRONOUNS = {
    "en": _table(
        {
            MALE: "he him his himself",
            FEMALE: "she her hers herself",
            MANY: "they them their theirs themselves both",
            THING: "it its one ones that which these those",
        }
    ),
    "fr": _table({MALE: "il lui", FEMALE: "elle", MANY: "ils elles leur leurs eux", THING: "ça cela celui celle"}),
    "es": _table({MALE: "él", FEMALE: "ella", MANY: "ellos ellas", THING: "lo la los las esto eso"}),
    "it": _table({MALE: "lui", FEMALE: "lei", MANY: "loro", THING: "lo questo quello"}),
    "de": _table({MALE: "er ihn ihm sein seine seinen seinem seiner", FEMALE: "sie ihr ihre ihren ihrem", THING: "es"}),
    "zh": _table({MALE: "他", FEMALE: "她", THING: "它"}),
}
NOUNS = {
    "en": _table(
        {
            MALE: "mr sir husband son brother father uncle nephew grandson gentleman man boy boyfriend",
            FEMALE: "mrs ms miss madam wife daughter sister mother aunt niece granddaughter lady woman girl girlfriend",
            MANY: "clients people children parents couple family guests they we",
            SOMEONE: "client customer patient caller neighbour friend colleague lawyer assistant",
        }
    ),
    "fr": _table(
        {
            MALE: "monsieur m mari fils frère père oncle homme garçon",
            FEMALE: "madame mme mlle mademoiselle femme fille sœur mère tante dame",
            MANY: "clients enfants parents",
            SOMEONE: "client cliente patient patiente",
        }
    ),
    "es": _table(
        {
            MALE: "señor sr marido hijo hermano padre hombre",
            FEMALE: "señora sra srta mujer hija hermana madre",
            MANY: "clientes hijos padres",
            SOMEONE: "cliente paciente",
        }
    ),
    "it": _table(
        {
            MALE: "signor sig marito figlio fratello padre uomo",
            FEMALE: "signora sigra moglie figlia sorella madre donna",
            MANY: "clienti figli genitori",
            SOMEONE: "cliente paziente",
        }
    ),
    "de": _table(
        {
            MALE: "herr herrn mann sohn bruder vater",
            FEMALE: "frau ehefrau tochter schwester mutter dame",
            MANY: "kunden kinder eltern",
            SOMEONE: "kunde kundin patient patientin",
        }
    ),
    "zh": _table({MALE: "先生", FEMALE: "女士 小姐 太太"}),  # behind a name
}
INFLECTED = frozenset(("fr", "es", "it", "pt"))  # where more words than pronouns show somebody's sex: "est passée"
AND = {"en": "and", "fr": "et", "es": "y", "it": "e", "de": "und"}
LINKS: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "in on at for with without to from by of about after before until since and or when while as than",
        "fr": "à au aux en dans sur pour avec sans de du des par après avant depuis et ou quand comme",
        "es": "a al en para con sin de del por sobre desde hasta antes después y o cuando como",
        "it": "a al alla in nel nella per con senza di del della da dal su dopo prima e o quando come",
        "de": "in im an am auf für mit ohne zu zum zur von vom bei nach vor seit und oder",
    }.items()
}  # behind them a clause goes on whatever stood before; of languages where the first word tells what a clause is
_SETS = {
    "en": (
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "January February March April May June July August September October November December",
        "two three four five six seven eight nine ten",
        "twenty thirty forty fifty sixty",
        "grey navy green burgundy black white beige brown",
        "spring summer autumn winter",
        "morning afternoon evening",
        "son daughter brother sister",
    ),
    "fr": (
        "lundi mardi mercredi jeudi vendredi samedi dimanche",
        "janvier février mars mai juin juillet septembre novembre décembre",
        "deux trois quatre cinq six sept huit neuf dix",
    ),
    "es": (
        "lunes martes miércoles jueves viernes sábado domingo",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "dos tres cuatro cinco seis siete ocho nueve diez",
    ),
    "it": (
        "lunedì martedì mercoledì giovedì venerdì sabato",
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "due tre quattro cinque sei sette otto nove dieci",
    ),
    "de": (
        "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "zwei drei vier fünf sechs sieben acht neun zehn",
    ),
}
INTERCHANGEABLE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    language: {word: tuple(row.split()) for row in rows for word in row.split()} for language, rows in _SETS.items()
}
