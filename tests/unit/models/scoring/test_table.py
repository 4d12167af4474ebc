from pathlib import Path

import pytest
from rich.console import Console

from models.scoring.counts import Counts
from models.scoring.manifest import Item
from models.scoring.table import PhraseLists, details, figures, render, score

ITEMS = [
    Item("1", Path("1.flac"), "the Moynat bag", bias=("Moynat",), fields={"voice": "anna"}),
    Item("2", Path("2.flac"), "call me back", fields={"voice": "ben"}),
    Item("3", Path("3.flac"), "le sac Moynat", "fr", bias=("Moynat",), fields={"voice": "ben"}),
]
TEXTS = {"1": "the Moynat bag", "2": "call Mei back", "3": "le sac moins"}


def test_rates_in_percent_with_two_digits() -> None:
    counts = Counts(
        utterances=3,
        words=300,
        biased_words=30,
        substitutions=5,
        deletions=2,
        insertions=1,
        biased_errors=4,
        other_errors=4,
        characters=1200,
        character_errors=7,
        phrases=20,
        recalled=17,
        false_alarms=1,
    )
    assert figures(counts) == {
        "utts": 3,
        "ref_words": 300,
        "wer": 2.67,
        "cer": 0.58,
        "b_wer": 13.33,
        "u_wer": 1.48,
        "sub": 5,
        "ins": 1,
        "del": 2,
        "phrases": 20,
        "phrase_precision": 94.44,
        "phrase_recall": 85.0,
        "phrase_f1": 89.47,
        "false_alarms": 1,
        "false_alarms_per_1000_words": 3.33,
        "hyp_words_on_empty_reference": None,
    }


def test_rate_without_anything_to_divide_by_is_none() -> None:
    empty = figures(Counts(utterances=1, insertions=3, other_errors=3))
    names = ("wer", "cer", "b_wer", "u_wer", "phrase_precision", "phrase_recall", "phrase_f1")
    assert [empty[name] for name in names] == [None] * 7
    assert empty["false_alarms_per_1000_words"] is None
    assert empty["hyp_words_on_empty_reference"] == 3


def test_phrases_of_which_none_was_heard_have_an_f1_of_zero() -> None:
    assert figures(Counts(words=1, phrases=2))["phrase_f1"] == 0.0


def test_groups_come_behind_all_and_add_up_to_it() -> None:
    groups = score(ITEMS, TEXTS, PhraseLists(["Mei"]), by=["voice", "none"]).groups
    assert list(groups) == ["all", "voice anna", "none None", "voice ben"]
    assert groups["voice anna"] + groups["voice ben"] == groups["all"] == groups["none None"]


def test_item_without_a_text_counts_as_empty_and_is_reported() -> None:
    result = score(ITEMS, {"1": TEXTS["1"], "3": TEXTS["3"]}, PhraseLists())
    assert result.as_json()["missing"] == ["2"]
    assert result.groups["all"].deletions == 3
    assert "missing" not in score(ITEMS, TEXTS, PhraseLists()).as_json()


def test_language_with_a_list_of_its_own_is_judged_by_that() -> None:
    everyone = PhraseLists(["Mei", "sac"])
    own = PhraseLists(["Mei", "sac"], {"fr": ["moins"]})
    assert score(ITEMS, TEXTS, everyone).judged["3"].false_alarms == ()
    assert score(ITEMS, TEXTS, own).judged["3"].false_alarms == ("moins",)
    assert score(ITEMS, TEXTS, own).judged["2"].false_alarms == ("Mei",)


def test_keywords_of_an_item_are_a_list_for_it_alone() -> None:
    items = [Item("1", Path("1"), "she came", keywords=("Mei",)), Item("2", Path("2"), "she came")]
    result = score(items, {"1": "Mei came", "2": "Mei came"}, PhraseLists())
    assert result.judged["1"].false_alarms == ("Mei",)
    assert result.judged["2"].false_alarms == ()


def test_details_say_what_was_missed_and_made_up() -> None:
    result = score(ITEMS, TEXTS, PhraseLists(["Mei"]))
    second, third = details(ITEMS, TEXTS, result)[1:]
    assert second == {
        "id": "2",
        "wer": 33.33,
        "u_wer": 33.33,
        "missed": [],
        "false_alarms": ["Mei"],
        "ref": "call me back",
        "hyp": "call Mei back",
    }
    assert third["missed"] == ["Moynat"]


@pytest.mark.parametrize("runs", [("no bias",), ("no bias", "bias")])
def test_table_has_a_row_for_each_group_and_run(runs: tuple[str, ...]) -> None:
    result = score(ITEMS, TEXTS, PhraseLists(["Mei"]), by=["voice"])
    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(render(dict.fromkeys(runs, result)))
    rows = [line for line in captured.get().splitlines() if "voice" in line or " all " in line]
    assert len(rows) == 3 * len(runs)
    assert "50.00" in rows[0]
