"""A fine-tuning from start to end: what goes into its folder, and what comes out.

    finetune/  recipe.yaml  options.json  curves.jsonl  curves.png  checkpoints/  adapter/  result.json

`recipe.yaml` is the recipe as it was given. `adapter/` is what merging reads: the adapters of the best step.
`result.json` comes last: a run that has one is through.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.finetune.acoustics import Encodings, Spectrograms
from models.finetune.collation import Collator
from models.finetune.dataset import Clips, Source, load, phrases_of
from models.finetune.prompts import BiasPrompter
from models.finetune.recipe import Recipe, read_recipe
from models.finetune.stream import BatchStream
from models.folder import MULTILINGUAL_EOT, new_folder
from models.hf.lineage import write_base
from models.hf.packages import require_training
from models.stage import OPTIONS, room_in, settle_options
from service.decoding.vocabulary import Vocabulary
from service.errors import ModelUnavailable

if TYPE_CHECKING:
    from accelerate import Accelerator

    from models.finetune.trainer import Report

RECIPE, ADAPTER, RESULT = "recipe.yaml", "adapter", "result.json"


@dataclass(frozen=True, slots=True)
class Job:
    """`model`: a Whisper in the form of transformers. `train`, `held_out`: manifests or folders of stages. `phrases`:
    for bias prompts, beside the keywords of the clips. `folder`: of the run."""

    recipe: Path
    model: Path
    train: tuple[Source, ...]
    held_out: Source
    folder: Path
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """`best_step` 0: nothing was better than the model as it was. Scores are of the recipe's `metric`."""

    steps: int
    best_step: int
    best: float
    before: float


def finetune(job: Job, note: Callable[[str], None], tell: Callable[["Report"], None]) -> Result:
    """Trains, goes on where a killed run was, or returns the result of one that is through.

    `note` is told what the data is, `tell` how it goes, in the main process alone where there are several.
    Raises BadRequest for a recipe, a manifest or audio that is wrong and for a folder that was begun with others,
    ModelUnavailable, MissingPackage without the extra `train`, StageFull when the disk takes no more, Diverged when the
    loss is no number.
    """
    require_training()
    from accelerate import Accelerator

    recipe = read_recipe(job.recipe)
    vocabulary = _vocabulary(job.model)
    sources = [load(source, vocabulary, recipe) for source in job.train]
    held_out = load(job.held_out, vocabulary, recipe)
    accelerator = Accelerator(mixed_precision="bf16" if recipe.precision == "bf16" else "no")
    if accelerator.is_main_process:
        for clips in (*sources, held_out):
            note(clips.report())
        with room_in(job.folder):
            job.folder.mkdir(parents=True, exist_ok=True)
            settle_options(job.folder / OPTIONS, _options(job, recipe, sources, held_out))
            shutil.copyfile(job.recipe, job.folder / RECIPE)
    accelerator.wait_for_everyone()
    if (job.folder / RESULT).exists():
        return Result(**json.loads((job.folder / RESULT).read_text("utf-8")))
    return _train(job, recipe, vocabulary, sources, held_out, accelerator, tell)


def _train(
    job: Job,
    recipe: Recipe,
    vocabulary: Vocabulary,
    sources: Sequence[Clips],
    held_out: Clips,
    accelerator: "Accelerator",
    tell: Callable[["Report"], None],
) -> Result:
    import torch

    from models.finetune.evaluation import HeldOutClips
    from models.finetune.trainer import Trainer
    from models.finetune.whisper import TrainedWhisper, load_whisper, with_adapters

    whisper = load_whisper(job.model, recipe)
    prompter = None
    if recipe.bias_prompts:
        known = phrases_of([clip for source in sources for clip in source.clips])
        prompter = BiasPrompter(recipe.bias_prompts, tuple(dict.fromkeys((*job.phrases, *known))), vocabulary)
    torch.manual_seed(recipe.seed)  # of the adapters
    adapted = with_adapters(whisper, recipe.lora)
    trained = TrainedWhisper(adapted, vocabulary.eot, encoded=recipe.encodings is not None)
    spectrograms = Spectrograms(whisper.config.num_mel_bins, recipe.spec_augment)
    collator = Collator(vocabulary, Encodings(spectrograms, trained.encoding) if trained.encoded else spectrograms)
    trainer = Trainer(
        job.folder,
        recipe,
        accelerator,
        trained,
        BatchStream(sources, collator, prompter, recipe),
        HeldOutClips(held_out.clips, vocabulary, collator, prompter, recipe),
    )
    progress = trainer.train(tell if accelerator.is_main_process else lambda report: None)
    assert progress.first is not None
    assert progress.best is not None
    result = Result(progress.step, progress.best_step, progress.best, progress.first)
    if accelerator.is_main_process:
        _finish(job, trainer.best_checkpoint(progress), result, recipe.lora.final_scale)
    accelerator.wait_for_everyone()
    return result


def _finish(job: Job, best: Path, result: Result, scale: float) -> None:
    from models.finetune.checkpoints import copy_adapter

    folder = job.folder
    if not (folder / ADAPTER).exists():
        with new_folder(folder / ADAPTER) as adapter:
            copy_adapter(best, adapter, scale)
            write_base(adapter, job.model)
    with room_in(folder):
        temporary = folder / f".{RESULT}"
        temporary.write_text(json.dumps(asdict(result), indent=2) + "\n", "utf-8")
        temporary.replace(folder / RESULT)


def _vocabulary(model: Path) -> Vocabulary:
    """Raises ModelUnavailable when the folder is none of a Whisper in the form of transformers."""
    if not (model / "config.json").is_file() or not (model / "tokenizer.json").is_file():
        raise ModelUnavailable(
            f"{model} is no Whisper in the form of transformers: config.json or tokenizer.json is missing"
            " (`sotto models import-ct2` writes it)",
            field="model",
        )
    english = Vocabulary(model, multilingual=False)
    return Vocabulary(model, multilingual=True) if english.eot == MULTILINGUAL_EOT else english


def _options(job: Job, recipe: Recipe, sources: Sequence[Clips], held_out: Clips) -> dict[str, Any]:
    """What may not change while a run goes on, by names that a person knows."""
    values: dict[str, Any] = {"model": str(job.model.resolve()), "phrases": _fingerprint(job.phrases)}
    values["train"] = [f"{_described(clips)} x {clips.source.weight:g}" for clips in sources]
    values["held_out"] = _described(held_out)
    for name, section in recipe.model_dump(mode="json").items():
        if isinstance(section, dict):
            values |= {f"{name}.{key}": value for key, value in section.items()}
        else:
            values[name] = section
    return values


def _described(clips: Clips) -> str:
    lines = [f"{clip.example.id} {clip.n_samples} {clip.example.text}" for clip in clips.clips]
    return f"{clips.source.path.resolve()}: {len(lines)} clips, {_fingerprint(lines)}"


def _fingerprint(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
