"""What the vendors' messages are to a measurement."""

from sotto_client import Final, Partial, Word

from loadtest.wires import COMPLETED, DeepgramWire, RealtimeWire


def test_realtime_items_become_captions_and_finals_with_their_times() -> None:
    wire = RealtimeWire(turns=True)
    item = {"item_id": "i"}
    started = {"type": "input_audio_buffer.speech_started", "audio_start_ms": 500, **item}
    stopped = {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 2500, **item}
    delta = {"type": "conversation.item.input_audio_transcription.delta", **item}
    assert wire.event_of(started) is None
    assert not wire.settled
    assert wire.event_of(delta | {"delta": "hello"}) == Partial(0, "i", "hello", "", 0.5, 0.5)
    assert wire.event_of(delta | {"delta": " there"}) == Partial(0, "i", "hello there", "", 0.5, 0.5)
    assert wire.event_of(stopped) is None
    done = wire.event_of({"type": COMPLETED, "transcript": "hello there", **item})
    assert done == Final(0, "i", "hello there", 0.5, 2.5, "en")
    assert wire.settled


def test_deepgram_results_become_captions_and_finals() -> None:
    wire = DeepgramWire(turns=True, keywords=["Aria Noor"])
    words = [{"word": "hi", "start": 1.0, "end": 1.4, "confidence": 0.9}]
    best = {"transcript": "hi", "words": words}
    results = {"type": "Results", "start": 1.0, "duration": 0.5, "channel": {"alternatives": [best]}}
    assert wire.event_of(results | {"is_final": False}) == Partial(0, "1.0", "", "hi", 1.0, 1.5)
    said = (Word("hi", 1.0, 1.4, 0.9),)
    assert wire.event_of(results | {"is_final": True}) == Final(0, "1.0", "hi", 1.0, 1.5, "en", said)
    assert wire.event_of({"type": "Metadata"}) is None
    assert "keyterm=Aria+Noor" in wire.path()
