import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from models.folder import digest
from models.register import Registration, register
from models.registry import installed, verify
from service.cli import app
from service.errors import BadRequest, Failed, UnknownModel
from tests.unit.models.limits import small_files
from tests.unit.models.stand_ins import FILES, write_model

DATA = [
    {
        "id": "a",
        "text": "a",
        "duration": 1800,
        "source": "kokoro",
        "voice": "af_sky",
        "licence": {"voice": "Apache-2.0"},
    },
    {
        "id": "b",
        "text": "b",
        "duration": 900,
        "source": "kokoro",
        "voice": "am_adam",
        "licence": {"voice": "Apache-2.0"},
    },
    {"id": "c", "text": "c", "duration": 900, "language": "fr", "licence": "CC0-1.0"},
]
FIGURES = {"base": {"wer": {"percent": 20.0}, "mer": {"percent": None}}, "new": {"wer": {"percent": 12.3}}}
SCORES = {"systems": ["base", "new"], "slices": [{"utterances": 40, "figures": FIGURES}]}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "converted")


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOTTO_DATA_DIR", str(tmp_path))
    return tmp_path / "models"


def written(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def sotto_models(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, arguments)])


def test_the_card_says_what_the_model_is_made_of(model: Path, models_dir: Path, tmp_path: Path) -> None:
    data = written(tmp_path / "data.jsonl", "".join(json.dumps(line) + "\n" for line in DATA))
    recipe = written(tmp_path / "recipe.yaml", "lora:\n  rank: 8\n")
    scores = written(tmp_path / "report.json", SCORES)
    register(model, models_dir, Registration("ours", "base", "MIT", "3", [data], recipe, scores))

    card = json.loads((models_dir / "ours" / "card.json").read_text())
    assert (card["id"], card["version"], card["base"], card["licence"]) == ("ours", "3", "base", "MIT")
    assert card["recipe"] == "lora:\n  rank: 8\n"
    assert card["scores"] == SCORES
    (counted,) = card["data"]
    assert (counted["examples"], counted["hours"]) == (3, 1.0)
    assert counted["voices"] == {"af_sky": 1, "am_adam": 1, "unknown": 1}
    assert counted["licences"] == {"voice: Apache-2.0": 2, "CC0-1.0": 1}
    assert counted["languages"] == {"en": 2, "fr": 1}
    assert {file["name"]: file["sha256"] for file in card["files"]} == {
        name: digest(model / name).sha256 for name in FILES
    }

    page = (models_dir / "ours" / "README.md").read_text()
    assert "| wer | 20.00 | 12.30 |" in page
    assert "| mer | – | – |" in page
    assert "kokoro 2, unknown 1" in page


def test_a_registered_model_is_listed_and_verified(model: Path, models_dir: Path) -> None:
    result = sotto_models("register", model, "ours", "--base", "base", "--licence", "CC-BY-4.0")
    assert result.stdout == f"{models_dir / 'ours'}\n"

    rows = {row["id"]: row for row in json.loads(sotto_models("list", "--json").stdout)}
    assert rows["ours"]["state"] == "installed"
    assert rows["ours"]["licence"] == "CC-BY-4.0"
    assert rows["ours"]["source"] == "version 1, made from base"
    assert sotto_models("verify", "ours").stdout == "ours: verified\n"


@pytest.mark.parametrize("name", [*FILES, "card.json", "README.md"])
def test_verify_knows_every_file(model: Path, models_dir: Path, name: str) -> None:
    folder = register(model, models_dir, Registration("ours", "base", "MIT"))
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content.replace(content[-1:], b"~"))
    assert verify("ours", models_dir)


def test_an_id_that_is_taken_is_refused(model: Path, models_dir: Path) -> None:
    register(model, models_dir, Registration("ours", "base", "MIT"))
    before = (models_dir / "ours" / "card.json").read_bytes()
    with pytest.raises(BadRequest, match="never overwritten"):
        register(model, models_dir, Registration("ours", "base", "MIT", version="2"))
    assert (models_dir / "ours" / "card.json").read_bytes() == before


def test_an_id_that_is_fetched_is_refused_though_it_is_not_here(model: Path, models_dir: Path) -> None:
    with pytest.raises(BadRequest, match="large-v3 names a model that is fetched"):
        register(model, models_dir, Registration("large-v3", "base", "MIT"))


def test_what_is_no_id_is_refused(model: Path, models_dir: Path) -> None:
    with pytest.raises(UnknownModel, match="is not a model id"):
        register(model, models_dir, Registration("../ours", "base", "MIT"))


@pytest.mark.parametrize(
    ("option", "content", "told"),
    [
        ("data", '{"id": "a"}\n', "line 1, text: is missing"),
        ("scores", "{", "not JSON"),
        ("scores", "[]", "not a JSON object"),
        ("scores", "{}", "is no report of"),
        ("recipe", None, "cannot read"),
    ],
)
def test_what_cannot_be_read_is_named_and_nothing_is_written(
    model: Path, models_dir: Path, tmp_path: Path, option: str, content: str | None, told: str
) -> None:
    path = tmp_path / "given"
    if content is not None:
        path.write_text(content)
    arguments = ["--base", "base", "--licence", "MIT", f"--{option}", path]
    result = sotto_models("register", model, "ours", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert installed(models_dir) == []


def test_a_folder_that_is_no_model_is_refused(models_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"model\.bin is missing"):
        register(tmp_path, models_dir, Registration("ours", "base", "MIT"))


def test_a_full_disk_leaves_no_model(model: Path, models_dir: Path) -> None:
    (model / "model.bin").write_bytes(bytes(100_000))
    with small_files(50_000), pytest.raises(Failed, match="cannot write"):
        register(model, models_dir, Registration("ours", "base", "MIT"))
    assert not list(models_dir.iterdir())
