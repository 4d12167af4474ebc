"""`/v1/realtime` by OpenAI's own SDK, over real speech."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
import redis
from openai import AsyncOpenAI, AuthenticationError, BadRequestError, OpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from loadtest.accuracy import normalise
from service.audio.pcm import Int16
from service.audio.stream_decoder import StreamFormat
from service.transcript import SAMPLE_RATE
from tests.e2e.conftest import KEYS, Gateways, Neighbour, until
from tests.e2e.recordings import error_rate, manifest, samples
from tests.e2e.test_boosted_decoding import CLIP as SPOKEN
from tests.e2e.test_boosted_decoding import FIRST as WRITTEN
from tests.e2e.test_boosted_decoding import PLAIN
from tests.unit.audio.encoded import stream

TRANSCRIPTION = "conversation.item.input_audio_transcription"
CLIP = "human-en-vm-nobox"
RATE = 24_000
WAIT_S = 60.0
TRANSCRIPTION_ONLY = {"intent": "transcription"}

Event = dict[str, Any]


def pcm24(speech: Int16) -> bytes:
    return stream(speech, StreamFormat("pcm_s16le", RATE))[0]


def pause(seconds: float) -> Int16:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def session(**given: Any) -> dict[str, Any]:
    include = {"include": given.pop("include")} if "include" in given else {}
    given.setdefault("transcription", {"model": "whisper-1", "language": "en"})
    return {"type": "transcription", "audio": {"input": given}} | include


class Talk:
    """One connection of the SDK. `seen` holds every event as plain JSON, in order of arrival."""

    def __init__(self, connection: Any) -> None:
        self.sdk = connection
        self.seen: list[Event] = []

    async def append(self, audio: bytes, frame: int = 9_600) -> None:
        for at in range(0, len(audio), frame):
            await self.sdk.input_audio_buffer.append(audio=base64.b64encode(audio[at : at + frame]).decode())

    async def next(self) -> Event:
        event: Event = (await asyncio.wait_for(self.sdk.recv(), WAIT_S)).model_dump()
        self.seen.append(event)
        return event

    async def until(self, kind: str) -> Event:
        while (event := await self.next())["type"] != kind:
            assert event["type"] != "error", event
        return event

    async def update(self, **given: Any) -> Event:
        await self.sdk.session.update(session=session(**given))
        return await self.until("session.updated")

    async def completed(self, count: int) -> list[str]:
        """The next transcripts."""
        return [(await self.until(f"{TRANSCRIPTION}.completed"))["transcript"] for _ in range(count)]

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.seen if event["type"] == kind]


@asynccontextmanager
async def talking(url: str, key: str = "any", **given: Any) -> AsyncIterator[Talk]:
    """A session that has been configured; English unless told otherwise."""
    async with (
        AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client,
        client.realtime.connect(extra_query=TRANSCRIPTION_ONLY) as connection,
    ):
        talk = Talk(connection)
        created = await talk.next()
        assert (created["type"], created["session"]["type"]) == ("session.created", "transcription")
        await talk.update(**given)
        yield talk


async def test_turns_are_heard_committed_and_transcribed_in_order(live_server: str) -> None:
    speech = np.concatenate([samples("demo")[: 10 * SAMPLE_RATE], pause(1)])
    async with talking(live_server) as talk:
        await talk.append(pcm24(speech))
        texts = await talk.completed(2)
    spoken = [segment["text"] for segment in manifest()["demo"]["segments"][:2]]
    assert [normalise(text) for text in texts] == [normalise(text) for text in spoken]
    committed = [event["item_id"] for event in talk.of("input_audio_buffer.committed")]
    for kind in (
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        f"{TRANSCRIPTION}.completed",
    ):
        assert [event["item_id"] for event in talk.of(kind)][: len(committed)] == committed
    previous = [event["previous_item_id"] for event in talk.of("input_audio_buffer.committed")]
    assert previous == [None, *committed[:-1]]
    for item, text in zip(committed, texts, strict=True):
        deltas = [event["delta"] for event in talk.of(f"{TRANSCRIPTION}.delta") if event["item_id"] == item]
        assert "".join(deltas) == text
    assert len({event["event_id"] for event in talk.seen}) == len(talk.seen)
    usage = talk.of(f"{TRANSCRIPTION}.completed")[0]["usage"]
    assert usage["type"] == "duration"
    assert 3 < usage["seconds"] < 6
    starts = [event["audio_start_ms"] for event in talk.of("input_audio_buffer.speech_started")]
    stops = [event["audio_end_ms"] for event in talk.of("input_audio_buffer.speech_stopped")]
    assert starts[0] < stops[0] < starts[1] < stops[1]


@pytest.mark.parametrize(("kind", "law"), [("audio/pcmu", "mulaw"), ("audio/pcma", "alaw")])
async def test_telephone_audio_is_understood(live_server: str, kind: str, law: str) -> None:
    async with talking(live_server, format={"type": kind}, turn_detection=None) as talk:
        await talk.append(stream(samples(CLIP), StreamFormat(law, 8_000))[0], frame=800)
        await talk.sdk.input_audio_buffer.commit()
        [text] = await talk.completed(1)
    assert error_rate(CLIP, text) < 0.2


async def test_without_turn_detection_the_client_decides_what_an_item_is(live_server: str) -> None:
    two_sentences = pcm24(samples("demo")[: 10 * SAMPLE_RATE])
    async with talking(live_server, turn_detection=None) as talk:
        await talk.append(two_sentences)
        await talk.sdk.input_audio_buffer.commit()
        [both] = await talk.completed(1)
        await talk.append(pcm24(pause(0.5)))
        await talk.sdk.input_audio_buffer.commit()
        assert await talk.completed(1) == [""]
    spoken = " ".join(segment["text"] for segment in manifest()["demo"]["segments"][:2])
    assert normalise(both) == normalise(spoken)
    assert not talk.of("input_audio_buffer.speech_started")


async def test_what_is_cleared_is_not_transcribed(live_server: str) -> None:
    async with talking(live_server, turn_detection=None) as talk:
        await talk.append(pcm24(samples("demo")[: 4 * SAMPLE_RATE]))
        await talk.sdk.input_audio_buffer.clear()
        await talk.until("input_audio_buffer.cleared")
        await talk.append(pcm24(samples(CLIP)))
        await talk.sdk.input_audio_buffer.commit()
        [text] = await talk.completed(1)
    assert error_rate(CLIP, text) < 0.1
    assert len(talk.of("input_audio_buffer.committed")) == 1


async def test_an_update_in_mid_stream_holds_from_the_next_turn_on(live_server: str) -> None:
    turn = pcm24(np.concatenate([samples(SPOKEN), pause(1)]))
    async with talking(live_server) as talk:
        await talk.append(turn)
        [plain] = await talk.completed(1)
        told = await talk.update(transcription={"keywords": [WRITTEN]})
        assert told["session"]["audio"]["input"]["transcription"]["keywords"] == [WRITTEN]
        assert told["session"]["audio"]["input"]["transcription"]["language"] == "en"
        await talk.append(turn)
        completed = await talk.until(f"{TRANSCRIPTION}.completed")
        await talk.sdk.session.update(session=session(format={"type": "audio/pcmu"}), event_id="too late")
        error = (await talk.next())["error"]
    assert completed["transcript"] == plain.replace(PLAIN, WRITTEN)
    assert PLAIN in plain
    assert [match["phrase"] for match in completed["bias"]] == [WRITTEN]
    assert (error["event_id"], error["param"]) == ("too late", "session.audio.input.format")


async def test_log_probabilities_spell_the_transcript(live_server: str) -> None:
    include = ["item.input_audio_transcription.logprobs"]
    async with talking(live_server, include=include, turn_detection=None) as talk:
        await talk.append(pcm24(samples(CLIP)))
        await talk.sdk.input_audio_buffer.commit()
        completed = await talk.until(f"{TRANSCRIPTION}.completed")
    spelled = b"".join(bytes(each["bytes"]) for each in completed["logprobs"]).decode()
    assert spelled.strip() == completed["transcript"]
    assert all(each["logprob"] <= 0 for each in completed["logprobs"])


async def test_an_error_repeats_the_clients_event_id_and_the_session_goes_on(live_server: str) -> None:
    async with talking(live_server, turn_detection=None) as talk:
        await talk.sdk.input_audio_buffer.commit(event_id="empty")
        await talk.sdk.session.update(session={"type": "transcription", "volume": 11}, event_id="unknown")
        await talk.sdk.send({"type": "response.create", "event_id": "other"})
        await talk.sdk.input_audio_buffer.append(audio="not base64!", event_id="garbled")
        await talk.sdk.session.update(session=session(transcription={"model": "no-such-model"}), event_id="model")
        await talk.sdk.session.update(session=session(transcription={"language": "xx"}), event_id="language")
        await talk.sdk.session.update(session=session(transcription={"bias_lists": ["no-such-list"]}), event_id="list")
        errors = {(error := (await talk.next())["error"])["event_id"]: error for _ in range(7)}
        await talk.append(pcm24(samples(CLIP)))
        await talk.sdk.input_audio_buffer.commit()
        [text] = await talk.completed(1)
    place = "session.audio.input.transcription"
    assert {name: (error["code"], error["param"]) for name, error in errors.items()} == {
        "empty": ("input_audio_buffer_commit_empty", None),
        "unknown": ("unknown_parameter", "session.volume"),
        "other": ("invalid_value", "type"),
        "garbled": ("invalid_value", "audio"),
        "model": ("model_not_found", f"{place}.model"),
        "language": ("invalid_request", f"{place}.language"),
        "list": ("bias_list_not_found", f"{place}.bias_lists"),
    }
    assert {error["type"] for error in errors.values()} == {"invalid_request_error"}
    assert error_rate(CLIP, text) < 0.1


async def test_a_quiet_microphone_is_told_of_when_the_session_asks_for_it(live_server: str) -> None:
    async with talking(live_server, turn_detection={"type": "server_vad", "idle_timeout_ms": 5_000}) as talk:
        await talk.append(pcm24(pause(6)))
        idle = await talk.until("input_audio_buffer.timeout_triggered")
        assert await talk.completed(1) == [""]
    assert idle["audio_end_ms"] - idle["audio_start_ms"] >= 5_000


def test_the_synchronous_sdk_gets_the_same(live_server: str) -> None:
    with (
        OpenAI(base_url=f"{live_server}/v1", api_key="any", max_retries=0) as client,
        client.realtime.connect(extra_query=TRANSCRIPTION_ONLY) as connection,
    ):
        assert connection.recv().type == "session.created"
        connection.session.update(session=session(turn_detection=None))  # type: ignore[arg-type]
        assert connection.recv().type == "session.updated"
        connection.input_audio_buffer.append(audio=base64.b64encode(pcm24(samples(CLIP))).decode())
        connection.input_audio_buffer.commit()
        for event in connection:
            assert event.type != "error"
            if event.type == f"{TRANSCRIPTION}.completed":
                assert error_rate(CLIP, event.transcript) < 0.1
                break


async def test_keys_and_short_lived_secrets_open_sessions(gateways: Gateways) -> None:
    with gateways(SOTTO_API_KEYS="k1") as url:
        async with AsyncOpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0) as stranger:
            with pytest.raises(AuthenticationError):
                await stranger.realtime.client_secrets.create()
            with pytest.raises(InvalidStatus) as refused:
                await stranger.realtime.connect(extra_query=TRANSCRIPTION_ONLY).enter()
            assert refused.value.response.status_code == 401
        async with AsyncOpenAI(base_url=f"{url}/v1", api_key="k1", max_retries=0) as client:
            asked = session(transcription={"language": "es", "model": "whisper-1"}, turn_detection=None)
            secret = await client.realtime.client_secrets.create(
                session=asked,  # type: ignore[arg-type]
                expires_after={"anchor": "created_at", "seconds": 30},
            )
            assert secret.value.startswith("ek_")
            assert secret.session.type == "transcription"
            with pytest.raises(BadRequestError) as too_long:
                await client.realtime.client_secrets.create(expires_after={"anchor": "created_at", "seconds": 9_999})
            assert too_long.value.param == "expires_after.seconds"
        address = url.replace("http", "ws") + "/v1/realtime"
        for key in (secret.value, "k1"):  # as a browser offers it
            offered = ["realtime", f"openai-insecure-api-key.{key}"]
            async with connect(address, subprotocols=offered, proxy=None) as socket:  # type: ignore[arg-type]
                assert socket.subprotocol == "realtime"
                created = json.loads(await socket.recv())["session"]["audio"]["input"]
                assert created["transcription"]["language"] == ("es" if key == secret.value else None)
        with pytest.raises(InvalidStatus):
            await connect(address, subprotocols=["realtime", "openai-insecure-api-key.ek_none"], proxy=None)  # type: ignore[list-item]
        async with connect(
            url.replace("http", "ws") + "/v1/stream", proxy=None, subprotocols=["sotto", f"sotto-key.{secret.value}"]
        ) as socket:  # type: ignore[list-item]
            await socket.send('{"type": "start"}')
            assert json.loads(await socket.recv())["type"] == "started"
            assert socket.subprotocol == "sotto"


async def test_the_beta_is_spoken_behind_its_header_only(live_server: str) -> None:
    address = live_server.replace("http", "ws") + "/v1/realtime?intent=transcription"
    async with connect(address, additional_headers={"OpenAI-Beta": "realtime=v1"}, proxy=None) as socket:
        assert json.loads(await socket.recv())["type"] == "transcription_session.created"
        update = {
            "input_audio_format": "pcm16",
            "turn_detection": None,
            "input_audio_transcription": {"language": "en"},
        }
        await socket.send(json.dumps({"type": "transcription_session.update", "session": update}))
        updated = json.loads(await socket.recv())
        assert (updated["type"], updated["session"]["input_audio_format"]) == ("transcription_session.updated", "pcm16")
        audio = base64.b64encode(pcm24(samples(CLIP))).decode()
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        await socket.send('{"type": "input_audio_buffer.commit"}')
        kinds = []
        while (event := json.loads(await socket.recv()))["type"] != f"{TRANSCRIPTION}.completed":
            kinds.append(event["type"])
        assert error_rate(CLIP, event["transcript"]) < 0.1
        assert "conversation.item.created" in kinds
    async with httpx.AsyncClient(base_url=live_server) as api:
        assert (await api.post("/v1/realtime/transcription_sessions", json={})).status_code == 404
        made = await api.post("/v1/realtime/transcription_sessions", json={}, headers={"OpenAI-Beta": "realtime=v1"})
        assert made.json()["client_secret"]["value"].startswith("ek_")


async def test_a_client_that_vanishes_leaves_nothing_behind(live_server: str, store: "redis.Redis") -> None:
    before = set(store.keys(KEYS.state("s_*")))
    async with talking(live_server) as talk:
        await talk.append(pcm24(samples("demo")[: 3 * SAMPLE_RATE]))
        await talk.until("input_audio_buffer.speech_started")
        assert set(store.keys(KEYS.state("s_*"))) - before
        talk.sdk._connection.transport.abort()
    await until(lambda: not set(store.keys(KEYS.state("s_*"))) - before)


async def test_garbage_costs_its_sender_alone(live_server: str, neighbour: Neighbour) -> None:
    address = live_server.replace("http", "ws") + "/v1/realtime"
    async with neighbour(), connect(address, proxy=None) as socket:
        garbage = ("", "{", "[]", '"x"', b"\x00\xff", '{"type": {}}', '{"type": "session.update", "session": 3}')
        garbage += (
            "[" * 200_000,
            r'{"type": "\ud800"}',
            r'{"type": "input_audio_buffer.commit", "event_id": "\ud800"}',
        )
        for each in garbage:
            await socket.send(each)
        events = [json.loads(await socket.recv()) for _ in range(1 + len(garbage))]
        assert [event["type"] for event in events] == ["session.created", *["error"] * len(garbage)]
