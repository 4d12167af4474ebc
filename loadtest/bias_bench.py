"""What a bias list costs: time of a biased final beside an unbiased one, retrieval, compilation and memory.

    python -m loadtest.bias_bench --manifest M.jsonl --lists L1.json L2.json ... [--json out.json]

Every recording is decoded in turns without and with the list, alone and on one thread, so that other work on the
machine harms both alike: judge by the ratio. The longest list is measured again when made-up names have filled it to
the most that a list may hold.
"""

import argparse
import gc
import json
import random
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from loadtest.corpus import Samples, read_clip
from models.scoring.manifest import Item, read_manifests
from service.biasing.bias import Bias, BiasList
from service.biasing.compiled import compiled
from service.biasing.entries import MAX_ENTRIES, Entry, check
from service.commands.bias_options import read_list
from service.commands.evaluate import PIPE_COLUMNS
from service.decoding.utterance import DecodeOptions, DecodeResult, Utterance
from service.decoding.whisper import WhisperDecoder
from service.decoding.windows import MAX_SAMPLES
from service.settings import Settings

_SYLLABLES = (
    "ba",
    "cor",
    "da",
    "el",
    "fi",
    "gra",
    "ho",
    "is",
    "jon",
    "ka",
    "lu",
    "mer",
    "na",
    "or",
    "pe",
    "qui",
    "ros",
)


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one figure over all utterances."""

    p50: float
    p95: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(*(round(float(each), 4) for each in np.percentile(values, (50, 95))))


@dataclass(frozen=True, slots=True)
class Cost:
    """One list. Times in seconds, `retrieval_ms` apart; `ratio`: of biased to plain, p50 and p95. `stages` are means
    per utterance, plain and biased. Memory is that of one compiled list, measured and as the worker's cache counts it.
    """

    list: str
    entries: int
    utterances: int
    second_passes: int
    plain_s: Spread
    biased_s: Spread
    ratio: Spread
    retrieval_ms: Spread
    stages: dict[str, tuple[float, float]]
    check_s: float
    compile_s: float
    memory_mb: float
    counted_mb: float


def main() -> None:
    arguments = _arguments()
    threadpool_limits(limits=1, user_api="blas")  # as in the worker
    decoder = WhisperDecoder(
        arguments.model_dir, device=arguments.device, compute_type=arguments.compute_type, threads=1
    )
    spoken = spoken_items(arguments.manifest, arguments.language, arguments.limit)
    lists = {path.name: read_list(path) for path in arguments.lists}
    name, longest = max(lists.items(), key=lambda named: len(named[1]))
    if len(longest) < MAX_ENTRIES:
        lists[f"{name} filled up"] = filled(longest)
    costs = []
    for name, entries in lists.items():
        costs.append(measure(decoder, spoken, name, entries, arguments.language))
        Console(stderr=True).print(f"{name}: p50 {costs[-1].ratio.p50:.2f} times unbiased")
    console = Console()
    console.width = console.width if console.is_terminal else PIPE_COLUMNS
    console.print(_table(costs), _stages(costs), sep="\n")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(cost) for cost in costs], indent=1))


def spoken_items(manifests: Sequence[Path], language: str, limit: int | None) -> list[tuple[Item, Samples]]:
    """The items of one language that are single utterances, with their audio; longer ones are told and left out.

    Raises BadRequest for a manifest, OSError or BadAudio for a recording that cannot be read.
    """
    items = [item for item in read_manifests(manifests) if item.language == language]
    clips = [(item, read_clip(item.audio)) for item in items[:limit]]
    fitting = [(item, samples) for item, samples in clips if len(samples) <= MAX_SAMPLES]
    if len(fitting) < len(clips):
        Console(stderr=True).print(f"{len(clips) - len(fitting)} recordings are too long for one utterance: left out")
    return fitting


def filled(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The list with as many made-up names as it has room for, always the same."""
    rng = random.Random(len(entries))
    phrases = {entry.phrase: entry for entry in entries}
    while len(phrases) < MAX_ENTRIES:
        words = ("".join(rng.choices(_SYLLABLES, k=rng.randint(2, 3))).capitalize() for _ in range(2))
        entry = Entry(" ".join(words))
        phrases.setdefault(entry.phrase, entry)
    return tuple(phrases.values())


def measure(
    decoder: WhisperDecoder, spoken: Sequence[tuple[Item, Samples]], name: str, entries: Sequence[Entry], language: str
) -> Cost:
    check_s, compile_s = _preparation(entries, language)
    biased = Bias((BiasList(entries),))
    counted = biased.compiled(language)[0].nbytes
    runs: dict[bool, list[tuple[float, DecodeResult]]] = {False: [], True: []}
    for number, (_, samples) in enumerate(spoken):
        for with_bias in (number % 2 == 0, number % 2 == 1):
            options = DecodeOptions(language=language, bias=biased if with_bias else None)
            started = time.perf_counter()
            result = decoder.decode([Utterance(samples, options)])
            runs[with_bias].append((time.perf_counter() - started, result))
    plain_s, biased_s = (Spread.of([seconds for seconds, _ in runs[with_bias]]) for with_bias in (False, True))
    results = [result for _, result in runs[True]]
    return Cost(
        list=name,
        entries=len(entries),
        utterances=len(spoken),
        second_passes=sum(bool(boost and boost.prompted) for result in results for boost in result.boosts),
        plain_s=plain_s,
        biased_s=biased_s,
        ratio=Spread(round(biased_s.p50 / plain_s.p50, 3), round(biased_s.p95 / plain_s.p95, 3)),
        retrieval_ms=Spread.of([1000 * result.timings.retrieve_s for result in results]),
        stages=_stage_means(runs),
        check_s=check_s,
        compile_s=compile_s,
        memory_mb=_memory_mb(entries, language),
        counted_mb=counted / 2**20,
    )


def _preparation(entries: Sequence[Entry], language: str) -> tuple[float, float]:
    """Seconds to check a list that was sent, and to compile it. Names of an earlier list may be known already."""
    sent = [entry.to_json() for entry in entries]
    started = time.perf_counter()
    checked = check(sent)
    at_checked = time.perf_counter()
    compiled(checked.accepted, language)
    return at_checked - started, time.perf_counter() - at_checked


def _memory_mb(entries: Sequence[Entry], language: str) -> float:
    """Of the entries and their compiled form, without the caches that all lists share."""
    sent = [entry.to_json() for entry in entries]
    gc.collect()
    tracemalloc.start()
    try:
        kept = BiasList(check(sent).accepted)
        kept.compiled(language)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / 2**20
    finally:
        tracemalloc.stop()


def _stage_means(runs: dict[bool, list[tuple[float, DecodeResult]]]) -> dict[str, tuple[float, float]]:
    plain, biased = ([result.timings.stages() for _, result in runs[with_bias]] for with_bias in (False, True))
    return {
        stage: (float(np.mean([one[stage] for one in plain])), float(np.mean([one[stage] for one in biased])))
        for stage in plain[0]
    }


def _table(costs: Sequence[Cost]) -> Table:
    table = Table(title="bias lists: cost of a final (p50 / p95), of a list")
    table.add_column("list")
    headings = ("entries", "unbiased s", "biased s", "ratio", "retrieval ms", "second passes")
    for heading in (*headings, "check s", "compile s", "MB", "MB counted"):
        table.add_column(heading, justify="right")
    for cost in costs:
        table.add_row(
            cost.list,
            f"{cost.entries:,}",
            *(_shown(each) for each in (cost.plain_s, cost.biased_s, cost.ratio)),
            f"{cost.retrieval_ms.p50:.1f} / {cost.retrieval_ms.p95:.1f}",
            f"{cost.second_passes}/{cost.utterances}",
            *(f"{each:.2f}" for each in (cost.check_s, cost.compile_s)),
            *(f"{each:.1f}" for each in (cost.memory_mb, cost.counted_mb)),
        )
    return table


def _stages(costs: Sequence[Cost]) -> Table:
    table = Table("list", title="ms per utterance, unbiased → biased")
    for stage in costs[0].stages:
        table.add_column(stage, justify="right")
    for cost in costs:
        table.add_row(
            cost.list, *(f"{1000 * plain:.0f} → {1000 * biased:.0f}" for plain, biased in cost.stages.values())
        )
    return table


def _shown(spread: Spread) -> str:
    return f"{spread.p50:.2f} / {spread.p95:.2f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What bias lists cost.")
    parser.add_argument("--manifest", type=Path, nargs="+", required=True, help="JSON lines: id, audio, text, language")
    parser.add_argument("--lists", type=Path, nargs="+", required=True, help=".json, .csv or .txt")
    parser.add_argument("--language", default="en")
    parser.add_argument("--limit", type=int, help="only so many items")
    parser.add_argument("--model-dir", type=Path, default=Settings().data_dir / "models" / "base")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--compute-type", default="int8")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
