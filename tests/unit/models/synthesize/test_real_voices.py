"""Kokoro's speech through the whole stage is understood by the base model."""

from pathlib import Path

import pytest

from models import voices
from models.manifest import Example
from models.scoring.counts import Counts, judge
from models.scoring.phrases import PhraseFinder
from models.stage import read_stage
from models.synthesize.backends import find_backend
from models.synthesize.casting import Casting
from models.synthesize.clips import read_clip
from models.synthesize.recipe import RECIPES
from models.synthesize.run import SynthesizeOptions, synthesize
from service.audio.pcm import to_int16
from service.decoding.utterance import DecodeOptions, Utterance
from service.decoding.whisper import WhisperDecoder
from service.errors import ModelUnavailable
from service.settings import Settings

SENTENCES = [
    Example("en-1", "Please add a note that he prefers silver hardware and a longer strap."),
    Example("en-2", "The small bag is €1,250 and she loved it."),
    Example("fr-1", "La cliente cherche un sac noir pour un mariage en juin.", language="fr"),
    Example("es-1", "El cliente quiere ver los zapatos nuevos de la colección.", language="es"),
]


@pytest.mark.slow
def test_what_is_spoken_is_understood(base_model_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("kokoro_onnx", reason="kokoro-onnx is not installed: pip install 'sotto[voices]'")
    voices_dir = Settings().data_dir / "voices"
    try:
        voices.resolve("kokoro", voices_dir)
    except ModelUnavailable as error:
        pytest.skip(error.message)
    options = SynthesizeOptions(casting=Casting(foreign=0), recipe=RECIPES["clean"])
    totals = synthesize(SENTENCES, tmp_path, [find_backend("kokoro", voices_dir)], options, processes=2)
    assert totals.kept == len(SENTENCES)
    decoder = WhisperDecoder(base_model_dir, device="cpu", compute_type="int8", threads=1)
    clips = read_stage(tmp_path)
    heard = decoder.decode(
        [
            Utterance(to_int16(read_clip(clip.audio)), DecodeOptions(language=clip.language, word_times=False))
            for clip in clips
            if clip.audio is not None
        ]
    )
    counts = sum(
        (
            judge(clip.text, hypothesis.text, (), PhraseFinder((), clip.language), clip.language).counts
            for clip, hypothesis in zip(clips, heard.hypotheses, strict=True)
        ),
        Counts(),
    )
    assert counts.character_errors / counts.characters < 0.1
