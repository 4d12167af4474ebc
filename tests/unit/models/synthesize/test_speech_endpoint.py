"""An /audio/speech endpoint: what is asked, what is tried again, what is refused."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from models.synthesize.endpoint import EndpointSpeaker, EndpointUnavailable, read_speech_endpoint
from models.synthesize.voice import Unspeakable
from service.errors import BadRequest
from tests.speaking_endpoint import SpeakingEndpoint, speaking_endpoint

Opened = Callable[..., EndpointSpeaker]


@pytest.fixture
def endpoint() -> Iterator[SpeakingEndpoint]:
    with speaking_endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def opened(endpoint: SpeakingEndpoint, waits: list[float], tmp_path: Path) -> Opened:
    def opened(extra: str = "", key: str | None = None) -> EndpointSpeaker:
        described = read_speech_endpoint(endpoint.write_toml(tmp_path / "speech.toml", extra))
        return EndpointSpeaker(described, key=key, wait=waits.append)

    return opened


def test_the_request_is_openais_and_the_file_may_add_to_it(endpoint: SpeakingEndpoint, opened: Opened) -> None:
    speaker = opened('[body]\ninstructions = "Whisper."', key="s3cret")
    samples, rate = speaker.speak("Hello there.", speaker.voices()[1], 1.25)
    assert endpoint.requests == [
        {
            **{"path": "/v1/audio/speech", "model": "hum-1", "input": "Hello there.", "voice": "ben", "speed": 1.25},
            **{"response_format": "wav", "instructions": "Whisper."},
        }
    ]
    assert endpoint.keys == ["Bearer s3cret"]
    assert rate == 16_000
    assert len(samples) / rate == pytest.approx(10 / 14 / 1.25, abs=0.01)


def test_a_failure_that_passes_is_waited_out(endpoint: SpeakingEndpoint, opened: Opened, waits: list[float]) -> None:
    endpoint.answers = [(429, {"Retry-After": "7"}, b"slow down"), (503, {}, b"")]
    speaker = opened()
    samples, _ = speaker.speak("Hello there.", speaker.voices()[0], 1.0)
    assert np.abs(samples).max() > 0.1
    assert len(waits) == 2
    assert waits[0] >= 7


def test_an_endpoint_that_stays_away_stops_the_run(
    endpoint: SpeakingEndpoint, opened: Opened, waits: list[float]
) -> None:
    endpoint.answers = [(500, {}, b'{"error": {"message": "out of order"}}')] * 3
    speaker = opened("attempts = 3")
    with pytest.raises(EndpointUnavailable, match=r"/audio/speech: 500: out of order \(after 3 attempts\)"):
        speaker.speak("Hello.", speaker.voices()[0], 1.0)
    assert len(waits) == 2


def test_a_text_that_is_refused_costs_no_other(endpoint: SpeakingEndpoint, opened: Opened) -> None:
    endpoint.answers = [(400, {}, b'{"error": {"message": "content policy"}}')]
    speaker = opened()
    with pytest.raises(Unspeakable, match="content policy"):
        speaker.speak("Hello.", speaker.voices()[0], 1.0)
    assert len(speaker.speak("Hello.", speaker.voices()[0], 1.0)[0])


def test_a_key_that_is_refused_stops_the_run_and_is_not_told(endpoint: SpeakingEndpoint, opened: Opened) -> None:
    endpoint.answers = [(401, {}, b'{"error": {"message": "no such key"}}')]
    speaker = opened(key="s3cret")
    with pytest.raises(BadRequest, match="401: no such key") as caught:
        speaker.speak("Hello.", speaker.voices()[0], 1.0)
    assert not isinstance(caught.value, Unspeakable)
    assert "s3cret" not in caught.value.message


def test_an_answer_that_is_no_audio_is_told(endpoint: SpeakingEndpoint, opened: Opened) -> None:
    endpoint.answers = [(200, {}, b"<html>welcome</html>")]
    speaker = opened()
    with pytest.raises(EndpointUnavailable, match="sent no audio"):
        speaker.speak("Hello.", speaker.voices()[0], 1.0)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("url = ", "voices"),
        ('url = "http://a"\nmodel = "m"', "voices"),
        ('url = "http://a"\nvoices = [{ name = "a" }]', "model"),
        ('url = "a"\nmodel = "m"\nvoices = [{ name = "a" }]', "url"),
        ('url = "http://a"\nmodel = "m"\nvoices = ["a"]', "voices"),
        ('url = "http://a"\nmodel = "m"\nvoices = [{ language = "en" }]', "voices"),
        ('url = "http://a"\nmodel = "m"\nvoices = [{ name = "a", sex = "f" }]', "voices"),
        ('url = "http://a"\nmodel = "m"\nvoices = [{ name = "a" }]\nattempts = 0', "attempts"),
        ('url = "http://a"\nmodel = "m"\nvoices = [{ name = "a" }]\nattempts = -1', "attempts"),
        ('url = "http://a"\nmodel = "m"\nvoices = [{ name = "a" }]\nprice = 1', "price"),
    ],
)
def test_a_file_that_cannot_be_is_named_with_its_field(text: str, field: str, tmp_path: Path) -> None:
    path = tmp_path / "speech.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadRequest, match=str(path)) as caught:
        read_speech_endpoint(path)
    assert caught.value.field == field
