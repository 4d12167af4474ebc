"""Deepgram's SDK on live streams, against a real server and real speech."""

import contextlib
import hashlib
import uuid
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import redis
from deepgram.listen.v1.types import ListenV1Configure, ListenV1Finalize, ListenV1Results
from websockets.exceptions import ConnectionClosed

from service.audio.pcm import Int16
from service.transcript import SAMPLE_RATE
from tests.e2e.conftest import KEYS, until
from tests.e2e.deepgram_clients import (
    PCM,
    finals,
    heard,
    listening,
    results,
    summary,
    sync_client,
    text,
    transcript,
)
from tests.e2e.recordings import error_rate, samples

NAMED, NAME, HEARD = "human-en-vm-newuser", "Comedien Maille", "Comedian Mail"
CLIP, OTHER = "human-en-conf-invalid", "human-en-vm-newpassword"
WORST_ERROR_RATE = 0.2


def pause(seconds: float) -> Int16:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def words(messages: list[ListenV1Results]) -> list[Any]:
    return [word for message in messages for word in message.channel.alternatives[0].words]


async def test_a_stream_is_transcribed_in_contiguous_results_and_summed_up(live_server: str) -> None:
    audio = samples("demo")
    messages = await heard(live_server, audio, **PCM, punctuate=True)
    told = finals(messages)
    assert error_rate("demo", text(messages)) <= WORST_ERROR_RATE
    assert told[0].start == 0
    assert all(later.start == pytest.approx(each.start + each.duration, abs=0.002) for each, later in pairwise(told))
    assert all(before.start <= before.end <= after.start + 0.01 for before, after in pairwise(words(told)))
    assert all(0 < word.confidence <= 1 for word in words(told))
    for result in told:
        [alternative] = result.channel.alternatives
        assert alternative.confidence == pytest.approx(
            np.mean([word.confidence for word in alternative.words]), abs=1e-3
        )
        assert [word.punctuated_word for word in alternative.words] == alternative.transcript.split()
        assert result.metadata.model_info.name == "base"
    metadata = summary(messages)
    assert metadata.sha256 == hashlib.sha256(audio.tobytes()).hexdigest()
    assert metadata.duration == pytest.approx(len(audio) / SAMPLE_RATE, abs=0.01)
    assert (metadata.channels, metadata.transaction_key) == (1, "deprecated")
    assert {str(uuid.UUID(metadata.request_id))} == {result.metadata.request_id for result in told}
    assert datetime.fromisoformat(metadata.created)


def test_the_sync_client_hears_the_same(live_server: str) -> None:
    with sync_client(live_server).listen.v1.connect(**PCM, smart_format="true") as socket:
        socket.send_media(samples(CLIP).tobytes())
        socket.send_close_stream()
        messages = list(socket)
    assert text(messages) == "That is not a valid conference number. Please try again."
    assert socket._websocket.close_code == 1000


async def test_without_formatting_transcripts_are_bare_words(live_server: str) -> None:
    messages = await heard(live_server, samples(CLIP), **PCM)
    assert text(messages) == "that is not a valid conference number please try again"
    assert words(finals(messages))[-1].punctuated_word == "again."


async def test_interim_results_grow_into_the_final(live_server: str) -> None:
    async with listening(live_server, **PCM, interim_results=True, punctuate=True) as stream:
        await stream.audio(samples(CLIP), pace=2)
        messages = await stream.close()
    told = results(messages)
    interim = [result for result in told if not result.is_final]
    assert interim
    assert told[-1].is_final
    assert {result.start for result in interim} == {0.0}
    assert all(transcript(result) for result in interim)
    assert not any(result.speech_final or result.from_finalize for result in interim)
    spread = words(interim[-1:])
    assert [word.punctuated_word for word in spread] == transcript(interim[-1]).split()
    assert all(word.start < word.end <= interim[-1].duration + 0.01 for word in spread)


async def test_without_interim_results_there_are_finals_only(live_server: str) -> None:
    async with listening(live_server, **PCM) as stream:
        await stream.audio(samples(CLIP), pace=4)
        assert all(result.is_final for result in results(await stream.close()))


async def test_endpointing_says_how_much_silence_ends_an_utterance(live_server: str) -> None:
    audio = np.concatenate([samples(CLIP), pause(0.7), samples(OTHER), pause(2.5)])
    short = finals(await heard(live_server, audio, **PCM, endpointing=300))
    patient = finals(await heard(live_server, audio, **PCM, endpointing=2_000))
    silent = finals(await heard(live_server, audio, **PCM, endpointing=False))
    assert len(short) >= 2
    assert len(patient) == 1
    assert all(result.speech_final for result in (*short, *patient))
    assert not any(result.speech_final for result in silent)
    for told in (short, patient, silent):
        assert "conference number" in text(told)
        assert "pound key" in text(told)


async def test_gaps_and_starts_of_speech_are_told(live_server: str) -> None:
    audio = np.concatenate([samples(CLIP), pause(2), samples(OTHER), pause(2)])
    messages = await heard(
        live_server, audio, **PCM, interim_results=True, utterance_end_ms=1_000, vad_events=True, endpointing=300
    )
    kinds = [message.type for message in messages]
    ends = [message for message in messages if message.type == "UtteranceEnd"]
    starts = [message for message in messages if message.type == "SpeechStarted"]
    assert len(ends) == 2
    assert all(each.channel == [0, 1] for each in (*ends, *starts))
    assert starts[0].timestamp <= words(finals(messages))[0].start
    assert starts[1].timestamp > ends[0].last_word_end
    for end in ends:
        before = finals(messages[: messages.index(end)])
        assert end.last_word_end == words(before)[-1].end
    assert kinds[-2:] == ["UtteranceEnd", "Metadata"]


async def test_finalize_flushes_and_the_stream_stays_open(live_server: str) -> None:
    audio = samples(CLIP)
    async with listening(live_server, **PCM, punctuate=True) as stream:
        await stream.audio(audio[: 2 * SAMPLE_RATE])
        await stream.socket.send_finalize()
        first = await stream.until("Results", from_finalize=True)
        assert (first.is_final, bool(transcript(first))) == (True, True)
        await stream.socket.send_finalize(ListenV1Finalize(type="Finalize"))
        empty = await stream.until("Results")
        assert (empty.from_finalize, empty.is_final, transcript(empty)) == (True, True, "")
        await stream.audio(audio[2 * SAMPLE_RATE :])
        messages = await stream.close()
    assert "try again" in text(messages).lower()
    assert [result.from_finalize for result in finals(messages)].count(True) == 2


async def test_an_empty_frame_closes_as_close_stream_does(live_server: str) -> None:
    async with listening(live_server, **PCM) as stream:
        await stream.audio(samples(CLIP))
        await stream.socket.send_media(b"")
        messages = await stream.to_the_end()
        assert stream.ended[0] == 1000
    assert "conference number" in text(messages)
    summary(messages)


async def test_a_stream_without_audio_is_summed_up(live_server: str) -> None:
    for query in (PCM, {"model": "nova-3"}):
        async with listening(live_server, **query) as stream:
            messages = await stream.close()
        assert len(messages) == 1
        assert (summary(messages).duration, summary(messages).sha256) == (0.0, hashlib.sha256().hexdigest())


async def test_who_says_nothing_is_closed_and_who_keeps_alive_is_not(live_server: str) -> None:
    async with listening(live_server, **PCM) as kept, listening(live_server, **PCM) as silent:
        await silent.audio(samples(CLIP)[: 2 * SAMPLE_RATE])
        while not [message for message in silent.seen if message.type == "Metadata"]:
            await kept.socket.send_keep_alive()
            with contextlib.suppress(TimeoutError):
                await silent.next(within_s=3)
        await silent.to_the_end()
        assert text(silent.seen)
        assert (silent.ended[0], "net0001" in silent.ended[1]) == (1011, True)
        await kept.audio(samples(CLIP))
        assert "conference number" in text(await kept.close())


async def test_keyterms_and_keywords_change_what_is_written(live_server: str) -> None:
    audio = samples(NAMED)
    assert HEARD in text(await heard(live_server, audio, **PCM, punctuate=True))
    for query in ({"keyterm": ["Zibbledonk", NAME]}, {"model": "nova-2", "keywords": f"{NAME}:1.5"}):
        assert NAME in text(await heard(live_server, audio, **PCM | query, punctuate=True))
    assert HEARD in text(await heard(live_server, audio, **PCM, keywords=f"{NAME}:0", punctuate=True))


async def test_configure_replaces_keyterms_for_the_utterances_to_come(live_server: str) -> None:
    audio = samples(NAMED)
    async with listening(live_server, **PCM, punctuate=True) as stream:
        await stream.audio(audio)
        await stream.socket.send_finalize()
        await stream.until("Results", from_finalize=True)
        await stream.socket.send_configure(ListenV1Configure(keyterms=[NAME, "🍷"]))
        told = await stream.until("ConfigureSuccess")
        assert told.keyterms == [NAME]
        before = len(stream.seen)
        await stream.audio(audio)
        await stream.socket.send_configure(ListenV1Configure(features={"numerals": True}))
        assert (await stream.until("ConfigureSuccess")).keyterms is None
        messages = await stream.close()
    assert HEARD in text(messages[:before])
    assert NAME in text(messages[before:])
    assert told.request_id == summary(messages).request_id


async def test_what_is_no_message_costs_nothing_but_an_answer(live_server: str) -> None:
    async with listening(live_server, **PCM) as stream:
        for said, expected in (
            ('{"type": "KeepAlive "}', "unknown variant `KeepAlive `"),
            ('{"type": "Configure", "keyterm": ["Loewe"]}', "unknown field `keyterm`"),
            ('{"type": "Configure", "keyterms": "Loewe"}', "`keyterms` must be"),
            ('{"type": "Finalize", "channel": "first"}', "`channel` must be"),
            ("[1]", "expected an object"),
            ("hello", "not JSON"),
            ("[" * 100_000, "not JSON"),
        ):
            await stream.socket._send(said)
            answer = await stream.next()
            assert (answer.type, answer.variant, answer.message) == ("Error", "SchemaError", said)
            assert expected in answer.description
        await stream.socket.send_configure(ListenV1Configure(keyterms=[f"Brand {i}" for i in range(10_001)]))
        failure = await stream.next()
        assert (failure.type, failure.code) == ("ConfigureFailure", "CONFIGURE_KEYTERM_LIMIT_EXCEEDED")
        await stream.audio(samples(CLIP))
        assert "conference number" in text(await stream.close())


async def test_channels_are_transcribed_apart(live_server: str) -> None:
    one, other = samples(CLIP), samples(OTHER)
    both = np.zeros((max(len(one), len(other)), 2), np.int16)
    both[: len(one), 0], both[: len(other), 1] = one, other
    messages = await heard(live_server, both.reshape(-1), **PCM, channels=2, multichannel=True, vad_events=True)
    assert text(messages, 0) == "that is not a valid conference number please try again"
    assert "pound key" in text(messages, 1)
    assert {tuple(result.channel_index) for result in results(messages)} == {(0, 2), (1, 2)}
    assert {tuple(message.channel) for message in messages if message.type == "SpeechStarted"} == {(0, 2), (1, 2)}
    metadata = summary(messages)
    assert (metadata.channels, metadata.duration) == (2, pytest.approx(len(both) / SAMPLE_RATE, abs=0.01))


async def test_one_channel_can_be_finalized(live_server: str) -> None:
    both = np.repeat(samples(CLIP)[: 2 * SAMPLE_RATE], 2)
    async with listening(live_server, **PCM, channels=2, multichannel=True) as stream:
        await stream.audio(both)
        await stream.socket._send('{"type": "Finalize", "channel": 1}')
        result = await stream.until("Results", from_finalize=True)
        assert result.channel_index == [1, 2]
        messages = await stream.close()
    assert not any(result.from_finalize for result in results(messages, 0))


async def test_languages_are_taken_detected_and_told(live_server: str) -> None:
    audio = samples("human-es-conf-invalid")
    asked = await heard(live_server, audio, **PCM, language="es-419", punctuate=True)
    several = await heard(live_server, audio, **PCM, language="multi", language_hint=["es", "en-GB"])
    assert error_rate("human-es-conf-invalid", text(asked)) <= WORST_ERROR_RATE
    assert finals(asked)[0].channel.alternatives[0].languages is None
    [alternative] = finals(several)[0].channel.alternatives
    assert (alternative.languages, alternative.languages_hinted) == (["es"], ["es", "en"])
    assert {word.language for word in alternative.words} == {"es"}


async def test_a_lost_connection_leaves_no_session_behind(live_server: str, store: "redis.Redis") -> None:
    before = store.zcard(KEYS.open_sessions())
    with contextlib.suppress(ConnectionClosed):
        async with listening(live_server, **PCM) as stream:
            await stream.audio(samples(CLIP)[:SAMPLE_RATE])
            await until(lambda: store.zcard(KEYS.open_sessions()) > before)
            stream.vanish()
    await until(lambda: store.zcard(KEYS.open_sessions()) <= before)


async def test_extra_is_told_back(live_server: str) -> None:
    messages = await heard(live_server, samples(CLIP), **PCM, extra="call:42")
    assert finals(messages)[0].metadata.extra == {"call": "42"}  # type: ignore[attr-defined]
