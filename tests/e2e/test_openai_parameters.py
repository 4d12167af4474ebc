"""Every parameter of OpenAI's transcriptions and translations, sent by OpenAI's own SDK, over real speech."""

from collections.abc import Iterator
from typing import Any, get_args

import httpx
import pytest
from openai import BadRequestError, OpenAI
from openai.types import AudioModel
from openai.types.audio import Transcription, TranscriptionVerbose, Translation, TranslationVerbose

from tests.e2e.recordings import error_rate, flac, manifest, samples, two_sentences
from tests.unit.audio.encoded import encode

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # OpenAI's own translations

CLIP = "human-en-vm-nobox"
SPOKEN = {  # words that a translation of the recording has
    "human-es-conf-invalid": {"number", "invalid", "again"},
    "human-fr-ss-noservice": {"number", "service", "again"},
    "human-ru-queue-youarenext": {"first", "available", "operator"},
}
FIELDS = {
    Transcription: {"text", "usage", "languages"},
    TranscriptionVerbose: {"task", "language", "language_code", "duration", "text", "usage", "words", "segments"},
    Translation: {"text", "usage"},
    TranslationVerbose: {"task", "language", "language_code", "duration", "text", "usage", "segments"},
}


@pytest.fixture
def openai(live_server: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{live_server}/v1", api_key="any", max_retries=0, timeout=120) as client:
        yield client


def create(openai: OpenAI, clip: str = CLIP, **parameters: Any) -> Any:
    """A transcription by the SDK."""
    return openai.audio.transcriptions.create(
        **{"model": "whisper-1", "language": "en", "file": (f"{clip}.flac", flac(clip))} | parameters
    )


def words_of(text: str) -> set[str]:
    return {word.strip(".,!?").lower() for word in text.split()}


@pytest.mark.parametrize("model", [*get_args(AudioModel), "base"])
def test_every_model_name_of_the_sdk_is_served(openai: OpenAI, model: str) -> None:
    assert error_rate(CLIP, create(openai, model=model).text) < 0.1


def test_json_has_the_fields_of_the_sdk(openai: OpenAI) -> None:
    answer = create(openai)
    assert isinstance(answer, Transcription)
    assert set(answer.model_dump(exclude_none=True)) == FIELDS[Transcription]
    assert [language.code for language in answer.languages or ()] == ["en"]
    assert (answer.usage.type, answer.usage.seconds) == ("duration", 6)


def test_verbose_json_has_the_fields_of_the_sdk(openai: OpenAI) -> None:
    answer = create(openai, response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert isinstance(answer, TranscriptionVerbose)
    TranscriptionVerbose.model_validate(answer.model_dump(), strict=True)
    assert set(answer.model_dump(exclude_none=True)) == FIELDS[TranscriptionVerbose]


@pytest.mark.parametrize("stream", [False, True])
def test_logprobs_spell_the_text(openai: OpenAI, stream: bool) -> None:
    answer = create(openai, file=("two-sentences.flac", two_sentences()), include=["logprobs"], stream=stream)
    deltas: list[Any] = []
    if stream:
        *deltas, answer = answer
        told = [token.model_dump() for delta in deltas for token in delta.logprobs]
        assert told == [token.model_dump() for token in answer.logprobs]
        for delta in deltas:
            spelled = b"".join(bytes(token.bytes) for token in delta.logprobs)
            assert spelled.decode().strip() == delta.delta.strip()
    assert "".join(token.token for token in answer.logprobs).split() == answer.text.split()
    assert all(token.logprob <= 0 for token in answer.logprobs)
    assert any(token.logprob < 0 for token in answer.logprobs)


def test_logprobs_are_told_only_when_asked_for(openai: OpenAI) -> None:
    assert create(openai).logprobs is None
    assert all(getattr(event, "logprobs", None) is None for event in create(openai, stream=True))


@pytest.fixture(scope="module")
def whole(live_server: str) -> str:
    """The demo's text in one answer."""
    with OpenAI(base_url=f"{live_server}/v1", api_key="any", timeout=120) as openai:
        text: str = create(openai, "demo").text
        return text


@pytest.mark.parametrize("response_format", ["json", "text", "srt", "verbose_json", "vtt"])
def test_every_format_streams_the_same_events(openai: OpenAI, whole: str, response_format: Any) -> None:
    *events, done = create(openai, "demo", stream=True, response_format=response_format)
    deltas = [event for event in events if event.type == "transcript.text.delta"]
    segments = [event for event in events if event.type == "transcript.text.segment"]
    assert len(deltas) > 1
    assert "".join(delta.delta for delta in deltas) == done.text == whole
    assert [language.code for language in done.languages] == ["en"]
    if response_format == "verbose_json":
        assert [segment.text for segment in segments] == [delta.delta.strip() for delta in deltas]
        assert [segment.id for segment in segments] == [str(i) for i in range(len(deltas))]
    else:
        assert not segments


def test_a_stream_tells_words_when_asked_for(openai: OpenAI) -> None:
    parameters: dict[str, Any] = {"response_format": "verbose_json", "timestamp_granularities": ["word"]}
    *deltas, done = create(openai, stream=True, **parameters)
    assert {event.type for event in deltas} == {"transcript.text.delta"}
    assert done.words == [word.model_dump() for word in create(openai, **parameters).words]


def test_a_strategy_cuts_where_the_client_says(openai: OpenAI) -> None:
    def starts(**parameters: Any) -> list[float]:
        answer = create(openai, "demo", response_format="verbose_json", **parameters)
        assert error_rate("demo", answer.text) < 0.15
        return [segment.start for segment in answer.segments]

    quick = {"type": "server_vad", "silence_duration_ms": 300}
    patient = {"type": "server_vad", "silence_duration_ms": 5_000}
    assert starts() == starts(chunking_strategy="auto")
    assert len(starts(chunking_strategy=quick)) > len(starts()) > len(starts(chunking_strategy=patient))


def test_a_strategy_may_be_one_json_value(openai: OpenAI, api: httpx.Client) -> None:
    strategy = {"type": "server_vad", "threshold": 0.6, "silence_duration_ms": 300, "prefix_padding_ms": 200}
    bracketed = create(openai, "demo", response_format="verbose_json", chunking_strategy=strategy)
    form = {"response_format": "verbose_json", "language": "en"}
    form["chunking_strategy"] = httpx.Response(200, json=strategy).text
    whole = api.post("/v1/audio/transcriptions", files={"file": ("demo.flac", flac("demo"))}, data=form).json()
    assert [segment["start"] for segment in whole["segments"]] == [segment.start for segment in bracketed.segments]


def test_detection_is_confined_to_the_candidates(openai: OpenAI) -> None:
    clip = "human-es-conf-invalid"
    parameters: dict[str, Any] = {"model": "gpt-transcribe", "language": ""}
    for candidates, expected in ((["es", "en"], "es"), (["fr", "it"], {"fr", "it"}), (["en"], "en")):
        found = create(openai, clip, languages=candidates, **parameters).languages[0].code
        assert found in expected
    assert create(openai, clip, **parameters).languages[0].code == "es"


def test_keywords_and_a_prompt_are_taken(openai: OpenAI) -> None:
    answer = create(openai, keywords=["mailbox", "Loewe"], prompt="The sender has no mailbox.", temperature=0.2)
    assert error_rate(CLIP, answer.text) < 0.1
    assert answer.bias["entries"] == 2


def test_fields_that_openai_does_not_know_are_ignored_as_there(openai: OpenAI) -> None:
    unknown = {"vad_filter": True, "timestamp_granularities": "word", "include": "everything", "hotwords": "mailbox"}
    assert create(openai, extra_body=unknown).text == create(openai).text


@pytest.mark.parametrize(
    ("parameters", "param"),
    [
        ({"response_format": "diarized_json", "model": "gpt-4o-transcribe-diarize"}, "response_format"),
        ({"known_speaker_names": ["agent"], "known_speaker_references": ["data:audio/wav;base64,"]}, None),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities[]"),
        ({"timestamp_granularities": ["segment"], "stream": True}, "timestamp_granularities[]"),
        ({"include": ["logprobs"], "response_format": "verbose_json"}, "include[]"),
        ({"languages": ["en", "xx"]}, "languages[]"),
        (
            {"chunking_strategy": {"type": "server_vad", "prefix_padding_ms": -1}},
            "chunking_strategy[prefix_padding_ms]",
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_done_is_refused_by_name(openai: OpenAI, parameters: dict[str, Any], param: str | None) -> None:
    with pytest.raises(BadRequestError) as refused:
        create(openai, **parameters)
    assert refused.value.param == (param or "known_speaker_names[]")
    assert "speakers" in refused.value.message or param not in (None, "response_format")


@pytest.mark.parametrize("clip", SPOKEN)
def test_foreign_speech_is_translated_to_english(openai: OpenAI, clip: str) -> None:
    answer: Any = openai.audio.translations.create(model="whisper-1", file=(f"{clip}.flac", flac(clip)))
    assert isinstance(answer, Translation)
    assert set(answer.model_dump(exclude_none=True)) == FIELDS[Translation]
    assert words_of(answer.text) >= SPOKEN[clip]


def test_a_translation_comes_in_every_format(openai: OpenAI) -> None:
    clip = "human-es-conf-invalid"

    def translate(response_format: Any) -> Any:
        file = ("clip.mp3", encode(samples(clip), "mp3", "libmp3lame", 44_100))
        return openai.audio.translations.create(model="whisper-1", file=file, response_format=response_format)

    text = translate("json").text
    assert translate("text") == text + "\n"
    verbose = translate("verbose_json")
    assert isinstance(verbose, TranslationVerbose)
    TranslationVerbose.model_validate(verbose.model_dump(), strict=True)
    assert set(verbose.model_dump(exclude_none=True)) == FIELDS[TranslationVerbose]
    assert (verbose.text, verbose.language, verbose.task) == (text, "english", "translate")
    assert verbose.duration == pytest.approx(manifest()[clip]["duration"], abs=0.15)
    for captions in (translate("srt"), translate("vtt")):
        assert "-->" in captions
        assert words_of(captions) >= words_of(text)
