"""`sotto models adapt`: which commands it runs, and that they are commands with these options."""

from dataclasses import replace
from pathlib import Path

import pytest
import typer
from rich.console import Console

from service.commands.model_stages import adapt
from service.commands.model_stages.adapt import Adaptation, Step
from service.commands.models import app
from service.errors import BadRequest

WANTED = Adaptation(
    run=Path("run"),
    model_id="ours-v1",
    base="base",
    keywords=Path("names.csv"),
    recipe=Path("recipe.yaml"),
    expansion=("--per-keyword", "3"),
    voices="kokoro",
    dev_voices=("af_nicole",),
    test_voices=("bf_emma", "bm_george"),
    max_error=0.5,
    train=("calls.jsonl=2",),
    general=(Path("human.jsonl"),),
)


def all_steps(wanted: Adaptation) -> list[Step]:
    return [*adapt._speech(wanted), *adapt._model(wanted), *adapt._judgement(wanted)]


def named(steps: list[Step], command: str) -> list[Step]:
    return [step for step in steps if step.arguments[0] == command]


def values(step: Step, option: str) -> list[str]:
    return [value for name, value in zip(step.arguments, step.arguments[1:], strict=False) if name == option]


def test_every_step_is_a_command_that_takes_its_options() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for step in all_steps(WANTED):
        name, *arguments = step.arguments
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert {argument for argument in arguments if argument.startswith("--")} <= known, name


def test_voices_and_sentences_that_judge_are_heard_by_no_other_stage() -> None:
    train, dev, test = named(all_steps(WANTED), "synthesize")
    assert set(values(train, "--exclude-voice")) == {*WANTED.dev_voices, *WANTED.test_voices}
    assert (values(dev, "--only-voice"), values(test, "--only-voice")) == (["af_nicole"], ["bf_emma", "bm_george"])
    assert (values(dev, "--from"), values(test, "--from")) == (["run/seeds/dev.jsonl"], ["run/seeds/test.jsonl"])
    [expand] = named(all_steps(WANTED), "expand")
    assert values(expand, "--seeds") == ["run/seeds/train.jsonl"]
    [judged, general] = named(all_steps(WANTED), "evaluate")
    assert judged.arguments[1] == "run/test/synthesize/kept-1-of-1.jsonl"
    assert general.arguments[1] == "human.jsonl"


def test_real_recordings_are_trained_on_and_stand_on_the_card() -> None:
    [finetune], [register] = named(all_steps(WANTED), "finetune"), named(all_steps(WANTED), "register")
    assert values(finetune, "--train") == ["run/filter=1", "calls.jsonl=2"]
    assert values(register, "--data") == ["run/filter", "calls.jsonl"]


def test_without_other_speech_only_the_domain_is_judged() -> None:
    assert len(named(all_steps(replace(WANTED, general=())), "evaluate")) == 1


def test_what_is_there_already_is_not_made_again(tmp_path: Path) -> None:
    adapt._run(Step("nothing to do", ("no-such-command",), makes=tmp_path), Console(quiet=True))


def test_a_step_that_fails_ends_the_run() -> None:
    with pytest.raises(BadRequest, match="sotto models verify ended with status 2"):
        adapt._run(Step("fails", ("verify", "no-such-model")), Console(quiet=True))
