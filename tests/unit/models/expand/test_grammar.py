"""The grammar learnt from seeds: which sentences it finds new, and which it must not."""

from collections.abc import Sequence
from itertools import islice

import pytest

from models.expand.grammar.grammar import GrammarWriter
from models.expand.grammar.kinds import kinds_of
from models.expand.keywords import Keyword, read_keywords
from models.expand.phrases import PhraseMatcher
from models.expand.writer import Wish
from models.manifest import Example, read_examples
from tests.conftest import DATA

PEOPLE = [Keyword("Mrs Duclos", "person"), Keyword("Mr Maddox", "person"), Keyword("Mrs Pappalardo", "person")]


def seeds(*texts: str, language: str = "en", domain: str = "") -> list[Example]:
    extra = {"domain": domain} if domain else {}
    return [Example(f"{domain}{number}", text, language, extra=extra) for number, text in enumerate(texts)]


def written(
    examples: Sequence[Example], keywords: Sequence[Keyword], keyword: Keyword, language: str = "en", count: int = 200
) -> set[str]:
    """All that comes for a keyword, within reason."""
    writer = GrammarWriter(examples, keywords, language=language, seed=1)
    (found,) = writer.write([Wish(keyword, count)])
    return set(islice(found, count))


def test_clauses_of_different_seeds_are_joined() -> None:
    found = written(
        seeds(
            "Mrs Duclos called at noon, and she was upset about the bill.",
            "Mrs Pappalardo came by the shop, and she took two scarves.",
        ),
        PEOPLE,
        PEOPLE[0],
    )
    assert "Mrs Duclos called at noon, and she took two scarves." in found
    assert "Mrs Duclos came by the shop, and she was upset about the bill." in found


def test_a_pronoun_never_stands_for_somebody_of_the_other_sex() -> None:
    examples = seeds(
        "Mrs Duclos called at noon, and she was upset about the bill.",
        "Mr Maddox came by the shop, and he took two scarves.",
        "Mrs Pappalardo wants a box for her rings, and she is in a hurry.",
    )
    men, women = (written(examples, PEOPLE, PEOPLE[number]) for number in (1, 0))
    assert men
    assert women
    assert not [text for text in men if " she " in text or " her " in text]
    assert not [text for text in women if " he " in text]


def test_a_possessive_keeps_to_its_owner() -> None:
    examples = seeds(
        "Mrs Duclos wants a landline for her mother.",
        "Mr Maddox wears the Reverso on his left arm.",
        "Mrs Pappalardo lost the Reverso on the train.",
    )
    keywords = [*PEOPLE, Keyword("Reverso", "product")]
    found = {text for person in PEOPLE for text in written(examples, keywords, person)}
    assert "Mrs Pappalardo wants a landline for her mother." in found
    assert not [text for text in found if "Mr Maddox" in text and " her " in text]
    assert not [text for text in found if "Mrs" in text and " his " in text]


def test_a_name_without_title_is_who_the_seeds_say() -> None:
    keywords = [*PEOPLE, Keyword("Beatriz Fonseca", "person")]
    examples = seeds(
        "Beatriz Fonseca called at noon, and she was upset about the bill.",
        "Mr Maddox came by the shop, and he took two scarves.",
        "Mrs Duclos rang the bell, and she left at once.",
    )
    found = written(examples, keywords, keywords[-1])
    assert found
    assert not [text for text in found if " he " in text]


def test_clauses_stay_in_their_domain() -> None:
    examples = [
        *seeds(
            "Mrs Duclos called at noon, and she was upset about the bill.",
            "Mrs Duclos was here, and she wants a new line.",
            domain="telecom",
        ),
        *seeds(
            "Mrs Duclos had a fall, and she needs a new dressing.",
            "Mrs Duclos was dizzy, and she went to bed.",
            domain="health",
        ),
    ]
    found = written(examples, PEOPLE, PEOPLE[0])
    assert found
    assert not [text for text in found if ("bill" in text or "line" in text) and ("fall" in text or "bed" in text)]


def test_a_continuation_without_a_subject_keeps_to_openings_like_its_own() -> None:
    examples = seeds(
        "Mrs Duclos called at noon, and asked about the bill.",
        "Please call Mrs Duclos, and tell her the news.",
        "Mrs Pappalardo came by the shop, and she took two scarves.",
    )
    found = written(examples, PEOPLE, PEOPLE[0])
    assert not [text for text in found if text.startswith("Please") and "asked about" in text]
    assert not [text for text in found if not text.startswith("Please") and "tell her" in text]


def test_a_phrase_that_no_seed_has_takes_the_places_of_its_class() -> None:
    products = [Keyword("Reverso", "product"), Keyword("Orsay trench", "product")]
    found = written(
        seeds("He asked about a Reverso, and he was happy.", "She tried a Reverso, and she was not."),
        products,
        products[1],
    )
    assert found == {"He asked about an Orsay trench.", "She tried an Orsay trench."} & found
    assert found


def test_weekdays_and_months_vary() -> None:
    found = written(seeds("Mrs Duclos will call on Monday.", "Mrs Duclos was born in May."), PEOPLE, PEOPLE[0])
    assert "Mrs Duclos will call on Thursday." in found
    assert "Mrs Duclos was born in October." in found


def test_seeds_are_crossed_where_they_share_words() -> None:
    found = written(
        seeds(
            "Please order the Reverso in steel for Mrs Duclos.",
            "He wanted to see the Reverso with a black strap.",
        ),
        [Keyword("Reverso", "product"), *PEOPLE],
        Keyword("Reverso", "product"),
    )
    assert "Please order the Reverso with a black strap." in found


def test_a_head_that_lacks_its_verb_is_not_crossed() -> None:
    found = written(
        seeds(
            "The loan on the house in Ascona ends in May.",
            "Mrs Duclos sold her flat in Ascona last month.",
        ),
        [Keyword("Ascona", "place"), *PEOPLE],
        Keyword("Ascona", "place"),
    )
    assert not [text for text in found if "flat in Ascona ends" in text]


@pytest.mark.parametrize(
    ("language", "texts", "keyword", "expected"),
    [
        (
            "fr",
            ("Madame Duclos a appelé lundi, et elle veut le Reverso.", "Elle cherche une montre, et elle est pressée."),
            Keyword("Reverso"),
            "Elle cherche une montre, et elle veut le Reverso.",
        ),
        (
            "zh",
            ("王女士想看Reverso，但是颜色不对。", "她下周过来，但是时间还没定。"),
            Keyword("Reverso"),
            "王女士想看Reverso，但是时间还没定。",
        ),
        (
            "sv",
            ("Kunden vill se Reverso, men färgen är fel.", "Hon kommer på fredag, men tiden är inte bestämd."),
            Keyword("Reverso"),
            "Kunden vill se Reverso, men tiden är inte bestämd.",
        ),
    ],
)
def test_joining_words_are_learnt_in_any_language(
    language: str, texts: tuple[str, ...], keyword: Keyword, expected: str
) -> None:
    assert expected in written(seeds(*texts, language=language), [keyword], keyword, language)


def test_where_verbs_show_the_sex_a_name_of_the_other_takes_no_place() -> None:
    people = [Keyword("Madame Lefort", "person"), Keyword("Monsieur Achard", "person"), Keyword("Mme Roy", "person")]
    examples = seeds("Madame Lefort est passée à midi.", "Monsieur Achard est parti hier.", language="fr")
    assert written(examples, people, people[1], "fr") == {"Monsieur Achard est parti hier."}
    assert written(examples, people, people[2], "fr") == {"Mme Roy est passée à midi."}


def test_chinese_titles_stand_behind_names() -> None:
    people = [Keyword("王女士", "person"), Keyword("李先生", "person"), Keyword("陈小姐", "person")]
    examples = seeds("王女士来取包，但是她忘了卡。", "李先生走了，但是他会再来。", language="zh")
    found = written(examples, people, people[2], "zh")
    assert found
    assert not [text for text in found if "他" in text]


def test_classes_are_inferred_where_the_list_has_none() -> None:
    examples = list(read_examples(DATA / "seeds" / "seeds.jsonl"))
    listed = read_keywords(DATA / "seeds" / "keywords.csv")
    kinds = kinds_of([Keyword(keyword.phrase) for keyword in listed], examples, PhraseMatcher(k.phrase for k in listed))
    people = {kinds[keyword.phrase] for keyword in listed if keyword.kind == "person"}
    doctors = {kinds[keyword.phrase] for keyword in listed if keyword.kind == "doctor"}
    assert len(people) == len(doctors) == 1
    assert people != doctors
    assert kinds["rosuvastatin"] == kinds["levothyroxine"] != kinds["Mrs Castellane"]


def test_a_class_of_the_list_counts_for_phrases_without_one() -> None:
    examples = seeds("The ring from Goyard is here.", "The ring from Delvaux is here.", "She met Mr Maddox today.")
    keywords = [Keyword("Goyard", "brand"), Keyword("Delvaux"), Keyword("Mr Maddox", "person"), Keyword("Mr Oyelaran")]
    kinds = kinds_of(keywords, examples, PhraseMatcher(keyword.phrase for keyword in keywords))
    assert kinds["Delvaux"] == "brand"
    assert kinds["Mr Oyelaran"] == "person"
