"""Throughput of the decoder by window, batch and beam, and what it adds to bare CTranslate2 calls on the same batches.

    python -m loadtest.decoding_bench --manifest tests/data/manifest.jsonl [--json out.json]

The bare loop gets ready-made features and does nothing but encode, generate and align; everything else (features,
grouping, guards, words, times) is the decoder's overhead. Both run in turns, on the same threads, and the best of
several rounds counts, so that other work on the machine harms both alike. Judge by the ratio.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import ctranslate2
import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from loadtest.corpus import load_manifest, read_clip
from service.decoding.features import HOP, LogMel, Samples
from service.decoding.model import load
from service.decoding.vocabulary import Vocabulary
from service.decoding.whisper import DecodeOptions, Utterance, WhisperDecoder
from service.decoding.windows import MAX_SAMPLES, MIN_PADDING, window_for
from service.settings import Settings
from service.transcript import SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Row:
    """One setting. Rates are per second of wall time over all threads; `ratio` is decoder over bare loop."""

    window_s: float
    beam_size: int
    batch: int
    utterances_per_s: float
    audio_s_per_s: float
    bare_utterances_per_s: float
    ratio: float


def main() -> None:
    arguments = _arguments()
    threadpool_limits(limits=1, user_api="blas")  # as the worker does: spinning threads would take the decoder's cores
    decoder = WhisperDecoder(
        arguments.model_dir, device=arguments.device, compute_type=arguments.compute_type, threads=arguments.threads
    )
    bare = Bare(
        arguments.model_dir, device=arguments.device, compute_type=arguments.compute_type, threads=arguments.threads
    )
    clips = [read_clip(clip.path) for clip in load_manifest(arguments.manifest, arguments.language)]
    rows = []
    for window_s in arguments.windows:
        utterances = joined(clips, round(window_s * SAMPLE_RATE), arguments.utterances)
        for beam_size in arguments.beams:
            options = DecodeOptions(language=arguments.language, beam_size=beam_size)
            for batch in arguments.batches:
                row = measure(decoder, bare, utterances, options, batch, arguments)
                rows.append(row)
    Console().print(_table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


class Bare:
    """CTranslate2 called in a loop: features in, tokens and alignments out."""

    def __init__(self, model_dir: Path, *, device: str, compute_type: str, threads: int) -> None:
        self._model = load(model_dir, device=device, compute_type=compute_type, threads=threads)
        self._vocabulary = Vocabulary(model_dir, multilingual=self._model.is_multilingual)
        self.log_mel = LogMel(self._model.n_mels)

    def run(self, mels: np.ndarray, frames: list[int], language: str, beam_size: int) -> None:
        """`mels`: float32 [batch, n_mels, frames]; `frames`: mel frames of each that hold audio."""
        prompt = self._vocabulary.prompt((), language, "transcribe", ())
        memory = self._model.encode(ctranslate2.StorageView.from_array(mels))
        results = self._model.generate(memory, [prompt] * len(mels), beam_size=beam_size)
        tokens = [result.sequences_ids[0] for result in results]
        self._model.align(memory, self._vocabulary.start_sequence(language, "transcribe"), tokens, frames)


def joined(clips: Sequence[Samples], window: int, count: int) -> list[Samples]:
    """`count` utterances of whole clips, as many of them as leave the padding in a window of that many samples.

    Raises ValueError when no clips fill such a window without fitting a smaller one.
    """
    fitting = []
    for first in range(len(clips)):
        utterance = clips[first]
        for clip in clips[first + 1 :]:
            if len(utterance) + len(clip) + MIN_PADDING > window:
                break
            utterance = np.concatenate([utterance, clip])
        if len(utterance) <= MAX_SAMPLES and window_for(len(utterance)) == window:
            fitting.append(utterance)
    if not fitting:
        raise ValueError(f"no clips of the manifest fill a window of {window / SAMPLE_RATE:g} s")
    return [fitting[i % len(fitting)] for i in range(count)]


def measure(
    decoder: WhisperDecoder,
    bare: Bare,
    utterances: Sequence[Samples],
    options: DecodeOptions,
    batch: int,
    arguments: argparse.Namespace,
) -> Row:
    groups = [list(utterances[i : i + batch]) for i in range(0, len(utterances), batch)]
    window = window_for(len(utterances[0]))
    language = str(options.language)
    mels = [np.stack([bare.log_mel(samples, window) for samples in group]) for group in groups]
    frames = [[len(samples) // HOP for samples in group] for group in groups]
    ours, theirs = [], []
    with ThreadPoolExecutor(arguments.threads) as pool:

        def timed(work: Callable[[int], object]) -> float:
            started = time.perf_counter()
            list(pool.map(work, range(len(groups))))
            return time.perf_counter() - started

        for _ in range(arguments.rounds):
            theirs.append(timed(lambda i: bare.run(mels[i], frames[i], language, options.beam_size)))
            ours.append(timed(lambda i: decoder.decode([Utterance(samples, options) for samples in groups[i]])))
    seconds = sum(len(samples) for samples in utterances) / SAMPLE_RATE
    return Row(
        window_s=window / SAMPLE_RATE,
        beam_size=options.beam_size,
        batch=batch,
        utterances_per_s=len(utterances) / min(ours),
        audio_s_per_s=seconds / min(ours),
        bare_utterances_per_s=len(utterances) / min(theirs),
        ratio=min(theirs) / min(ours),
    )


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="decoder throughput")
    for heading in ("window s", "beam", "batch", "utt/s", "audio s/s", "bare utt/s", "decoder/bare"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            f"{row.window_s:g}",
            str(row.beam_size),
            str(row.batch),
            f"{row.utterances_per_s:.1f}",
            f"{row.audio_s_per_s:.1f}",
            f"{row.bare_utterances_per_s:.1f}",
            f"{row.ratio:.0%}",
        )
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Throughput of the decoder against bare CTranslate2.")
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines with audio, text and language")
    parser.add_argument("--language", default="en")
    parser.add_argument("--model-dir", type=Path, default=Settings().data_dir / "models" / "base")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--compute-type", default="int8")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--windows", type=float, nargs="+", default=[7, 10, 15, 30], help="seconds")
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--utterances", type=int, default=16, help="per setting")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
