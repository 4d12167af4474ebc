"""`sotto models adapt`: which commands it runs, that they are commands with these options, and what it refuses."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from rich.console import Console

from service.commands.model_stages.adapt import command, take
from service.commands.model_stages.adaptation import Adaptation, Step, steps
from service.commands.models import app
from service.errors import BadRequest, Failed, SottoError

WANTED = Adaptation(
    run=Path("run"),
    model_id="ours-v1",
    base="base",
    language="en",
    keywords=Path("names.csv"),
    recipe=Path("recipe.yaml"),
    per_keyword=3,
    max_words=40,
    chat=Path("chat.toml"),
    voices="kokoro",
    dev_voices=("af_nicole",),
    test_voices=("bf_emma", "bm_george"),
    max_error=0.5,
    train=("calls.jsonl=2", "visits.jsonl"),
    unlabelled=Path("calls"),
    general=(Path("human.jsonl"),),
)
STEPS = steps(WANTED, Path("models"))


def named(command: str, steps: list[Step] = STEPS) -> list[Step]:
    return [step for step in steps if step.arguments[0] == command]


def values(step: Step, option: str) -> list[str]:
    return [value for name, value in zip(step.arguments, step.arguments[1:], strict=False) if name == option]


def test_every_step_is_a_command_that_takes_its_options() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for step in STEPS:
        name, *arguments = step.arguments
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert {argument for argument in arguments if argument.startswith("--")} <= known, name


def test_voices_and_sentences_that_judge_are_heard_by_no_other_stage() -> None:
    train, dev, test = named("synthesize")
    assert set(values(train, "--exclude-voice")) == {*WANTED.dev_voices, *WANTED.test_voices}
    assert (values(dev, "--only-voice"), values(test, "--only-voice")) == (["af_nicole"], ["bf_emma", "bm_george"])
    assert (values(dev, "--from"), values(test, "--from")) == (["run/seeds/dev.jsonl"], ["run/seeds/test.jsonl"])
    [expand] = named("expand")
    assert values(expand, "--seeds") == ["run/seeds/train.jsonl"]
    [judged, general] = named("evaluate")
    assert judged.arguments[1] == "run/test/synthesize/kept-1-of-1.jsonl"
    assert general.arguments[1] == "human.jsonl"


def test_all_that_is_trained_on_stands_on_the_card() -> None:
    [finetune], [register] = named("finetune"), named("register")
    labels = "run/pseudo-label/iteration-1"
    assert values(finetune, "--train") == ["run/filter=1", f"{labels}=1", "calls.jsonl=2", "visits.jsonl"]
    assert values(register, "--data") == ["run/filter", labels, "calls.jsonl", "visits.jsonl"]


def test_what_is_not_wanted_is_not_done() -> None:
    less = steps(replace(WANTED, general=(), unlabelled=None, chat=None), Path("models"))
    assert len(named("evaluate", less)) == 1
    assert not named("pseudo-label", less)
    assert not any("--chat" in step.arguments for step in less)


def test_on_several_gpus_only_training_has_several_processes() -> None:
    launched = [step.arguments[0] for step in STEPS if "accelerate.commands.launch" in command(step.arguments, 4)]
    assert launched == ["finetune"]
    assert not any("accelerate.commands.launch" in command(step.arguments) for step in STEPS)


def test_what_is_there_already_is_not_made_again(tmp_path: Path) -> None:
    take(Step("nothing to do", ("no-such-command",), makes=tmp_path), lambda arguments: 1, Console(quiet=True))


@pytest.mark.parametrize(("status", "error"), [(1, Failed), (2, BadRequest), (-9, Failed)])
def test_a_step_that_fails_ends_the_run(status: int, error: type[SottoError]) -> None:
    with pytest.raises(error, match=f"sotto models verify ended with status {status}"):
        take(Step("fails", ("verify", "no-such-model")), lambda arguments: status, Console(quiet=True))


def test_a_step_is_a_process_that_says_how_it_ended() -> None:
    assert subprocess.run(command(("verify", "no-such-model")), check=False).returncode == 2
