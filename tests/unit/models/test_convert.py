import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.agreement import Agreement, Bounds
from models.convert import BOUNDS, Conversion, ConversionDiffers, bounds_of, convert
from models.folder import problems
from service.cli import app
from service.errors import BadRequest, Failed, ModelUnavailable
from tests.unit.models.limits import small_files

SPEECH = Path(__file__).parents[2] / "data" / "manifest.jsonl"
ANY = Bounds(rate=0, logit_difference=1e9)


def conversion(
    quantization: str, bounds: Bounds | None = None, speech: Path = SPEECH, utterances: int = 1
) -> Conversion:
    return Conversion(quantization, bounds or BOUNDS[quantization], speech, utterances)


@pytest.fixture
def one_recording(tmp_path: Path) -> Path:
    """A manifest whose only line says what `write` is given."""
    line = {"id": "a", "audio": str(SPEECH.parent / "human-en-vm-mismatch.flac"), "text": "a"}
    (tmp_path / "one.jsonl").write_text(json.dumps(line) + "\n")
    return tmp_path / "one.jsonl"


def edited(manifest: Path, **fields: str | None) -> Path:
    line = json.loads(manifest.read_text()) | fields
    manifest.write_text(json.dumps({name: value for name, value in line.items() if value is not None}) + "\n")
    return manifest


def test_float32_says_the_same_token_by_token_and_can_be_served(tiny_hf: Path, tmp_path: Path) -> None:
    found = convert(tiny_hf, tmp_path / "out", conversion("float32", utterances=3))
    assert found.identical == found.utterances == 3
    assert found.tokens > 0
    assert found.different == 0
    assert 0 < found.logit_difference < 0.01
    assert problems(tmp_path / "out") == []
    assert json.loads((tmp_path / "out" / "preprocessor_config.json").read_text())["feature_size"] == 80


@pytest.mark.parametrize("quantization", [name for name in BOUNDS if name != "float32"])
def test_every_type_is_written_with_what_was_found(tiny_hf: Path, tmp_path: Path, quantization: str) -> None:
    found = convert(tiny_hf, tmp_path / "out", conversion(quantization, ANY))
    report = json.loads((tmp_path / "out" / "conversion.json").read_text())
    assert report["quantization"] == quantization
    assert report["logit_difference"] == found.logit_difference > 0
    assert report["tokens"] == found.tokens


def test_over_a_bound_nothing_is_left(tiny_hf: Path, tmp_path: Path) -> None:
    bounds = Bounds(rate=0, logit_difference=1e-9)
    with pytest.raises(ConversionDiffers, match="logits differ by"):
        convert(tiny_hf, tmp_path / "models" / "out", conversion("int8", bounds))
    assert not list((tmp_path / "models").iterdir())


def test_weights_that_are_no_numbers_are_over_every_bound(tiny_hf: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    model = shutil.copytree(tiny_hf, tmp_path / "model")
    weights = load_file(model / "model.safetensors")
    weights["model.encoder.layer_norm.bias"][0] = float("nan")
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConversionDiffers):
        convert(model, tmp_path / "out", conversion("float32", ANY))


def test_bounds_tell_what_is_broken() -> None:
    found = Agreement(2, 1, tokens=10, different=1, logit_difference=2.5, encoder_difference=1)
    assert Bounds(0.9, 2.5).broken_by(found) == []
    assert Bounds(0.95, 2.5).broken_by(found) == ["90.00 % of the tokens are the same, not 95 %"]
    assert Bounds(0.9, 2).broken_by(found) == ["logits differ by 2.5, more than 2"]
    assert bounds_of("float32").rate == 1


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"audio": None}, "a, audio: is missing"),
        ({"audio": "nowhere.flac"}, "a, audio: there is no"),
        ({"audio": "one.jsonl"}, "one.jsonl"),
        ({"language": "tlh"}, "a, language: the model has no 'tlh'"),
    ],
)
def test_speech_that_cannot_be_used_is_named(
    tiny_hf: Path, tmp_path: Path, one_recording: Path, fields: dict[str, str | None], told: str
) -> None:
    with pytest.raises(BadRequest, match=told):
        convert(tiny_hf, tmp_path / "out", conversion("int8", ANY, edited(one_recording, **fields)))
    assert not (tmp_path / "out").exists()


def test_no_speech_at_all_is_refused(tiny_hf: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(BadRequest, match="no examples"):
        convert(tiny_hf, tmp_path / "out", conversion("int8", ANY, tmp_path / "empty.jsonl"))


@pytest.mark.parametrize("broken", ["model.safetensors", "config.json", "tokenizer.json", "preprocessor_config.json"])
def test_a_model_that_is_cut_off_or_incomplete_is_named(tiny_hf: Path, tmp_path: Path, broken: str) -> None:
    model = shutil.copytree(tiny_hf, tmp_path / "model")
    if broken == "model.safetensors":
        (model / broken).write_bytes((tiny_hf / broken).read_bytes()[:5000])
    else:
        (model / broken).unlink()
    with pytest.raises(ModelUnavailable, match=str(model)):
        convert(model, tmp_path / "out", conversion("int8", ANY))


def test_a_full_disk_leaves_nothing(tiny_hf: Path, tmp_path: Path) -> None:
    with small_files(300_000), pytest.raises(Failed, match="cannot write"):
        convert(tiny_hf, tmp_path / "models" / "out", conversion("float32"))
    assert not list((tmp_path / "models").iterdir())


def test_the_command_names_a_type_that_there_is_not(tiny_hf: Path, tmp_path: Path) -> None:
    arguments = [str(tiny_hf), str(tmp_path / "out"), "--speech", str(SPEECH), "--quantization", "int4"]
    result = CliRunner().invoke(app, ["models", "convert", *arguments])
    assert result.exit_code == 2
    assert "'int4' is none of float32, float16" in result.stderr


def test_the_command_fails_over_a_bound(tiny_hf: Path, tmp_path: Path) -> None:
    arguments = [str(tiny_hf), str(tmp_path / "out"), "--speech", str(SPEECH), "--utterances", "1"]
    result = CliRunner().invoke(app, ["models", "convert", *arguments, "--max-logit-difference", "0"])
    assert result.exit_code == 1
    assert "error: not converted: " in result.stderr
    assert not (tmp_path / "out").exists()
