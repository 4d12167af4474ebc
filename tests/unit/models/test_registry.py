from pathlib import Path

import pytest

from models.folder import Manifest, digests, write_manifest
from models.registry import find, installed, known, resolve, verify
from service.errors import ModelUnavailable, UnknownModel
from tests.unit.models.stand_ins import CONFIG, FILES, write_model


def test_base_can_be_had_without_the_hub_and_every_file_is_pinned() -> None:
    base = find("base")
    assert base is not None
    assert [source.label.split()[0] for source in base.sources] == ["hub", "PyPI"]
    assert {file.name for file in base.files} == set(FILES)


def test_ids_are_unique() -> None:
    ids = [entry.id for entry in known()]
    assert len(ids) == len(set(ids))
    assert {"tiny", "small", "medium", "large-v2", "large-v3", "large-v3-turbo", "distil-large-v3"} < set(ids)


def test_unknown_model_lists_known_and_local_ids(tmp_path: Path) -> None:
    write_model(tmp_path / "our-dictation")
    with pytest.raises(UnknownModel) as caught:
        resolve("bsae", tmp_path)
    assert caught.value.field == "model"
    assert "base" in caught.value.message
    assert "our-dictation" in caught.value.message


def test_known_but_absent_model_says_how_to_fetch_it(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="sotto models fetch base"):
        resolve("base", tmp_path)


@pytest.mark.parametrize("model_id", ["../x", "a/b", "/etc", "", ".", "..", ".base.lock", "base\0"])
def test_traversal_is_refused_even_when_the_folder_exists(model_id: str, tmp_path: Path) -> None:
    write_model(tmp_path / "x")
    (tmp_path / "models").mkdir()
    with pytest.raises(UnknownModel, match="not a model id"):
        resolve(model_id, tmp_path / "models")


def test_local_folder_is_a_model_by_its_name(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "our-dictation")
    assert resolve("our-dictation", tmp_path) == folder


@pytest.mark.parametrize("name", FILES)
def test_folder_that_lacks_a_file_is_not_served(name: str, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "our-dictation")
    (folder / name).unlink()
    with pytest.raises(ModelUnavailable, match=name.split(".")[0]):
        resolve("our-dictation", tmp_path)


def test_known_id_with_other_content_is_damaged(tmp_path: Path) -> None:
    write_model(tmp_path / "base")
    with pytest.raises(ModelUnavailable, match=r"model\.bin has 23 bytes, not 145,217,532"):
        resolve("base", tmp_path)


def test_truncated_model_is_noticed_by_its_manifest(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "our-dictation")
    write_manifest(folder, Manifest("our-dictation", "fine-tuned", "MIT", digests(folder)))
    (folder / "model.bin").write_bytes(b"short")
    with pytest.raises(ModelUnavailable, match=r"model\.bin has 5 bytes, not 23"):
        resolve("our-dictation", tmp_path)


def test_verify_reads_contents(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "our-dictation")
    write_manifest(folder, Manifest("our-dictation", "fine-tuned", "MIT", digests(folder)))
    assert verify("our-dictation", tmp_path) == []
    (folder / "model.bin").write_bytes(FILES["model.bin"].upper())
    assert resolve("our-dictation", tmp_path) == folder
    (problem,) = verify("our-dictation", tmp_path)
    assert problem.startswith("model.bin has SHA-256")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": [1]}', "\xff"])
def test_garbage_manifest_is_damage_not_a_crash(content: str, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "our-dictation")
    (folder / "manifest.json").write_text(content, encoding="latin-1")
    with pytest.raises(ModelUnavailable, match="damaged"):
        resolve("our-dictation", tmp_path)


def test_installed_describes_local_and_damaged_models(tmp_path: Path) -> None:
    write_model(tmp_path / "english", {**FILES, "config.json": CONFIG.replace(b"50257", b"50256")})
    write_model(tmp_path / "many")
    (tmp_path / "half").mkdir()
    (tmp_path / ".base+unfinished").mkdir()
    (tmp_path / "a-file").write_text("")

    models = {model.id: model for model in installed(tmp_path)}
    assert sorted(models) == ["english", "half", "many"]
    assert not models["english"].multilingual
    assert models["many"].multilingual
    assert models["many"].problems == ()
    assert "model.bin is missing" in models["half"].problems


def test_nothing_is_installed_where_nothing_is(tmp_path: Path) -> None:
    assert installed(tmp_path / "absent") == []
