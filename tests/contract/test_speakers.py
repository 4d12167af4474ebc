"""One contract for everything that speaks: Kokoro, Piper, an endpoint, ChatTTS.

Kokoro and Piper are the real ones where their packages and voices are here. ChatTTS is a stand-in: its weights are
on a hub only.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models import voices
from models.synthesize.chattts import ChatTts
from models.synthesize.endpoint import EndpointSpeaker, read_speech_endpoint
from models.synthesize.kokoro import Kokoro
from models.synthesize.piper import Piper
from models.synthesize.voice import Speaker, Unspeakable, Voice
from service.errors import BadRequest, ModelUnavailable
from service.settings import Settings
from tests.speaking_endpoint import hum, speaking_endpoint

SENTENCE = "Please show her the new handbag on Thursday."


def fetched(pack: str) -> Path:
    try:
        return voices.resolve(pack, Settings().data_dir / "voices")
    except ModelUnavailable as error:
        pytest.skip(error.message)


class StandInChat:
    """As much of ChatTTS.Chat as is used."""

    InferCodeParams = SimpleNamespace
    seeds: list[int]

    def load(self, compile: bool) -> bool:
        return True

    def sample_random_speaker(self) -> str:
        return f"speaker {self.seeds[-1]}"

    def infer(self, texts: list[str], *, skip_refine_text: bool, params_infer_code: Any) -> list[Any]:
        assert skip_refine_text
        speed = int(params_infer_code.prompt.removeprefix("[speed_").removesuffix("]")) / 5
        assert params_infer_code.spk_emb == f"speaker {self.seeds[-1]}"
        return [hum(text, speed)[None] for text in texts]


@pytest.fixture
def chattts(monkeypatch: pytest.MonkeyPatch) -> ChatTts:
    StandInChat.seeds = []
    monkeypatch.setitem(sys.modules, "ChatTTS", SimpleNamespace(Chat=StandInChat))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(manual_seed=StandInChat.seeds.append))
    return ChatTts()


@pytest.fixture(
    params=[
        pytest.param("kokoro", marks=pytest.mark.slow),
        pytest.param("piper", marks=pytest.mark.slow),
        "endpoint",
        "chattts",
    ]
)
def speaker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Speaker]:
    if request.param == "kokoro":
        pytest.importorskip("kokoro_onnx", reason="kokoro-onnx is not installed: pip install 'sotto[voices]'")
        yield Kokoro(fetched("kokoro"))
    elif request.param == "piper":
        pytest.importorskip("piper", reason="piper-tts is not installed: pip install piper-tts")
        yield Piper(fetched("piper-joe"))
    elif request.param == "chattts":
        yield request.getfixturevalue("chattts")
    else:
        with speaking_endpoint() as endpoint:
            yield EndpointSpeaker(read_speech_endpoint(endpoint.write_toml(tmp_path / "speech.toml")))


def english(speaker: Speaker) -> Voice:
    return next(voice for voice in speaker.voices() if voice.language in ("en", ""))


def test_voices_are_named_once_for_a_language_and_always_the_same(speaker: Speaker) -> None:
    listed = speaker.voices()
    assert listed
    assert len({(voice.name, voice.language) for voice in listed}) == len(listed)
    assert listed == speaker.voices()
    assert {voice.engine for voice in listed} == {speaker.name}
    assert all(voice.licence for voice in listed)
    assert speaker.licence


def test_a_sentence_becomes_sound(speaker: Speaker) -> None:
    samples, rate = speaker.speak(SENTENCE, english(speaker), 1.0)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert np.isfinite(samples).all()
    assert 0.02 < np.abs(samples).max() <= 1.5
    assert 1.5 < len(samples) / rate < 8


def test_speed_shortens_a_sentence(speaker: Speaker) -> None:
    slow, fast = (len(speaker.speak(SENTENCE, english(speaker), speed)[0]) for speed in (0.8, 1.4))
    assert fast < 0.8 * slow


def test_a_text_without_words_costs_nobody_else_anything(speaker: Speaker) -> None:
    with contextlib.suppress(Unspeakable):
        assert np.isfinite(speaker.speak("…", english(speaker), 1.0)[0]).all()
    assert len(speaker.speak("And on.", english(speaker), 1.0)[0])


@pytest.mark.parametrize(
    ("module", "opened"),
    [("kokoro_onnx", Kokoro), ("piper", Piper), ("ChatTTS", lambda _: ChatTts())],
    ids=["kokoro", "piper", "chattts"],
)
def test_a_package_that_is_not_installed_is_named(
    module: str, opened: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BadRequest, match=f"{module} cannot be imported .*pip install"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("module", "opened", "problem"),
    [("kokoro_onnx", Kokoro, "cannot be loaded"), ("piper", Piper, "holds no Piper voice")],
)
def test_a_folder_without_voices_is_named(module: str, opened: Any, problem: str, tmp_path: Path) -> None:
    pytest.importorskip(module)
    with pytest.raises(ModelUnavailable, match=rf"{tmp_path}.*{problem}"):
        opened(tmp_path)


def test_chattts_speaks_every_voice_with_its_own_seed(chattts: ChatTts) -> None:
    for voice in chattts.voices()[:3]:
        chattts.speak(SENTENCE, voice, 1.0)
    assert StandInChat.seeds == [1, 2, 3]


@pytest.mark.slow
def test_kokoro_speaks_as_it_did_and_in_blends_and_with_accents() -> None:
    pytest.importorskip("kokoro_onnx")
    kokoro = Kokoro(fetched("kokoro"))
    by_name = {voice.name: voice for voice in kokoro.voices() if voice.language == "en"}
    assert by_name["bf_emma"].accent == "en-GB"
    assert by_name["ff_siwis"].accent == "fr"
    assert not by_name["ff_siwis"].native
    once, again, blend = (
        kokoro.speak(SENTENCE, by_name[name], 1.0)[0] for name in ("bf_emma", "bf_emma", "bf_alice+bf_emma")
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once[:10_000], blend[:10_000])


@pytest.mark.slow
def test_kokoro_speaks_chinese_with_tones_or_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("kokoro_onnx")
    kokoro = Kokoro(fetched("kokoro"))
    voice = next(voice for voice in kokoro.voices() if voice.language == "zh" and voice.native)
    monkeypatch.setitem(sys.modules, "misaki.zh", None)
    with pytest.raises(BadRequest, match=r"misaki\.zh cannot be imported .*pip install 'misaki\[zh\]'"):
        kokoro.speak("你好", voice, 1.0)
    monkeypatch.undo()
    pytest.importorskip("misaki.zh")
    mother, horse = (kokoro.speak(f"他看到了{word}。", voice, 1.0)[0] for word in ("妈", "马"))
    n = min(len(mother), len(horse))
    assert not np.allclose(mother[:n], horse[:n])
