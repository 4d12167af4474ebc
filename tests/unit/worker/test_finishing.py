"""The events that a client reads, and the words that matches of a bias list count."""

import json
from dataclasses import replace

from service.log.turns import Turn
from service.streaming.agreement import Agreement
from service.streaming.captions import final_of
from service.transcript import Hypothesis, Match, Piece, TokenLogprob
from service.worker.finishing import final_event

TURN = Turn("final", "s_1", 3, 0, 16_000, 16_000, {})


def pieces(*texts: str) -> tuple[Piece, ...]:
    return tuple(Piece(text, (number,), number / 10, (number + 1) / 10, 0.9) for number, text in enumerate(texts))


def match(phrase: str, first: int, last: int) -> Match:
    return Match(phrase, first, last, heard="low eve", distance=0.25, gain=3.5, needed=-4.0)


def event(hypothesis: Hypothesis, agreement: Agreement | None = None) -> dict[str, object]:
    return final_event(TURN, final_of(agreement or Agreement(), hypothesis, 3, 0, 16_000))


def test_a_final_tells_where_its_phrases_are_and_why() -> None:
    told = event(Hypothesis(pieces(" a", " Loro", " Piana", " coat."), "en", matches=(match("Loro Piana", 1, 3),)))
    assert told["bias"] == [
        {
            "phrase": "Loro Piana",
            "first_word": 1,
            "words": 2,
            "heard": "low eve",
            "evidence": {"distance": 0.25, "gain": 3.5, "needed": -4.0},
        }
    ]


def test_matches_count_words_and_not_what_is_blank_between_them() -> None:
    hypothesis = Hypothesis(
        pieces(" a", " ", " Loewe", " ", " bag", " Dior"), "en", matches=(match("Loewe", 2, 3), match("Dior", 5, 6))
    )
    told = event(hypothesis)
    words = [word["word"] for word in told["words"]]  # type: ignore[attr-defined]
    assert words == ["a", "Loewe", "bag", "Dior"]
    assert [(found["first_word"], found["words"]) for found in told["bias"]] == [(1, 1), (3, 1)]  # type: ignore[attr-defined]


def test_a_final_without_matches_says_so() -> None:
    assert event(Hypothesis(pieces(" a", " bag"), "en"))["bias"] == []


def test_committed_words_are_not_rewritten_and_the_match_is_dropped_with_its_words() -> None:
    committed = Agreement(committed=pieces(" a", " low", " eve"))
    told = event(Hypothesis(pieces(" a", " Loewe", " bag"), "en", matches=(match("Loewe", 1, 2),)), committed)
    assert told["text"] == "a low eve"
    assert told["bias"] == []


SAID = (
    Piece(" a", (1,), logprobs=(TokenLogprob(b" a", -0.1234567),)),
    Piece(" 鹕", (2, 3), logprobs=(TokenLogprob(b" \xe9", -2.5), TokenLogprob(b"\xb9\x95", 0.0))),
)


def test_a_final_tells_what_each_token_spells_and_how_likely_it_was_where_the_turn_asks() -> None:
    final = final_of(Agreement(), Hypothesis(SAID, "zh"), 3, 0, 16_000)
    told = final_event(replace(TURN, options={"logprobs": True}), final)
    assert told["logprobs"] == [
        {"token": " a", "bytes": [32, 97], "logprob": -0.12346},
        {"token": " \ufffd", "bytes": [32, 233], "logprob": -2.5},
        {"token": "\ufffd\ufffd", "bytes": [185, 149], "logprob": 0.0},
    ]
    assert bytes(byte for token in told["logprobs"] for byte in token["bytes"]).decode() == " a 鹕"
    assert json.loads(json.dumps(told)) == told


def test_a_final_whose_turn_does_not_ask_has_no_log_probabilities() -> None:
    assert "logprobs" not in event(Hypothesis(SAID, "zh"))


def test_a_final_without_text_has_no_tokens_to_tell_of() -> None:
    final = final_of(Agreement(), Hypothesis((), "en"), 3, 0, 16_000)
    assert final_event(replace(TURN, options={"logprobs": True}), final)["logprobs"] == []
