"""Live audio for `/v1/listen` in every form that is taken: bare samples, packets, containers that tell themselves."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from service.audio.pcm import Int16
from service.audio.stream_decoder import StreamFormat
from tests.e2e.deepgram_clients import heard, listening, summary, text
from tests.e2e.recordings import samples
from tests.unit.audio.encoded import encode, opus_packets, stream, wav

CLIP = "human-en-conf-invalid"
SPOKEN = "That is not a valid conference number. Please try again."


def sent(encoding: str, rate: int = 16_000, channels: int = 1) -> Callable[[Int16], bytes]:
    return lambda audio: b"".join(stream(audio, StreamFormat(encoding, rate, channels)))


FORMS: dict[str, tuple[Callable[[Int16], bytes], dict[str, Any]]] = {
    "linear16": (sent("pcm_s16le", 48_000, 2), {"encoding": "linear16", "sample_rate": 48_000, "channels": 2}),
    "linear32": (sent("pcm_f32le", 24_000), {"encoding": "linear32", "sample_rate": 24_000}),
    "mulaw": (sent("mulaw", 8_000), {"encoding": "mulaw", "sample_rate": 8_000}),
    "alaw": (sent("alaw", 8_000), {"encoding": "alaw"}),
    "flac": (sent("flac"), {"encoding": "flac"}),
    "ogg": (sent("ogg_opus"), {"encoding": "ogg-opus"}),
    "sniffed flac": (sent("flac"), {}),
    "sniffed ogg": (sent("ogg_opus"), {"sample_rate": 48_000}),
    "webm": (sent("webm_opus"), {}),
    "aac": (sent("aac_adts"), {}),
    "mp3": (sent("mp3"), {}),
    "wav": (wav, {}),
    "mulaw in wav": (lambda audio: encode(audio, "wav", "pcm_mulaw", 8_000), {}),
}


@pytest.mark.parametrize(("encoded", "query"), FORMS.values(), ids=FORMS)
async def test_the_same_speech_in_every_form(
    live_server: str, encoded: Callable[[Int16], bytes], query: dict[str, Any]
) -> None:
    messages = await heard(live_server, encoded(samples(CLIP)), **query, punctuate=True)
    assert text(messages) == SPOKEN
    assert summary(messages).duration == pytest.approx(len(samples(CLIP)) / 16_000, abs=0.2)


async def test_bare_opus_packets_come_one_to_a_frame(live_server: str) -> None:
    async with listening(live_server, encoding="opus", sample_rate=48_000, punctuate=True) as open_stream:
        for packet in opus_packets(samples(CLIP)):
            await open_stream.socket.send_media(packet)
        assert text(await open_stream.close()) == SPOKEN


async def test_a_container_is_told_also_when_it_drips_in(live_server: str) -> None:
    data = sent("ogg_opus")(samples(CLIP))
    async with listening(live_server, punctuate=True) as open_stream:
        for byte in data[:80]:
            await open_stream.socket.send_media(bytes([byte]))
        await open_stream.audio(data[80:])
        assert text(await open_stream.close()) == SPOKEN


@pytest.mark.parametrize("head", [b"Hi", b"\xff", b"Og", b"RIFF....AVI "])
async def test_what_is_no_container_or_cut_off_before_it_is_told_is_no_audio(live_server: str, head: bytes) -> None:
    async with listening(live_server) as open_stream:
        with contextlib.suppress(ConnectionClosed):
            await open_stream.audio(head)
            await open_stream.socket.send_close_stream()
        [problem] = await open_stream.to_the_end()
        assert (problem.type, problem.variant, open_stream.ended[0]) == ("Error", "invalid_audio", 1008)
