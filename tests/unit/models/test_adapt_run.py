"""All stages in a row: a tiny random Whisper in seconds, and base with real voices."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.finetune.run import RESULT
from models.folder import problems
from models.stage import read_stage
from service.commands.model_stages.adapt import adapt
from service.commands.model_stages.adaptation import Adaptation
from service.commands.models import app
from service.decoding import guards
from service.errors import BadRequest, Failed, ModelUnavailable, SottoError, UnknownModel
from tests import tiny_whisper
from tests.conftest import DATA
from tests.speaking_endpoint import speaking_endpoint
from tests.unit.models.finetune.jobs import write_manifest, write_recipe

pytestmark = pytest.mark.usefixtures("one_training")

SEEDS = DATA / "seeds" / "seeds.jsonl"
LETTERS = slice(64, 90)  # ids of a to z
SPEECH = ["expand", *["synthesize"] * 3, "filter", "pseudo-label"]
REST = ["finetune", "merge", "convert", "evaluate", "evaluate", "register"]


class Here:
    """Runs commands in this process; `called`: their names. One of the name `broken` ends with 1."""

    def __init__(self, broken: str = "") -> None:
        self.called: list[str] = []
        self._broken = broken

    def __call__(self, arguments: Sequence[str]) -> int:
        self.called.append(arguments[0])
        if arguments[0] == self._broken:
            return 1
        result = CliRunner().invoke(app, list(arguments))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        print(result.output)  # which a failure shows
        return result.exit_code


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Models of this test alone, served on one core."""
    monkeypatch.setenv("SOTTO_DATA_DIR", str(tmp_path / "sotto"))
    monkeypatch.setenv("SOTTO_DEVICE", "cpu")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    return tmp_path / "sotto"


def adaptation(folder: Path, **more: object) -> Adaptation:
    """From three names and twelve seeds."""
    keywords = folder / "keywords.csv"
    keywords.write_text("phrase,class\nGoyard,brand\nPomellato,brand\nMr Oyelaran,person\n", "utf-8")
    seeds = SEEDS.read_text("utf-8").splitlines()[:12]
    (folder / "seeds.jsonl").write_text("\n".join(seeds) + "\n", "utf-8")
    return replace(
        Adaptation(
            run=folder / "run",
            model_id="ours-v1",
            base="base",
            language="en",
            keywords=keywords,
            recipe=write_recipe(
                folder / "recipe.yaml",
                optimizer={"steps": 4, "accumulate": 1},
                windows={"sizes_s": [10, 15]},
                held_out={"every": 2, "wer_clips": 0},
            ),
            per_keyword=1,
            max_words=40,
            voices="kokoro",
            dev_voices=("af_nicole",),
            test_voices=("bf_emma",),
            max_error=1,
        ),
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def babbling(tiny_hf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model in CTranslate2's form, which writes letters."""
    from safetensors.numpy import load_file, save_file

    folder = tmp_path_factory.mktemp("babbling")
    model = Path(shutil.copytree(tiny_hf, folder / "hf"))
    weights = load_file(model / "model.safetensors")
    weights["model.decoder.embed_tokens.weight"][LETTERS] *= 10
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    return tiny_whisper.write_ct2(model, folder / "ct2")


@pytest.fixture
def tiny(babbling: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Adaptation]:
    """Of a tiny random Whisper, with hummed sentences, beeps that nobody labelled, and others as general speech."""
    monkeypatch.setattr(guards, "is_speech", lambda *_: True)  # chance has no evidence for what it writes
    shutil.copytree(babbling, data_dir / "models" / "random")
    write_manifest(tmp_path / "general", ("an ant", "the hat"))
    write_manifest(tmp_path / "calls", ("a hen", "ten tents"))
    with speaking_endpoint() as endpoint:
        yield adaptation(
            tmp_path,
            base="random",
            voices=str(endpoint.write_toml(tmp_path / "voices.toml")),
            dev_voices=("ben",),
            test_voices=("cleo",),
            unlabelled=tmp_path / "calls" / "audio",
            general=(tmp_path / "general" / "manifest.jsonl",),
        )


def test_all_stages_make_a_model_that_is_served_also_after_a_stop(
    tiny: Adaptation, tmp_path: Path, data_dir: Path
) -> None:
    stopped, on = Here(broken="merge"), Here()
    with pytest.raises(Failed, match="sotto models merge ended with status 1"):
        adapt(tiny, tmp_path / "seeds.jsonl", stopped)
    assert stopped.called == [*SPEECH, "import-ct2", "finetune", "merge"]
    adapt(tiny, tmp_path / "seeds.jsonl", on)
    assert on.called == [*SPEECH, *REST]
    run, registered = tiny.run, data_dir / "models" / "ours-v1"
    assert problems(registered, hashed=True) == []
    card = json.loads((registered / "card.json").read_text("utf-8"))
    assert [Path(data["name"]) for data in card["data"]] == [run / "filter", run / "pseudo-label" / "iteration-1"]
    assert card["scores"]["systems"] == ["random", "converted"]
    assert json.loads((run / "finetune" / RESULT).read_text("utf-8"))["steps"] == 4
    voices = {name: {each.voice for each in read_stage(run / name / "synthesize")} for name in (".", "dev", "test")}
    assert voices == {".": {"anna"}, "dev": {"ben"}, "test": {"cleo"}}


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"recipe": Path("none.yaml")}, BadRequest, "none.yaml"),
        ({"keywords": Path("none.csv")}, BadRequest, "none.csv"),
        ({"base": "large-v2"}, ModelUnavailable, "large-v2"),
        ({"base": "random-typo"}, UnknownModel, "random-typo"),
        ({"model_id": "random"}, BadRequest, "there is a model random"),
        ({"model_id": "large-v2"}, BadRequest, "take another id"),
        ({"train": ("calls.jsonl=-1",)}, BadRequest, "the weight must be a number over 0"),
        ({"train": ("none.jsonl=2",)}, BadRequest, "none.jsonl"),
        ({"general": (SEEDS,)}, BadRequest, "luxury-01, audio: is missing"),
        ({"unlabelled": Path("nowhere")}, BadRequest, "nowhere"),
        ({"voices": "nobody"}, BadRequest, "nobody"),
        ({"language": "fr"}, BadRequest, "no seeds with language 'fr'"),
    ],
)
def test_what_a_stage_would_refuse_later_is_refused_at_once(
    tiny: Adaptation, tmp_path: Path, given: dict[str, object], error: type[SottoError], told: str
) -> None:
    here = Here()
    with pytest.raises(error, match=told):
        adapt(replace(tiny, **given), tmp_path / "seeds.jsonl", here)  # type: ignore[arg-type]
    assert not here.called
    assert not tiny.run.exists()


@pytest.mark.slow
def test_base_learns_from_real_voices_and_is_served(
    base_model_dir: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way of `make adapt-demo`, with two steps of training: what comes out is nearly base, and whole."""
    fetched = base_model_dir.parents[1] / "voices" / "kokoro"
    pytest.importorskip("kokoro_onnx", reason="kokoro-onnx of the extra `voices` is not installed")
    if not fetched.is_dir():
        pytest.skip("Kokoro's voices are not here: sotto models fetch-voices kokoro")
    for name in ("models/base", "voices/kokoro"):
        (data_dir / name).parent.mkdir(parents=True)
        (data_dir / name).symlink_to(base_model_dir.parents[1] / name)
    general = tmp_path / "general.jsonl"
    lines = (DATA / "manifest.jsonl").read_text("utf-8").splitlines()[:2]
    examples = [json.loads(line) for line in lines]
    general.write_text("".join(json.dumps(each | {"audio": str(DATA / each["audio"])}) + "\n" for each in examples))
    recipe = write_recipe(
        tmp_path / "base.yaml",
        lora={"encoder": False},
        optimizer={"steps": 2, "warmup_steps": 1, "learning_rate": 1e-5, "accumulate": 1},
        windows={"sizes_s": [7, 10, 15]},
        held_out={"every": 2, "wer_clips": 0},
    )
    wanted = replace(adaptation(tmp_path, general=(general,)), recipe=recipe)
    adapt(wanted, tmp_path / "seeds.jsonl", Here())
    assert problems(data_dir / "models" / "ours-v1", hashed=True) == []
    report = json.loads((wanted.run / "evaluate" / "general" / "report.json").read_text("utf-8"))
    rates = {system: figures["wer"]["percent"] for system, figures in report["slices"][0]["figures"].items()}
    assert rates["converted"] == pytest.approx(rates["base"], abs=10)
