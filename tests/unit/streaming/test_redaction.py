"""What is struck out of captions and finals: everything that tells a number or an address, and nothing more."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.streaming.redaction import HIDDEN, Redaction, redact_final, redact_partial, strike
from service.transcript import Final, Match, Partial, TokenLogprob, Word

ALL = Redaction(frozenset({"card", "phone", "email"}), ("US", "DE"))
CARDS = ("4111111111111111", "5500005555555559", "378282246310005", "6011000990139424", "4222222222222")


def of(kind: str) -> Redaction:
    return Redaction(frozenset({kind}), ("US", "DE"))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("My card is 4111 1111 1111 1111, thanks.", "My card is [card], thanks."),
        ("It is 4111-1111-1111-1111.", "It is [card]."),
        ("It is 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1.", "It is [card]."),
        ("3782, 822463, 10005 is my Amex", "[card] is my Amex"),
        ("4111 1111 1111 1112", "4111 1111 1111 1112"),  # Luhn says no
        ("Room 12, 4111 1111 1111 1111 and 5500 0055 5555 5559", "Room 12, [card] and [card]"),
        ("٤١١١ ١١١١ ١١١١ ١١١١", "[card]"),
        ("In 2024 we sold 1,200 at 99.50", "In 2024 we sold 1,200 at 99.50"),
        ("0000 0000 0000 0000", "0000 0000 0000 0000"),
    ],
)
def test_cards(said: str, told: str) -> None:
    assert strike(said, of("card")) == told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Call me at 415 555 2671.", "Call me at [phone]."),
        ("Call (415) 555-2671 now", "Call [phone] now"),
        ("Call +44 20 7946 0958", "Call [phone]"),
        ("Ruf 030 23125 555 an", "Ruf [phone] an"),
        ("4 1 5 5 5 5 2 6 7 1", "[phone]"),
        ("At 10 30 on the 12", "At 10 30 on the 12"),
        ("He is 45 and has 3 cars", "He is 45 and has 3 cars"),
    ],
)
def test_phone_numbers(said: str, told: str) -> None:
    assert strike(said, of("phone")) == told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Write to john.doe@example.com.", "Write to [email]."),
        ("Write to john.doe@example.com. Thanks", "Write to [email]. Thanks"),
        ("john at example dot com, please", "[email], please"),
        ("John at mail dot example dot co, and more", "[email], and more"),
        ("anna @ example.org", "[email]"),
        ("anna at example.org", "[email]"),
        ("Meet me at noon. Dot the i.", "Meet me at noon. Dot the i."),
        ("邮箱是john@example.com谢谢", "邮箱是[email]谢谢"),
    ],
)
def test_addresses(said: str, told: str) -> None:
    assert strike(said, of("email")) == told


def final_from(text: str, *, matches: tuple[Match, ...] = ()) -> Final:
    """A final whose every word is one token."""
    words = tuple(Word(word, float(i), i + 0.9, 0.5 + i / 1000) for i, word in enumerate(text.split()))
    logprobs = tuple(TokenLogprob(f" {word.word}".encode(), -0.1) for word in words)
    tokens = tuple(range(len(words)))
    return Final(0, text, 0.0, float(len(words)), "en", words, tokens, matches=matches, logprobs=logprobs)


def test_words_tokens_and_logprobs_tell_no_more_than_the_text() -> None:
    final = redact_final(final_from("My card is 4111 1111 1111 1111, thanks."), ALL)
    assert [word.word for word in final.words] == ["My", "card", "is", "[card],", "thanks."]
    assert (final.words[3].start, final.words[3].end) == (3.0, 6.9)
    assert final.tokens == ()
    assert b"".join(token.utf8 for token in final.logprobs) == b" My card is [card] thanks."


def test_log_probabilities_that_spell_something_else_are_not_told() -> None:
    final = final_from("My card is 4111 1111 1111 1111")
    other = Final(0, final.text, 0, 1, "en", final.words, logprobs=final.logprobs[:5])
    assert redact_final(other, ALL).logprobs == ()


def test_matches_keep_their_words() -> None:
    match = Match("Loewe", 7, 9, "low 4111 1111 1111 1111", 0.1, 1.0, 0.5)
    final = redact_final(final_from("call 4111 1111 1111 1111 about the Loewe bag", matches=(match,)), ALL)
    [kept] = final.matches
    assert [word.word for word in final.words][kept.first : kept.last] == ["Loewe", "bag"]
    assert kept.heard == "low [card]"


def test_a_final_with_nothing_to_strike_stays_as_it_is() -> None:
    final = final_from("Good morning, room 12.")
    assert redact_final(final, ALL) == final


def test_what_is_not_decided_is_held_back_and_hidden() -> None:
    partial = redact_partial(Partial(0, "my card is 4111 1111", " 1111", 0, 1, 1.0), ALL)
    assert (partial.committed, partial.tentative) == ("my card is", f" {HIDDEN * 4} {HIDDEN * 4} {HIDDEN * 4}")
    partial = redact_partial(Partial(0, "my card is 4111 1111 1111 1111 and", " so on", 0, 1, 1.0), of("card"))
    assert (partial.committed, partial.tentative) == ("my card is [card] and", " so on")


# ---- properties

cards = st.sampled_from(CARDS)
phones = st.sampled_from(["+442079460958", "4155552671", "03023125555"])
addresses = st.sampled_from(["ann@example.com", "bo.b@mail.example.org", "carl at example dot com", "dot @ x.io"])
plain = st.text("abcdefgh '.,-?()+@•", min_size=1, max_size=8) | st.sampled_from(
    ["at", "dot", "@", "12", "7", "2024", "10:30", "é", "谢谢", "(", "+", "a.b.c.d.e.f.g"]
)


@st.composite
def grouped(draw: st.DrawFn) -> str:
    """A number as it may be written down: in groups, with separators."""
    digits = draw(cards | phones)
    cuts = sorted(draw(st.sets(st.integers(2, len(digits) - 1), max_size=6)))
    separator = draw(st.sampled_from([" ", "-", ", ", ". ", " - "]))
    return separator.join(digits[a:b] for a, b in zip([0, *cuts], [*cuts, len(digits)], strict=True))


utterances = st.lists(plain | grouped() | addresses, min_size=1, max_size=10).map(" ".join)


@given(before=st.sampled_from(["", "call ", "my card, "]), number=grouped(), after=st.sampled_from(["", " ok", "."]))
@settings(deadline=None)
def test_no_number_comes_through_however_it_is_grouped(before: str, number: str, after: str) -> None:
    assert strike(before + number + after, ALL) in {f"{before}[card]{after}", f"{before}[phone]{after}"}


@given(text=utterances)
@settings(deadline=None, max_examples=300)
def test_committed_captions_only_grow_and_the_final_begins_with_them(text: str) -> None:
    words = text.split()
    final = redact_final(final_from(" ".join(words)), ALL)
    shown = ""
    for count in range(1, len(words) + 1):
        committed = " ".join(words[:count])
        partial = redact_partial(Partial(0, committed, "".join(f" {w}" for w in words[count:]), 0, 1, 1.0), ALL)
        assert partial.committed.startswith(shown)
        assert not any(card in partial.tentative for card in CARDS)
        shown = partial.committed
    assert final.text.startswith(shown)


@given(text=utterances)
@settings(deadline=None, max_examples=300)
def test_words_stand_in_the_text_in_order(text: str) -> None:
    final = redact_final(final_from(" ".join(text.split())), ALL)
    at = 0
    for word in final.words:
        at = final.text.index(word.word, at) + len(word.word)
    assert "".join(final.text.split()) == "".join("".join(word.word.split()) for word in final.words)
    assert all(a.end <= b.start for a, b in zip(final.words, final.words[1:], strict=False))


@pytest.mark.parametrize("region", ["GB", "DE", "FR", "US", "CH"])
def test_example_numbers_of_the_library_are_struck(region: str) -> None:
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert number
    for form in (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.INTERNATIONAL):
        written = phonenumbers.format_number(number, form)
        assert strike(f"it is {written} now", Redaction(frozenset({"phone"}), (region,))) == "it is [phone] now"
