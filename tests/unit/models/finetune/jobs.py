"""Small trainings: a few beeps with a word each, and a recipe that a tiny Whisper learns them by."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from models.finetune.dataset import Source
from models.finetune.run import Job, Result, finetune
from models.recordings import write_flac

WORDS = ("an ant", "the hat", "heat a hen", "a thin tin", "at the end", "ten tents")
RECIPE: dict[str, Any] = {
    "seed": 3,
    "lora": {"rank": 4, "alpha": 8, "dropout": 0.1, "targets": ["q_proj", "v_proj", "fc1", "fc2"]},
    "optimizer": {"learning_rate": 0.05, "steps": 12, "warmup_steps": 2, "batch_size": 2, "accumulate": 2},
    "windows": {"sizes_s": [3, 5], "min_padding_s": 1.0, "wider": 0.5},
    "held_out": {"every": 4, "patience": 9, "wer_clips": 2},
    "checkpoints": {"every": 3},
}


def write_manifest(folder: Path, words: tuple[str, ...] = WORDS, **fields: Any) -> Path:
    """A beep of another pitch for each text."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, text in enumerate(words):
        time = np.arange(16_000 + 1_600 * number) / 16_000
        beep = (8_000 * np.sin(2 * np.pi * 200 * (number + 1) * time)).astype(np.int16)
        path = write_flac(folder / "audio", f"beep-{number}", beep)
        line = {
            "id": f"beep-{number}",
            "audio": str(path.relative_to(folder)),
            "text": text,
            "duration": len(beep) / 16_000,
        }
        lines.append(line | {"keywords": text.split()[-1:]} | fields)
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return manifest


def write_recipe(path: Path, **sections: Any) -> Path:
    """`RECIPE` with some of it changed: a dictionary is merged into the section, anything else takes its place."""
    values = dict(RECIPE)
    for name, section in sections.items():
        values[name] = {**values.get(name, {}), **section} if isinstance(section, dict) else section
    path.write_text(yaml.safe_dump(values), "utf-8")
    return path


def job(folder: Path, model: Path, name: str = "run", **sections: Any) -> Job:
    manifest = folder / "data" / "manifest.jsonl"
    if not manifest.exists():
        write_manifest(folder / "data")
    recipe = write_recipe(folder / f"{name}.yaml", **sections)
    return Job(recipe, model, (Source(manifest),), Source(manifest), folder / name)


def train(wanted: Job) -> Result:
    return finetune(wanted, note=lambda text: None, tell=lambda report: None)


def curve(folder: Path) -> list[dict[str, float]]:
    """The points, but for what no two runs have in common."""
    points = map(json.loads, (folder / "curves.jsonl").read_text("utf-8").splitlines())
    return [{name: value for name, value in point.items() if name != "seconds"} for point in points]
