"""How a training went: a line for every step, and a picture."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.reports import new_figure
from models.stage import room_in

LINES, PICTURE = "curves.jsonl", "curves.png"
GROUPS = (
    ("nats per token", ("loss", "held_out_loss", "unlikelihood")),
    ("share", ("wer", "loops", "recall", "intruders")),
)

Point = Mapping[str, Any]


class Curves:
    """`curves.jsonl` of a run. Lines after `step`, of a run that was killed, are taken off."""

    def __init__(self, folder: Path, step: int) -> None:
        self._path = folder / LINES
        self.points: list[Point] = [point for point in _read(self._path) if point["step"] <= step]
        with room_in(folder):
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text("".join(json.dumps(point) + "\n" for point in self.points), "utf-8")
            temporary.replace(self._path)

    def add(self, step: int, **values: float) -> None:
        """Raises StageFull when the disk takes no more."""
        point = {"step": step} | {name: float(f"{value:.6g}") for name, value in values.items()}
        self.points.append(point)
        with room_in(self._path.parent), self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(point) + "\n")

    def draw(self) -> None:
        """Draws `curves.png`. Raises StageFull when the disk takes no more, BadRequest without the extra `eval`."""
        groups = [(label, names) for label, names in GROUPS if any(name in p for p in self.points for name in names)]
        figure = new_figure(8, 3 * len(groups))
        for axes, (label, names) in zip(
            figure.subplots(len(groups), sharex=True, squeeze=False)[:, 0], groups, strict=True
        ):
            for name in names:
                known = [(point["step"], point[name]) for point in self.points if name in point]
                if known:
                    axes.plot(*zip(*known, strict=True), label=name, marker="." if len(known) < 50 else "")
            axes.legend()
            axes.set_ylabel(label)
            axes.set_xlabel("step")
        with room_in(self._path.parent):
            temporary = self._path.with_name(f".{PICTURE}")
            figure.savefig(temporary, format="png", dpi=110)
            temporary.replace(self._path.with_name(PICTURE))


def _read(path: Path) -> list[Point]:
    """The whole lines: a killed run may have left half of one."""
    points = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            points.append(json.loads(line))
        except ValueError:
            break
    return points
