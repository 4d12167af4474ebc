"""How much bias lists help and harm, by list and strength, and what each strategy of boosted decoding is worth.

    python -m loadtest.bias_sweep --manifest M.jsonl --lists L1.json L2.json ... [--strengths 0 1] [--ablate] --out DIR

Decodes every recording in process, each as one utterance, and scores the texts as `sotto eval` does. DIR must not be
there yet; it gets `sweep.md`, `sweep.png` and `runs.json`, renewed after every run. Needs the extra `eval`.
"""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console
from threadpoolctl import threadpool_limits

from loadtest.bias_bench import spoken_items
from loadtest.corpus import Samples
from models.scoring.counts import Counts
from models.scoring.manifest import Item
from models.scoring.table import ALL, PhraseLists, figures, score
from service.biasing.bias import Bias, BiasList
from service.biasing.strategies import EVERY, Strategies
from service.commands.bias_options import read_list
from service.decoding.utterance import DecodeOptions, Utterance
from service.decoding.whisper import WhisperDecoder
from service.settings import Settings

COLUMNS = {
    "recall": "recall %",
    "precision": "precision %",
    "false_alarms": "false alarms per 1,000 words",
    "wer": "WER %",
    "wer_with": "WER % where phrases are spoken",
    "wer_without": "WER % where none is",
    "u_wer": "U-WER %",
    "second_passes": "second passes",
}
PLOTTED = ("recall", "false_alarms", "wer_with", "wer_without")


@dataclass(frozen=True, slots=True)
class Run:
    """All items with one list at one strength; `off`: the strategy that was switched off. Rates are None where there is
    nothing to divide by."""

    list: str
    entries: int
    strength: float
    off: str | None
    recall: float | None
    precision: float | None
    false_alarms: float | None
    wer: float | None
    wer_with: float | None
    wer_without: float | None
    u_wer: float | None
    second_passes: int


class Sweep:
    """Decodes on all threads; what is without bias is decoded once."""

    def __init__(self, decoder: WhisperDecoder, spoken: Sequence[tuple[Item, Samples]], threads: int) -> None:
        self._decoder = decoder
        self._spoken = spoken
        self._threads = threads
        self._unbiased: tuple[dict[str, str], int] | None = None

    def run(self, path: Path, one: BiasList, strength: float, off: str | None = None) -> Run:
        if strength == 0:
            self._unbiased = self._unbiased or self._texts(None)
            texts, second_passes = self._unbiased
        else:
            strategies = replace(EVERY, **{off: False}) if off else EVERY
            texts, second_passes = self._texts(Bias((one,), strength, strategies=strategies))
        items = [item for item, _ in self._spoken]
        scored = score(items, texts, PhraseLists([entry.phrase for entry in one.entries]))
        whole = figures(scored.groups[ALL])
        parts = [
            sum((scored.judged[item.id].counts for item in items if bool(item.bias) == named), Counts())
            for named in (True, False)
        ]
        return Run(
            list=path.name,
            entries=len(one.entries),
            strength=strength,
            off=off,
            recall=whole["phrase_recall"],
            precision=whole["phrase_precision"],
            false_alarms=whole["false_alarms_per_1000_words"],
            wer=whole["wer"],
            wer_with=figures(parts[0])["wer"],
            wer_without=figures(parts[1])["wer"],
            u_wer=whole["u_wer"],
            second_passes=second_passes,
        )

    def _texts(self, bias: Bias | None) -> tuple[dict[str, str], int]:
        """Texts by item id, and how many items took a second pass."""

        def decode(spoken: tuple[Item, Samples]) -> tuple[str, bool]:
            item, samples = spoken
            result = self._decoder.decode([Utterance(samples, DecodeOptions(language=item.language, bias=bias))])
            [boost] = result.boosts
            told = bool(bias and bias.strategies.second_pass and boost and boost.prompted)
            return result.hypotheses[0].text, told

        with ThreadPoolExecutor(self._threads) as pool:
            found = list(pool.map(decode, self._spoken))
        texts = {item.id: text for (item, _), (text, _) in zip(self._spoken, found, strict=True)}
        return texts, sum(again for _, again in found)


def main() -> None:
    arguments = _arguments()
    threadpool_limits(limits=1, user_api="blas")  # as in the worker
    decoder = WhisperDecoder(
        arguments.model_dir,
        device=arguments.device,
        compute_type=arguments.compute_type,
        threads=arguments.threads,
    )
    spoken = spoken_items(arguments.manifest, arguments.language, arguments.limit)
    lists = [(path, BiasList(read_list(path))) for path in arguments.lists]
    arguments.out.mkdir(parents=True)
    sweep = Sweep(decoder, spoken, arguments.threads)
    runs: list[Run] = []
    for strength, off in _plan(arguments.strengths, ablate=arguments.ablate):
        for path, one in lists:
            runs.append(sweep.run(path, one, strength, off))
            setting = f"strength {strength:g}" + (f" without {off}" if off else "")
            Console(stderr=True).print(f"{path.name}, {setting}: {runs[-1].recall} % recalled")
            _write(arguments.out, runs)


def _plan(strengths: Iterable[float], *, ablate: bool) -> list[tuple[float, str | None]]:
    """(strength, strategy that is off); an ablation is compared with strength 1."""
    wanted = sorted({*strengths, 1.0} if ablate else set(strengths))
    without = [each.name for each in fields(Strategies)] if ablate else []
    return [*((strength, None) for strength in wanted), *((1.0, name) for name in without)]


def _write(folder: Path, runs: Sequence[Run]) -> None:
    (folder / "runs.json").write_text(json.dumps([asdict(run) for run in runs], indent=1))
    (folder / "sweep.md").write_text(markdown(runs, shlex.join(["python", "-m", "loadtest.bias_sweep", *sys.argv[1:]])))
    plot(runs).savefig(folder / "sweep.png", dpi=120)


def markdown(runs: Sequence[Run], command: str) -> str:
    """The runs as tables, under the command that made them."""
    parts = [f"    {command}", _markdown_table("strength", [(f"{run.strength:g}", run) for run in runs if not run.off])]
    if any(run.off for run in runs):
        whole = [("none", run) for run in runs if run.strength == 1 and not run.off]
        parts.append(_markdown_table("switched off", [*whole, *((run.off, run) for run in runs if run.off)]))
    return "\n\n".join(parts) + "\n"


def _markdown_table(heading: str, rows: Sequence[tuple[str, Run]]) -> str:
    head = f"| entries | {heading} | {' | '.join(COLUMNS.values())} |"
    lines = [head, "|---" * (len(COLUMNS) + 2) + "|"]
    for name, run in sorted(rows, key=lambda row: row[1].entries):
        cells = (getattr(run, column) for column in COLUMNS)
        lines.append(
            f"| {run.entries:,} | {name} | {' | '.join('–' if cell is None else str(cell) for cell in cells)} |"
        )
    return "\n".join(lines)


def plot(runs: Sequence[Run]) -> Figure:
    """One panel for each of the `PLOTTED` figures, one line for each list, by strength."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    for axes, column in zip(figure.subplots(2, 2).flat, PLOTTED, strict=True):
        for name in dict.fromkeys(run.list for run in runs):
            line = sorted((run for run in runs if run.list == name and not run.off), key=lambda run: run.strength)
            points = [(run.strength, value) for run in line if (value := getattr(run, column)) is not None]
            axes.plot(*zip(*points, strict=True), marker="o", label=f"N = {line[0].entries:,}")
        axes.set_title(COLUMNS[column])
        axes.set_xlabel("bias_strength")
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    return figure


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Recall and harm of bias lists.")
    parser.add_argument("--manifest", type=Path, nargs="+", required=True, help="JSON lines: id, audio, text, bias")
    parser.add_argument("--lists", type=Path, nargs="+", required=True, help=".json, .csv or .txt")
    parser.add_argument("--strengths", type=float, nargs="+", default=[0, 0.5, 1, 1.5, 2], help="0 to 2")
    parser.add_argument("--ablate", action="store_true", help="switch off each strategy in turn, at strength 1")
    parser.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    parser.add_argument("--language", default="en")
    parser.add_argument("--limit", type=int, help="only so many items")
    parser.add_argument("--model-dir", type=Path, default=Settings().data_dir / "models" / "base")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--compute-type", default="int8")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    if arguments.out.exists():
        parser.error(f"--out: {arguments.out} is there already")
    return arguments


if __name__ == "__main__":
    main()
