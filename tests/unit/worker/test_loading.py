"""What a worker decodes of a turn, over the bundled Valkey and Debian's Redis."""

from typing import Any

import numpy as np
import pytest

from service.decoding.utterance import DecodeOptions
from service.log.audio_log import AudioLog, Chunk
from service.log.publishing import Publisher
from service.log.sessions import Sessions, new_id
from service.log.store import Store, TurnKind
from service.log.turns import Claimed, Turn
from service.worker.loading import Loaded, Loader

OWNER = "gw/1"
SECOND = 16_000

ASKED: dict[str, Any] = {"languages": ["en", "es"], "prompt": "Madame,", "word_times": False, "logprobs": True}


class Talk:
    """A session that holds ten seconds of audio."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._publisher = Publisher(store)
        self._id = new_id("s")

    async def open(self) -> "Talk":
        sessions = Sessions(self._store, resume_ttl_s=60)
        await sessions.create(self._id, owner=OWNER, wake="w", token="secret", options={})
        n = 10 * SECOND
        chunk = Chunk(1, np.zeros(n, np.int16), 0, n, 2 * n, b"", keep_from=0, ended=0)
        await AudioLog(self._store, self._id).append(OWNER, chunk, ttl_s=60)
        return self

    def turn(self, utterance: int, options: dict[str, Any], kind: TurnKind = "final", seconds: int = 1) -> Turn:
        end = None if kind == "partial" else seconds * SECOND
        return Turn(kind, self._id, utterance, 0, end, end, options)

    async def options(self, turn: Turn) -> DecodeOptions:
        loaded = await Loader(self._store, self._publisher).load(Claimed(turn, "1-0", wait_ms=0))
        assert isinstance(loaded, Loaded)
        return loaded.utterance.options

    async def speak(self, language: str) -> None:
        """Publishes a first final in `language`."""
        turn = self.turn(0, {})
        lease = await self._publisher.begin(turn)
        assert not isinstance(lease, str)
        await self._publisher.final(turn, lease, SECOND, {"type": "final"}, language)


@pytest.fixture
async def talk(store: Store) -> Talk:
    return await Talk(store).open()


async def test_a_final_is_decoded_as_its_turn_asks(talk: Talk) -> None:
    asked = DecodeOptions(languages=("en", "es"), prompt="Madame,", word_times=False, logprobs=True)
    assert await talk.options(talk.turn(0, ASKED)) == asked


async def test_a_partial_is_greedy_and_tells_no_log_probabilities(talk: Talk) -> None:
    cheap = DecodeOptions(languages=("en", "es"), prompt="Madame,", beam_size=1, temperatures=(0.0,), word_times=False)
    assert await talk.options(talk.turn(0, ASKED, "partial")) == cheap


@pytest.mark.parametrize(
    ("candidates", "language"), [([], "es"), (["en", "es"], "es"), (["en", "fr"], None)], ids=["any", "among", "other"]
)
async def test_a_short_utterance_is_in_the_language_spoken_before_if_that_is_a_candidate(
    talk: Talk, candidates: list[str], language: str | None
) -> None:
    await talk.speak("es")
    assert (await talk.options(talk.turn(1, {"languages": candidates}))).language == language
    assert (await talk.options(talk.turn(1, {"languages": candidates}, seconds=5))).language is None
