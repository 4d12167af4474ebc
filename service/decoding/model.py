"""Loading a CTranslate2 Whisper model, on CPU or CUDA, with errors that say what to do."""

import ctypes
import importlib.util
from pathlib import Path

import ctranslate2
import numpy as np
import numpy.typing as npt

from service.errors import ModelUnavailable

FILES = ("model.bin", "config.json", "tokenizer.json")
CUDA_LIBRARIES = {"nvidia.cublas": ("libcublasLt.so.12", "libcublas.so.12"), "nvidia.cudnn": ("libcudnn.so.9",)}
CUDA_HINT = "install the CUDA 12 libraries with: pip install 'sotto[gpu]'"


def load(model_dir: Path, *, device: str, compute_type: str, threads: int) -> ctranslate2.models.Whisper:
    """A model that `threads` Python threads may call at once.

    Raises ModelUnavailable when files, CUDA libraries or the device are missing or the compute type does not
    suit the device.
    """
    missing = [name for name in FILES if not (model_dir / name).is_file()]
    if missing:
        raise ModelUnavailable(f"{model_dir} lacks {', '.join(missing)}: is the model fetched?")
    if device == "cuda":
        _preload_cuda_libraries()
    try:
        model = ctranslate2.models.Whisper(
            str(model_dir),
            device=device,
            compute_type=compute_type,
            inter_threads=threads,
            intra_threads=1 if device == "cpu" else 0,
        )
        # CTranslate2 opens the CUDA libraries only when they are first used
        model.encode(ctranslate2.StorageView.from_array(np.zeros((1, model.n_mels, 100), np.float32)))
    except (RuntimeError, ValueError) as error:
        hint = f"; {CUDA_HINT}" if ".so" in str(error) else ""
        raise ModelUnavailable(f"cannot load {model_dir.name} on {device} as {compute_type}: {error}{hint}") from error
    return model


def encode(whisper: ctranslate2.models.Whisper, mels: npt.NDArray[np.float32]) -> ctranslate2.StorageView:
    """Encoder output [batch, frames / 2, d_model] for mels [batch, n_mels, frames]; on CUDA it stays on the device.

    On a CPU the encoder is cheapest one utterance at a time, whose activations stay in the cache (a batch of 8
    windows of 15 s costs 60 % more per window), while the decoder is cheapest in batches, which share its weights.
    """
    if whisper.device == "cuda" or len(mels) == 1:
        return whisper.encode(ctranslate2.StorageView.from_array(mels))
    rows = [to_array(whisper.encode(ctranslate2.StorageView.from_array(mels[i : i + 1]))) for i in range(len(mels))]
    return ctranslate2.StorageView.from_array(np.concatenate(rows))


def take(memory: ctranslate2.StorageView, rows: list[int]) -> ctranslate2.StorageView:
    """Those rows of an encoder output, [len(rows), frames, d_model]; as it is, still on its device, when all."""
    if rows == list(range(memory.shape[0])):
        return memory
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(to_array(memory)[rows]))


def to_array(memory: ctranslate2.StorageView) -> npt.NDArray[np.float32]:
    """Encoder output as float32 in main memory; CTranslate2 moves it back to device and type when it is used."""
    if memory.device != "cpu":
        memory = memory.to_device(ctranslate2.Device.cpu)
    return np.array(memory.to(ctranslate2.DataType.float32))


def _preload_cuda_libraries() -> None:
    """Opens the libraries of the `nvidia-*-cu12` wheels, so that CTranslate2's dlopen by name finds them loaded.

    Where the wheels are not installed, the loader's own path has to do.
    """
    for package, names in CUDA_LIBRARIES.items():
        try:
            spec = importlib.util.find_spec(package)
        except ModuleNotFoundError:
            continue
        for folder in spec.submodule_search_locations or () if spec else ():
            for name in names:
                library = Path(folder) / "lib" / name
                if library.is_file():
                    ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
