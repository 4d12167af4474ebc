"""What becomes a clip, what is left out and what is refused; what clips are as arrays."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.finetune.acoustics import Encodings, Sound, Spectrograms
from models.finetune.collation import IGNORED, Collator, Sample
from models.finetune.dataset import Clips, Source, load, read_clip
from models.finetune.prompts import Prompt
from models.finetune.recipe import SpecAugment, read_recipe
from service.decoding.features import LogMel
from service.decoding.vocabulary import Vocabulary
from service.errors import BadAudio, BadRequest
from tests import tiny_whisper
from tests.unit.models.finetune.jobs import write_manifest, write_recipe


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    folder = tmp_path_factory.mktemp("vocabulary")
    (folder / "tokenizer.json").write_text(json.dumps(tiny_whisper.tokenizer_json()), "utf-8")
    return Vocabulary(folder, multilingual=True)


def loaded(manifest: Path, vocabulary: Vocabulary, **sections: Any) -> Clips:
    return load(Source(manifest), vocabulary, read_recipe(write_recipe(manifest.parent / "r.yaml", **sections)))


def changed(manifest: Path, number: int, **fields: Any) -> Path:
    """The manifest with other fields in one line; None takes a field away."""
    lines = [json.loads(line) for line in manifest.read_text("utf-8").splitlines()]
    lines[number] |= fields
    lines[number] = {name: value for name, value in lines[number].items() if value is not None}
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return manifest


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"text": "  "}, "empty text"),
        ({"language": "tlh"}, "in a language that the model does not know: tlh"),
        ({"text": "a" * 201}, "over 200 tokens"),
        ({"text": "the cat sat " * 4}, "with text that repeats itself"),
        ({"duration": 0.1}, "under 0.3 s"),
        ({"duration": 28.0}, "over 27 s or the longest window"),
    ],
)
def test_clips_outside_the_limits_are_left_out_and_told(
    tmp_path: Path, vocabulary: Vocabulary, fields: dict[str, Any], reason: str
) -> None:
    clips = loaded(changed(write_manifest(tmp_path), 2, **fields), vocabulary)
    assert clips.left_out == {reason: ["beep-2"]}
    assert len(clips.clips) == 5
    assert f"5 clips, 0.00 h; left out: 1 {reason} (beep-2)" in clips.report()


@pytest.mark.parametrize(
    ("fields", "message", "field"),
    [
        ({"audio": None}, "beep-2, audio: is missing", "audio"),
        ({"audio": "audio/none.flac"}, r"beep-2, audio: there is no .*none\.flac", "audio"),
        ({"audio": "manifest.jsonl", "duration": None}, "beep-2, audio: ", "audio"),
        ({"duration": "long"}, "line 3, duration", "duration"),
    ],
)
def test_audio_that_is_not_there_is_refused_before_training(
    tmp_path: Path, vocabulary: Vocabulary, fields: dict[str, Any], message: str, field: str
) -> None:
    with pytest.raises(BadRequest, match=message) as caught:
        loaded(changed(write_manifest(tmp_path), 2, **fields), vocabulary)
    assert caught.value.field == field


def test_a_manifest_without_examples_is_refused(tmp_path: Path, vocabulary: Vocabulary) -> None:
    empty = write_manifest(tmp_path, ())
    with pytest.raises(BadRequest, match="has no examples"):
        loaded(empty, vocabulary)
    with pytest.raises(BadRequest, match="2 empty text"):
        loaded(write_manifest(tmp_path, ("", " ")), vocabulary)


def test_audio_of_another_length_than_the_manifest_says_is_refused(tmp_path: Path, vocabulary: Vocabulary) -> None:
    clips = loaded(changed(write_manifest(tmp_path), 0, duration=3.0), vocabulary)
    with pytest.raises(BadAudio, match=r"beep-0: .*lasts 1\.00 s at the sample rate.*3\.00 s") as caught:
        read_clip(clips.clips[0])
    assert caught.value.field == "audio"


def test_a_duration_that_is_missing_is_taken_from_the_audio(tmp_path: Path, vocabulary: Vocabulary) -> None:
    assert loaded(changed(write_manifest(tmp_path), 1, duration=None), vocabulary).clips[1].n_samples == 17_600


@pytest.mark.parametrize(("text", "weight"), [("a/b", 1.0), ("a/b=2.5", 2.5)])
def test_a_source_is_a_path_and_a_weight(text: str, weight: float) -> None:
    assert Source.parse(text) == Source(Path("a/b"), weight)


def test_a_path_may_hold_an_equals_sign(tmp_path: Path) -> None:
    (tmp_path / "lr=1").mkdir()
    assert Source.parse(str(tmp_path / "lr=1")) == Source(tmp_path / "lr=1")
    assert Source.parse(str(tmp_path / "lr=1=2")) == Source(tmp_path / "lr=1", 2.0)


@pytest.mark.parametrize("text", ["a=0", "a=-1", "a=x", "a=nan", "a=inf", "a="])
def test_a_weight_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="weight"):
        Source.parse(text)


def test_only_the_text_and_its_end_are_scored(tmp_path: Path, vocabulary: Vocabulary) -> None:
    clips = loaded(write_manifest(tmp_path), vocabulary).clips
    samples = [Sample(clips[0]), Sample(clips[3], Prompt(("tin", "tents"), ("tin",)))]
    batch = Collator(vocabulary, Spectrograms(80, None))(samples, 5 * 16_000)
    for row, text in enumerate((" an ant", " a thin tin")):
        places = np.flatnonzero(batch.labels[row] != IGNORED)
        labels = batch.labels[row, places].tolist()
        assert vocabulary.text(labels[:-1]) == text
        assert labels[-1] == vocabulary.eot
        # what the decoder reads is what it had to write before
        assert batch.inputs[row, places[1:]].tolist() == labels[:-1]
        before = batch.inputs[row, : places[0] + 1].tolist()
        prompt = vocabulary.previous("tin, tents.") if row else []
        assert before == vocabulary.prompt(prompt, "en", "transcribe", ())
    assert batch.scored == sum(len(sample.clip.tokens) + 1 for sample in samples)


def test_spectrograms_are_those_of_the_service_and_masked_only_in_training(
    tmp_path: Path, vocabulary: Vocabulary
) -> None:
    clip = loaded(write_manifest(tmp_path), vocabulary).clips[0]
    collator = Collator(vocabulary, Spectrograms(80, SpecAugment()))
    plain = collator([Sample(clip)], 5 * 16_000).heard[0]
    assert (plain == LogMel(80)(read_clip(clip), 5 * 16_000)).all()
    masked = collator([Sample(clip, masks=(1,))], 5 * 16_000).heard[0]
    assert (masked != plain).any()


def test_what_a_frozen_encoder_makes_of_a_sound_is_computed_once(tmp_path: Path, vocabulary: Vocabulary) -> None:
    clips = loaded(write_manifest(tmp_path), vocabulary).clips
    encoded: list[bytes] = []

    def encode(mel: np.ndarray) -> np.ndarray:
        encoded.append(mel.tobytes())
        return mel[:2]

    encodings = Encodings(Spectrograms(80, SpecAugment()), encode)
    sounds = [Sound(clips[0], 80_000), Sound(clips[1], 80_000), Sound(clips[0], 80_000, (1,)), Sound(clips[0], 112_000)]
    first = [encodings(sound) for sound in sounds]
    again = [encodings(sound) for sound in sounds]
    assert len(encoded) == len(set(encoded)) == len(sounds)
    assert all((one == other).all() for one, other in zip(first, again, strict=True))
