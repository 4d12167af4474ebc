"""The stage from sentences to clips, with a speaking endpoint in place of a voice model."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from models.expand.keywords import Keyword
from models.manifest import Example
from models.stage import Shard, StageFull, dropped, read_stage
from models.synthesize.backends import Backend, find_backend
from models.synthesize.casting import Casting
from models.synthesize.clips import read_clip, write_clip
from models.synthesize.quality import LEAD_S, TRAIL_S
from models.synthesize.recipe import RECIPES, Recipe
from models.synthesize.run import SynthesizeOptions, Totals, synthesize
from service.cli import app
from service.errors import BadRequest
from service.transcript import SAMPLE_RATE
from tests.speaking_endpoint import SpeakingEndpoint, hum, speaking_endpoint, wav
from tests.unit.models.limits import small_files

CLEAN = SynthesizeOptions(recipe=RECIPES["clean"])
NOISY = SynthesizeOptions(2, recipe=Recipe(reverb=0.5, noise=1.0, telephone=0.3))


def sentences(count: int = 6) -> list[Example]:
    return [
        Example(
            f"s{number}", f"This is the {number}th sentence that is spoken.", source="grammar", keywords=("spoken",)
        )
        for number in range(count)
    ]


@pytest.fixture
def endpoint() -> Iterator[SpeakingEndpoint]:
    with speaking_endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def backend(endpoint: SpeakingEndpoint, tmp_path: Path) -> Backend:
    return find_backend(str(endpoint.write_toml(tmp_path / "speech.toml", "attempts = 1")), tmp_path)


def run(folder: Path, backend: Backend, options: SynthesizeOptions = CLEAN, **more: Any) -> Totals:
    return synthesize(more.pop("of", sentences()), folder, [backend], options, **more)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "audio").iterdir())}


def test_a_clip_says_who_spoke_and_what_was_done(backend: Backend, tmp_path: Path) -> None:
    totals = run(tmp_path / "s", backend, NOISY)
    kept = read_stage(tmp_path / "s")
    assert totals.kept == len(kept) == 12
    for clip in kept:
        assert clip.text.endswith("sentence that is spoken.")
        assert clip.keywords == ("spoken",)
        assert clip.source == "hum-1"
        assert clip.voice in ("anna", "ben", "cleo")
        assert clip.extra["sentence"] == clip.id.rpartition("-")[0]
        assert clip.extra["text_source"] == "grammar"
        assert clip.extra["licence"] == {"voice": "public domain", "engine": "public domain"}
        assert clip.extra["noise"] in ("babble", "stationary", "music")
        assert 5 <= clip.extra["snr_db"] <= 25
        assert clip.audio is not None
        assert clip.duration == pytest.approx(len(read_clip(clip.audio)) / SAMPLE_RATE, abs=1e-3)


def test_variants_of_a_sentence_are_spoken_by_others(backend: Backend, tmp_path: Path) -> None:
    run(tmp_path / "s", backend, SynthesizeOptions(3, recipe=RECIPES["clean"]))
    spoken = {(clip.extra["sentence"], clip.voice) for clip in read_stage(tmp_path / "s")}
    assert len(spoken) == 18


def test_a_clip_is_speech_with_the_silence_that_was_set(
    backend: Backend, endpoint: SpeakingEndpoint, tmp_path: Path
) -> None:
    run(tmp_path / "s", backend, of=sentences(1))
    [clip] = read_stage(tmp_path / "s")
    assert clip.audio is not None
    said = len(hum(endpoint.requests[-1]["input"], endpoint.requests[-1]["speed"])) / 24_000
    assert clip.duration == pytest.approx(LEAD_S + said + TRAIL_S, abs=0.06)
    samples = read_clip(clip.audio)
    assert not samples[: round(LEAD_S * SAMPLE_RATE)].any()


def test_the_same_run_gives_the_same_clips_in_any_order_and_sharing(backend: Backend, tmp_path: Path) -> None:
    run(tmp_path / "one", backend, NOISY)
    run(tmp_path / "reversed", backend, NOISY, of=sentences()[::-1])
    for number in (1, 2, 3):
        run(tmp_path / "shared", backend, NOISY, shard=Shard(number, 3))
    assert contents(tmp_path / "one") == contents(tmp_path / "reversed") == contents(tmp_path / "shared")
    texts = [{clip.id: (clip.voice, clip.extra) for clip in read_stage(tmp_path / name)} for name in ("one", "shared")]
    assert texts[0] == texts[1]


def test_many_processes_give_the_same_clips_as_one(backend: Backend, tmp_path: Path) -> None:
    run(tmp_path / "one", backend, NOISY)
    run(tmp_path / "two", backend, NOISY, processes=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert [clip.id for clip in read_stage(tmp_path / "one")] == [clip.id for clip in read_stage(tmp_path / "two")]


def test_a_run_that_broke_off_goes_on(backend: Backend, endpoint: SpeakingEndpoint, tmp_path: Path) -> None:
    whole = [(200, {}, wav(hum(each.text, 1.0))) for each in sentences(2)]
    endpoint.answers = [*whole, (500, {}, b"")]
    with pytest.raises(Exception, match="500"):
        run(tmp_path / "s", backend)
    assert len(read_stage(tmp_path / "s")) == 2
    asked = len(endpoint.requests)
    assert run(tmp_path / "s", backend).kept == 4
    assert len(endpoint.requests) == asked + 4
    assert run(tmp_path / "s", backend).kept == 0
    assert len(endpoint.requests) == asked + 4
    assert not list((tmp_path / "s" / "audio").glob(".*"))


def test_a_bad_clip_is_dropped_with_its_reason(backend: Backend, endpoint: SpeakingEndpoint, tmp_path: Path) -> None:
    endpoint.answers = [
        (200, {}, wav(np.zeros(24_000, dtype=np.float32))),
        (200, {}, wav(hum("Hm", 1.0))),
        (400, {}, b"{}"),
    ]
    totals = run(tmp_path / "s", backend)
    assert totals.kept == 3
    reasons = {"silent": 1, "too short for its text": 1, "unspeakable": 1}
    assert totals.dropped == dropped(tmp_path / "s") == reasons
    assert len(contents(tmp_path / "s")) == 3
    [line] = [
        each for each in (tmp_path / "s" / "dropped-1-of-1.jsonl").read_text("utf-8").splitlines() if "silent" in each
    ]
    assert json.loads(line)["voice"] in ("anna", "ben", "cleo")


def test_recorded_noise_is_mixed_in(backend: Backend, tmp_path: Path) -> None:
    write_clip(
        tmp_path / "noise" / "street.flac", np.random.default_rng(1).uniform(-0.2, 0.2, 8_000).astype(np.float32)
    )
    options = SynthesizeOptions(recipe=Recipe(noise=1, kinds={"recorded": 1}), noise=tmp_path / "noise")
    run(tmp_path / "s", backend, options, of=sentences(1))
    [clip] = read_stage(tmp_path / "s")
    assert clip.extra["noise"] == "recorded"
    assert clip.audio is not None
    assert read_clip(clip.audio)[:3_000].any()


def test_a_keyword_is_spoken_as_it_sounds_and_written_as_it_is(
    backend: Backend, endpoint: SpeakingEndpoint, tmp_path: Path
) -> None:
    options = SynthesizeOptions(
        recipe=RECIPES["clean"], said=(Keyword("Loewe", "brand", ("lo-eh-veh",)), Keyword("Ana"))
    )
    run(
        tmp_path / "s",
        backend,
        options,
        of=[Example("a", "Ana has a Loewe bag."), Example("b", "She has another one.")],
    )
    assert [request["input"] for request in endpoint.requests] == ["Ana has a lo-eh-veh bag.", "She has another one."]
    first, second = read_stage(tmp_path / "s")
    assert first.text == "Ana has a Loewe bag."
    assert first.extra["said"] == "Ana has a lo-eh-veh bag."
    assert "said" not in second.extra


def test_babble_is_made_of_other_sentences_alone(backend: Backend, tmp_path: Path) -> None:
    options = SynthesizeOptions(recipe=Recipe(noise=1, kinds={"babble": 1}))
    run(tmp_path / "alone", backend, options, of=sentences(1))
    assert "noise" not in read_stage(tmp_path / "alone")[0].extra
    run(tmp_path / "many", backend, options)
    assert {clip.extra["noise"] for clip in read_stage(tmp_path / "many")} == {"babble"}


@pytest.mark.parametrize(
    ("example", "field"),
    [
        (Example("a", ""), "text"),
        (Example("a", " …! "), "text"),
        (Example("../a", "A sentence."), "id"),
        (Example("a/b", "A sentence."), "id"),
    ],
)
def test_a_bad_sentence_is_named_before_anything_is_written(
    example: Example, field: str, backend: Backend, tmp_path: Path
) -> None:
    with pytest.raises(BadRequest) as caught:
        run(tmp_path / "s", backend, of=[*sentences(2), example])
    assert caught.value.field == field
    assert repr(example.id) in caught.value.message
    assert not (tmp_path / "s").exists()


def test_a_language_that_nobody_speaks_stops_before_the_first_clip(
    endpoint: SpeakingEndpoint, backend: Backend, tmp_path: Path
) -> None:
    options = SynthesizeOptions(casting=Casting(only=("anna",)))
    with pytest.raises(BadRequest, match="'fr'"):
        run(tmp_path / "s", backend, options, of=[*sentences(2), Example("f", "Une phrase.", language="fr")])
    assert not endpoint.requests


def test_a_full_disk_is_told_and_leaves_no_half_clip(backend: Backend, tmp_path: Path) -> None:
    with small_files(4_000), pytest.raises(StageFull, match=r"cannot write to .*audio"):
        run(tmp_path / "s", backend)
    assert not read_stage(tmp_path / "s")
    assert not list((tmp_path / "s" / "audio").iterdir())
    assert run(tmp_path / "s", backend).kept == len(sentences())


def test_two_backends_of_a_name_are_refused(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="two are called hum-1"):
        synthesize(sentences(), tmp_path / "s", [backend, backend], CLEAN)


def test_a_key_is_not_shown() -> None:
    assert "s3cret" not in repr(Backend("hum-1", "endpoint", Path("speech.toml"), "s3cret"))


def test_the_command_speaks_a_manifest(endpoint: SpeakingEndpoint, tmp_path: Path) -> None:
    toml = endpoint.write_toml(tmp_path / "speech.toml")
    (tmp_path / "in.jsonl").write_text("".join(each.to_line(tmp_path) + "\n" for each in sentences(3)), "utf-8")
    arguments = ["models", "synthesize", str(tmp_path / "run"), "--from", str(tmp_path / "in.jsonl")]
    arguments += ["--voices", str(toml), "--recipe", "clean", "--exclude-voice", "ben", "--processes", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "kept 3 of 3 clips" in result.output
    assert {clip.voice for clip in read_stage(tmp_path / "run" / "synthesize")} <= {"anna", "cleo"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--voices", "nobody"], "give kokoro, piper-joe"),
        (["--recipe", "loud"], "neither clean, varied"),
        (["--exclude-voice", "bne"], "no voice is called 'bne'"),
        (["--shard", "3/2"], "no shard 3 of 2"),
        (["--speed", "3", "1"], "speed: must lie between"),
        (["--variants", "0"], "variants: must be at least 1"),
        (["--processes", "0"], "processes: must be at least 1"),
        (["--from", "/there/is/none.jsonl"], "/there/is/none.jsonl"),
    ],
)
def test_a_slip_is_told_in_one_line(
    arguments: list[str], said: str, endpoint: SpeakingEndpoint, tmp_path: Path
) -> None:
    toml = endpoint.write_toml(tmp_path / "speech.toml")
    (tmp_path / "in.jsonl").write_text(sentences(1)[0].to_line(tmp_path) + "\n", "utf-8")
    command = ["models", "synthesize", str(tmp_path / "run"), "--from", str(tmp_path / "in.jsonl")]
    command += ["--voices", str(toml), *arguments]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    [line] = [line for line in result.stderr.splitlines() if line]
    assert said in line


def test_a_key_that_is_not_set_is_named(
    endpoint: SpeakingEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPEECH_KEY", raising=False)
    toml = endpoint.write_toml(tmp_path / "speech.toml", 'key_env = "SPEECH_KEY"')
    (tmp_path / "in.jsonl").write_text(sentences(1)[0].to_line(tmp_path) + "\n", "utf-8")
    command = ["models", "synthesize", str(tmp_path / "run"), "--from", str(tmp_path / "in.jsonl")]
    result = CliRunner().invoke(app, [*command, "--voices", str(toml)])
    assert result.exit_code == 2
    assert "SPEECH_KEY is not set" in result.stderr
    monkeypatch.setenv("SPEECH_KEY", "s3cret")
    result = CliRunner().invoke(app, [*command, "--voices", str(toml), "--processes", "1"])
    assert result.exit_code == 0, result.output
    assert set(endpoint.keys) == {"Bearer s3cret"}
    assert "s3cret" not in (tmp_path / "run" / "synthesize" / "options.json").read_text("utf-8")
