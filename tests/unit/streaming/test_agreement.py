"""LocalAgreement-2 on hand-made hypotheses: what is committed stays."""

from hypothesis import given
from hypothesis import strategies as st

from service.streaming.agreement import Agreement, advance, contradicts, dump, load, needs_trim, trim
from service.streaming.captions import final_of, language_for, partial_of
from service.transcript import SAMPLE_RATE, Hypothesis, Piece


def said(text: str, *, timed: bool = False) -> Hypothesis:
    """A hypothesis whose tokens are its words' code points, one second per word when timed."""
    pieces = []
    for i, word in enumerate(text.split()):
        times = (i * 1.0, i + 0.8, 0.9) if timed else (None, None, None)
        weakest = 0.3 if word.endswith("?") else 0.9  # a word with a question mark is one the model is unsure of
        pieces.append(Piece(" " + word, tuple(map(ord, " " + word)), *times, weakest))
    return Hypothesis(tuple(pieces), "en")


def heard(*texts: str) -> Agreement:
    agreement = Agreement()
    for text in texts:
        agreement = advance(agreement, said(text))
    return agreement


def test_one_hypothesis_commits_nothing() -> None:
    agreement = heard("she bought the")
    assert agreement.committed_text == ""
    assert agreement.tentative_text == "she bought the"


def test_what_two_hypotheses_agree_on_is_committed() -> None:
    agreement = heard("she bought the back", "she bought the bag today")
    assert agreement.committed_text == "she bought"
    assert agreement.tentative_text == " the bag today"


def test_the_last_agreed_word_is_held_back_because_its_form_settles_with_the_next() -> None:
    assert heard("she bought", "she bought").committed_text == "she"


def test_a_word_the_model_is_unsure_of_waits_for_the_final() -> None:
    agreement = heard("call Ximena? about the bag", "call Ximena? about the bag today")
    assert agreement.committed_text == ""
    assert agreement.tentative_text == "call Ximena? about the bag today"


def test_disagreement_commits_nothing_more() -> None:
    assert heard("a b c d", "a b c x", "a b c y z").committed_text == "a b"


def test_a_hypothesis_that_lost_the_committed_words_changes_nothing() -> None:
    before = heard("a b c", "a b c d")
    assert advance(before, Hypothesis((), "en")) == before


def test_a_committed_word_may_grow_but_not_change() -> None:
    before = heard("a un b c", "a un b c d")
    assert before.committed_text == "a un b"
    grown = advance(before, said("a un bx d"))
    assert grown.committed_text == "a un b"
    assert grown.tentative_text == "x d"


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c", "dd"]), max_size=8), max_size=8))
def test_committed_text_only_ever_grows(hypotheses: list[list[str]]) -> None:
    agreement = Agreement()
    for words in hypotheses:
        # the decoder forces the committed tokens to the front
        text = "".join(map(chr, agreement.prefix)) + " " + " ".join(words)
        before = agreement.committed_text
        agreement = advance(agreement, said(text))
        assert agreement.committed_text.startswith(before)


def test_the_stored_form_reads_back() -> None:
    agreement = trim(heard("a b c. d e", "a b c. d e f"), said("a b c. d e f", timed=True), 12 * SAMPLE_RATE)
    assert dump(load(dump(agreement))) == dump(agreement)
    assert load(dump(agreement)).committed_text == agreement.committed_text
    assert load(b"") == Agreement()


def test_trimming_cuts_behind_the_last_sentence() -> None:
    agreement = heard("one two. three four five", "one two. three four five six")
    assert not needs_trim(agreement, 3 * SAMPLE_RATE)
    assert needs_trim(agreement, 11 * SAMPLE_RATE)
    cut = trim(agreement, said("one two. three four five six", timed=True), int(3.5 * SAMPLE_RATE))
    assert [piece.text for piece in cut.trimmed] == [" one", " two."]
    assert cut.offset == int(1.9 * SAMPLE_RATE)
    assert cut.committed_text == agreement.committed_text
    assert cut.tail == agreement.tail


def test_a_final_begins_with_the_committed_words_even_when_the_decode_was_emptied() -> None:
    agreement = heard("a b c d", "a b c d e")
    final = final_of(agreement, Hypothesis((), "en"), 0, 0, 2 * SAMPLE_RATE)
    assert final.text == "a b c"
    assert final.words[-1].end <= 2.0


def test_a_final_is_contradicted_by_other_words_not_by_more_words() -> None:
    agreement = heard("she bought the bag today", "she bought the bag today for")
    assert agreement.committed_text == "she bought the bag"
    assert not contradicts(agreement, said("she bought the bag, today."))
    assert contradicts(agreement, said("she bought the bags today"))
    assert contradicts(agreement, said("he bought the bag"))
    assert contradicts(agreement, Hypothesis((), "en"))
    assert not contradicts(Agreement(), said("anything"))


def test_a_final_has_the_times_of_the_stream() -> None:
    final = final_of(Agreement(), said("one two", timed=True), 0, 8 * SAMPLE_RATE, 10 * SAMPLE_RATE)
    assert [(w.word, w.start, w.end) for w in final.words] == [("one", 8.0, 8.8), ("two", 9.0, 9.8)]
    assert (final.start, final.end) == (8.0, 9.8)


def test_no_words_no_partial() -> None:
    assert partial_of(Agreement(), Hypothesis((), "en"), 0, 0, 100) is None


def test_the_language_of_committed_words_binds_the_rest_of_the_utterance() -> None:
    committed = heard("a b c", "a b c d")
    assert language_for("fr", committed, "de", 1) == "fr"
    assert language_for(None, committed, "de", 1) == "en"
    assert language_for(None, Agreement(), "de", SAMPLE_RATE) == "de"
    assert language_for(None, Agreement(), "de", 5 * SAMPLE_RATE) is None
