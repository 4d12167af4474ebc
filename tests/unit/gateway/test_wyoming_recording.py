"""Samples of any width to 16 bits, and a transcript that only grows."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from service.errors import BadRequest
from service.gateway.sockets.wyoming.recording import GrowingTranscript, Samples


@pytest.mark.parametrize(
    ("width", "sent"),
    [
        (1, bytes([0, 128, 255])),
        (2, np.array([-32768, 0, 32512], "<i2").tobytes()),
        (3, b"\x01\x00\x80" + b"\xff\x00\x00" + b"\x00\x00\x7f"),
        (4, np.array([-(2**31) + 1, 65_535, 32512 << 16], "<i4").tobytes()),
    ],
)
def test_samples_keep_their_sixteen_most_significant_bits(width: int, sent: bytes) -> None:
    for size in range(1, len(sent) + 1):
        samples = Samples(width)
        heard = b"".join(samples.feed(sent[at : at + size]) for at in range(0, len(sent), size))
        assert np.frombuffer(heard, "<i2").tolist() == [-32768, 0, 32512]


@pytest.mark.parametrize("width", [-1, 0, 5])
def test_other_widths_are_refused(width: int) -> None:
    with pytest.raises(BadRequest, match="width must be 1, 2, 3 or 4"):
        Samples(width)


def partial(utterance: int, committed: str) -> dict[str, Any]:
    return {"id": f"s_1.2.{utterance}", "committed": committed, "tentative": " and so on"}


def final(text: str, language: str = "en") -> dict[str, Any]:
    return {"text": text, "language": language}


def test_committed_words_are_told_once_and_finals_end_them() -> None:
    growing = GrowingTranscript("en")
    said = [
        growing.add_partial(partial(0, "")),
        growing.add_partial(partial(0, "Please")),
        growing.add_partial(partial(0, "Please hold")),
        growing.add_partial(partial(0, "Please hold")),
        growing.add_final(final("Please hold the line.")),
        growing.add_final(final("")),
        growing.add_partial(partial(2, "Thank")),
        growing.add_final(final("Thank you.")),
    ]
    assert said == ["", "Please", " hold", "", " the line.", "", " Thank", " you."]
    assert growing.whole.text == "".join(said) == "Please hold the line. Thank you."
    assert growing.whole.language == "en"


def test_an_utterance_waits_for_the_finals_before_it() -> None:
    growing = GrowingTranscript("en")
    assert growing.add_partial(partial(1, "Thank you")) == ""
    assert growing.add_final(final("Please hold.")) == "Please hold."
    assert growing.add_partial(partial(1, "Thank you")) == " Thank you"


@pytest.mark.parametrize("asked", [None, "ja"])
def test_chunks_add_up_to_the_text_in_scripts_without_spaces(asked: str | None) -> None:
    growing = GrowingTranscript(asked)
    said = [
        growing.add_partial(partial(0, "お電話")),
        growing.add_final(final("お電話ありがとう。", "ja")),
        growing.add_partial(partial(1, "少々")),
        growing.add_final(final("少々お待ちください。", "ja")),
    ]
    assert "".join(said) == growing.whole.text == "お電話ありがとう。少々お待ちください。"
    assert bool(said[2]) == bool(asked), "what separates utterances is not known before the language is"


def test_texts_grow_whatever_is_said() -> None:
    growing = GrowingTranscript("en")
    texts = [""]
    for number, text in enumerate(("One two.", "Three.", "", "Four five six.")):
        words = text.split()
        for count in range(len(words) + 1):
            texts.append(texts[-1] + growing.add_partial(partial(number, " ".join(words[:count]))))
        texts.append(texts[-1] + growing.add_final(final(text)))
    assert all(after.startswith(before) for before, after in pairwise(texts))
    assert texts[-1] == growing.whole.text
