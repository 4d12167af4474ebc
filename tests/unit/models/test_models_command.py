import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service.commands.models import app
from tests.unit.models.stand_ins import write_model


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOTTO_DATA_DIR", str(tmp_path))
    return tmp_path / "models"


def sotto_models(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_list_as_json_tells_state_of_known_and_local_models(models_dir: Path) -> None:
    write_model(models_dir / "our-dictation")
    write_model(models_dir / "base")

    rows = {row["id"]: row for row in json.loads(sotto_models("list", "--json").stdout)}
    assert rows["our-dictation"]["state"] == "installed"
    assert rows["our-dictation"]["path"] == str(models_dir / "our-dictation")
    assert rows["base"]["state"] == "damaged"
    assert rows["large-v3"]["state"] == "available"
    assert rows["tiny.en"]["multilingual"] is False


def test_list_shows_every_id_in_a_narrow_terminal(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = sotto_models("list").stdout
    for model_id in ("tiny.en", "base", "large-v3-turbo", "distil-large-v3"):
        assert model_id in shown
    assert "available" in shown


@pytest.mark.parametrize("model_id", ["../x", "bsae", "a/b"])
def test_wrong_id_is_one_line_and_status_2(models_dir: Path, model_id: str) -> None:
    result = sotto_models("fetch", model_id)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_fetch_of_a_local_model_prints_its_folder(models_dir: Path) -> None:
    folder = write_model(models_dir / "our-dictation")
    assert sotto_models("fetch", "our-dictation").stdout == f"{folder}\n"


def test_verify_names_what_is_damaged_and_exits_1(models_dir: Path) -> None:
    write_model(models_dir / "our-dictation")
    write_model(models_dir / "base")

    result = sotto_models("verify")
    assert result.exit_code == 1
    assert "our-dictation: verified" in result.stdout
    assert "base: config.json has" in result.stdout
    assert result.stderr == "error: damaged: base\n"
