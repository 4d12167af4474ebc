"""What `sotto models adapt` does: the commands of one run, and what each is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.finetune.dataset import Source


@dataclass(frozen=True, slots=True)
class Step:
    """One command of `sotto models`. `makes`: what is there once it is through, for those that write at once."""

    title: str
    arguments: tuple[str, ...]
    makes: Path | None = None


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What is wanted of a run. `per_keyword`: new sentences for each keyword, of `max_words` at most, which the
    endpoint `chat` writes if there is one; `train`: what to train on beside the filtered speech, as PATH=WEIGHT;
    `unlabelled`: recordings that are labelled first; `general`: manifests of other speech, which must not get worse."""

    run: Path
    model_id: str
    base: str
    language: str
    keywords: Path
    recipe: Path
    per_keyword: int
    max_words: int
    voices: str
    dev_voices: tuple[str, ...]
    test_voices: tuple[str, ...]
    max_error: float
    chat: Path | None = None
    train: tuple[str, ...] = ()
    unlabelled: Path | None = None
    general: tuple[Path, ...] = ()


def steps(wanted: Adaptation, models_dir: Path) -> list[Step]:
    """The commands in their order; `models_dir` is where the new model is registered."""
    return [*_speech(wanted), *_model(wanted), *_judgement(wanted, models_dir)]


def _speech(wanted: Adaptation) -> list[Step]:
    """From seeds to filtered speech, and the speech of other voices that stops and judges."""
    run, chat = wanted.run, ("--chat", str(wanted.chat)) if wanted.chat else ()
    keywords = ("--keywords", str(wanted.keywords))
    speech = ("--voices", wanted.voices, *keywords)
    amount = ("--per-keyword", str(wanted.per_keyword), "--max-words", str(wanted.max_words))
    wording = ("--language", wanted.language, *amount, *chat)
    held_out = _repeated("--exclude-voice", (*wanted.dev_voices, *wanted.test_voices))
    plain = ("--blended", "0", "--foreign", "0", "--recipe", "clean")
    others = (("dev", "stop by", wanted.dev_voices), ("test", "be judged by", wanted.test_voices))
    found = [
        Step(
            "new sentences from the seeds",
            ("expand", str(run), "--seeds", str(run / "seeds" / "train.jsonl"), *keywords, *wording),
        ),
        Step("speech to train on", ("synthesize", str(run), *speech, *held_out)),
        *(
            Step(
                f"speech to {purpose}: other sentences, other voices",
                (
                    *("synthesize", str(run / name), "--from", str(run / "seeds" / f"{name}.jsonl"), *speech, *plain),
                    *("--variants", str(len(chosen)), *_repeated("--only-voice", chosen)),
                ),
            )
            for name, purpose, chosen in others
        ),
        Step(
            f"speech that {wanted.base} can follow is kept",
            ("filter", str(run), "--model", wanted.base, "--max-error", str(wanted.max_error)),
        ),
    ]
    if wanted.unlabelled:
        heard = ("--model", wanted.base, "--language", wanted.language)
        arguments = ("pseudo-label", str(run), str(wanted.unlabelled), *heard, *keywords, *chat)
        found.append(Step("labels for recordings", arguments))
    return found


def _model(wanted: Adaptation) -> list[Step]:
    """From the base model and the speech to a model that can be served."""
    run, hf, merged = wanted.run, wanted.run / f"{wanted.base}-hf", wanted.run / "merged"
    dev = run / "dev" / "synthesize"
    converted = run / "converted"
    return [
        Step(f"{wanted.base} for PyTorch", ("import-ct2", wanted.base, str(hf)), makes=hf),
        Step(
            "training",
            (
                *("finetune", str(run), "--recipe", str(wanted.recipe), "--model", str(hf)),
                *("--held-out", str(dev), *_repeated("--train", _trained_on(wanted))),
            ),
        ),
        Step("merging", ("merge", str(hf), str(run / "finetune" / "adapter"), str(merged)), makes=merged),
        Step(
            "converting",
            (
                *("convert", str(merged), str(converted), "--quantization", "float16"),
                *("--speech", str(_manifest(dev))),
            ),
            makes=converted,
        ),
    ]


def _judgement(wanted: Adaptation, models_dir: Path) -> list[Step]:
    """The new model against the old one; then it is registered with its scores."""
    run, converted = wanted.run, str(wanted.run / "converted")
    models = ("--model", wanted.base, "--model", converted)
    in_domain = run / "evaluate" / "in-domain"
    found = [
        Step(
            f"{wanted.base} against {wanted.model_id}, in-domain speech",
            (
                *("evaluate", str(_manifest(run / "test" / "synthesize")), "--out", str(in_domain), *models),
                *("--keywords", str(wanted.keywords), "--by", "voice"),
            ),
        )
    ]
    if wanted.general:
        manifests = tuple(str(each) for each in wanted.general)
        out = str(run / "evaluate" / "general")
        title = f"{wanted.base} against {wanted.model_id}, general speech"
        found.append(Step(title, ("evaluate", *manifests, "--out", out, *models, "--by", "language")))
    data = [str(Source.parse(entry).path) for entry in _trained_on(wanted)]
    card = ("--recipe", str(wanted.recipe), "--scores", str(in_domain / "report.json"))
    origin = ("--base", wanted.base, "--licence", "MIT")
    arguments = ("register", converted, wanted.model_id, *origin, *_repeated("--data", data), *card)
    return [*found, Step(f"registering {wanted.model_id}", arguments, makes=models_dir / wanted.model_id)]


def _trained_on(wanted: Adaptation) -> tuple[str, ...]:
    """Stages and manifests with their weights."""
    labelled = (f"{wanted.run / 'pseudo-label' / 'iteration-1'}=1",) if wanted.unlabelled else ()
    return (f"{wanted.run / 'filter'}=1", *labelled, *wanted.train)


def _manifest(stage: Path) -> Path:
    """A stage's output as the one manifest that it wrote, unsharded."""
    return stage / "kept-1-of-1.jsonl"


def _repeated(option: str, values: Sequence[str]) -> tuple[str, ...]:
    return tuple(part for value in values for part in (option, value))
