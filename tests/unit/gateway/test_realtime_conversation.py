"""From the events of a stream to those of OpenAI's Realtime API."""

from typing import Any

from service.gateway.sockets.realtime.conversation import Conversation

TRANSCRIPTION = "conversation.item.input_audio_transcription"
COMMITTED = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]

Event = dict[str, Any]


def started(number: int, start: float) -> Event:
    return {"type": "speech_started", "id": f"s.{number}", "start": start}


def ended(number: int, end: float, cause: str = "silence") -> Event:
    return {"type": "speech_ended", "id": f"s.{number}", "end": end, "cause": cause}


def partial(number: int, committed: str, tentative: str = "") -> Event:
    return {"type": "partial", "id": f"s.{number}", "committed": committed, "tentative": tentative}


def final(number: int, text: str, language: str = "en", **more: Any) -> Event:
    words = [{"word": word} for word in text.split()]
    event = {"type": "final", "id": f"s.{number}", "text": text, "language": language, "words": words, "bias": []}
    return event | more


def play(conversation: Conversation, *events: Event) -> list[Event]:
    return [message for event in events for message in conversation.on(event)]


def types(messages: list[Event]) -> list[str]:
    return [message["type"] for message in messages]


def of(messages: list[Event], kind: str) -> list[Event]:
    return [message for message in messages if message["type"].endswith(kind)]


def turns(**options: Any) -> Conversation:
    return Conversation(**({"turns": True, "logprobs": False} | options))


def test_a_turn_is_an_item_that_is_opened_committed_and_completed_in_this_order() -> None:
    messages = play(
        turns(),
        started(0, 0.34),
        partial(0, "", "Thank you"),
        partial(0, "Thank you.", " Please"),
        ended(0, 4.4),
        final(0, "Thank you. Please hold."),
    )
    delta, completed = f"{TRANSCRIPTION}.delta", f"{TRANSCRIPTION}.completed"
    assert types(messages) == [
        "input_audio_buffer.speech_started",
        delta,
        "input_audio_buffer.speech_stopped",
        *COMMITTED,
        delta,
        completed,
    ]
    assert messages[0]["audio_start_ms"] == 340
    assert messages[2]["audio_end_ms"] == 4400
    items = {message.get("item_id") or message["item"]["id"] for message in messages}
    assert len(items) == 1
    assert [message["delta"] for message in of(messages, ".delta")] == ["Thank you.", " Please hold."]
    assert messages[-1]["transcript"] == "Thank you. Please hold."
    assert messages[-1]["usage"] == {"type": "duration", "seconds": 4.06}


def test_items_name_the_one_before_them() -> None:
    conversation = turns()
    messages = play(conversation, started(0, 0), ended(0, 1), started(1, 2), ended(1, 3), final(0, "a"), final(1, "b"))
    first, second = of(messages, ".committed")
    assert (first["previous_item_id"], second["previous_item_id"]) == (None, first["item_id"])
    assert [message["item_id"] for message in of(messages, ".completed")] == [first["item_id"], second["item_id"]]


def test_speech_that_is_cut_for_its_length_stays_one_item() -> None:
    messages = play(
        turns(),
        started(0, 0.0),
        ended(0, 19.0, "length"),
        started(1, 19.0),
        final(0, "The first part"),
        partial(1, "and"),
        ended(1, 25.0),
        final(1, "and the second."),
    )
    assert len(of(messages, "speech_started")) == len(of(messages, ".committed")) == 1
    [completed] = of(messages, ".completed")
    assert completed["transcript"] == "The first part and the second."
    assert completed["usage"]["seconds"] == 25.0
    assert "".join(message["delta"] for message in of(messages, ".delta")) == completed["transcript"]


def test_without_turns_only_the_client_commits() -> None:
    conversation = turns(turns=False)
    before = play(conversation, started(0, 0.0), ended(0, 1.0), final(0, "你好", "zh"), started(1, 2.0))
    assert types(before) == [f"{TRANSCRIPTION}.delta"]
    committed = play(conversation, ended(1, 3.0, "flush"), {"type": "commit", "at": 3.2})
    assert types(committed) == COMMITTED
    [delta, completed] = play(conversation, final(1, "世界", "zh"))
    assert (delta["delta"], completed["transcript"]) == ("世界", "你好世界")
    assert completed["item_id"] == before[0]["item_id"] == committed[0]["item_id"]
    assert completed["usage"]["seconds"] == 3.2


def test_a_commit_of_silence_completes_at_once_with_nothing() -> None:
    messages = play(turns(turns=False), {"type": "commit", "at": 1.5})
    assert types(messages) == [*COMMITTED, f"{TRANSCRIPTION}.completed"]
    assert (messages[-1]["transcript"], messages[-1]["languages"]) == ("", [])


def test_transcripts_come_in_the_order_of_commits_also_when_the_later_one_has_nothing_to_wait_for() -> None:
    conversation = turns(turns=False)
    play(conversation, started(0, 0.0), ended(0, 1.0, "flush"), {"type": "commit", "at": 1.0})
    assert types(play(conversation, {"type": "commit", "at": 2.0})) == COMMITTED
    completed = of(play(conversation, final(0, "first")), ".completed")
    assert [message["transcript"] for message in completed] == ["first", ""]


def test_cleared_speech_is_never_told() -> None:
    conversation = turns()
    assert types(play(conversation, started(0, 0.0), ended(0, 1.0, "flush"), {"type": "clear", "at": 1.0})) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.cleared",
    ]
    assert play(conversation, partial(0, "secret"), final(0, "secret words")) == []
    messages = play(conversation, started(1, 2.0), ended(1, 3.0), final(1, "Hello."))
    assert [message["transcript"] for message in of(messages, ".completed")] == ["Hello."]


def test_an_utterance_that_cannot_be_decoded_fails_its_item_alone() -> None:
    error = {"type": "error", "id": "s.0", "code": "decode_failed", "message": "not decoded in 3 deliveries"}
    messages = play(turns(), started(0, 0), ended(0, 1), started(1, 2), ended(1, 3), error, final(1, "Fine."))
    [failed] = of(messages, ".failed")
    [completed] = of(messages, ".completed")
    assert (failed["error"]["code"], completed["transcript"]) == ("decode_failed", "Fine.")
    assert failed["item_id"] != completed["item_id"]


def test_a_quiet_microphone_commits_an_empty_item_when_the_session_wants_that() -> None:
    conversation = turns()
    messages = play(conversation, {"type": "idle", "since": 0.0, "at": 5.0})
    assert types(messages) == ["input_audio_buffer.timeout_triggered", *COMMITTED, f"{TRANSCRIPTION}.completed"]
    assert (messages[0]["audio_start_ms"], messages[0]["audio_end_ms"]) == (0, 5000)
    assert play(conversation, started(0, 5.5), {"type": "idle", "since": 5.0, "at": 10.0})[1:] == []


def test_log_probabilities_go_with_the_text_that_they_are_of() -> None:
    tokens = [{"token": text, "bytes": list(text.encode()), "logprob": -0.1} for text in (" Thank", " you", ".")]
    conversation = turns(logprobs=True)
    play(conversation, started(0, 0.0), partial(0, "Thank"), ended(0, 1.0))
    [delta, completed] = play(conversation, final(0, "Thank you.", logprobs=tokens))
    assert delta["logprobs"] == tokens[1:]
    assert completed["logprobs"] == tokens


def test_names_are_counted_in_the_words_of_the_whole_item() -> None:
    match = {"phrase": "Loewe", "first_word": 1, "words": 1, "heard": "lovely", "evidence": {}}
    messages = play(
        turns(),
        started(0, 0.0),
        ended(0, 9.0, "length"),
        started(1, 9.0),
        ended(1, 12.0),
        final(0, "She said"),
        final(1, "the Loewe bag.", bias=[match]),
    )
    [completed] = of(messages, ".completed")
    assert [word["word"] for word in completed["words"]][completed["bias"][0]["first_word"]] == "Loewe"
