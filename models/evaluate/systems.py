"""What is evaluated: manifests, and the transcripts of each system, given or made in process."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from models.manifest import Example, read_examples
from models.recordings import check_audio
from models.scoring.manifest import read_transcripts
from models.stage import Stage, read_stage
from models.transcribing import Recogniser, hear_examples
from service.errors import BadRequest


def read_references(manifests: Sequence[Path]) -> list[Example]:
    """The examples of all manifests. Raises BadRequest as `read_examples` does, and for an id that is there twice."""
    found: dict[str, Example] = {}
    for path in manifests:
        for example in read_examples(path.resolve()):
            if example.id in found:
                raise BadRequest(f"{path}, {example.id}, id: is in another manifest too", field="id")
            found[example.id] = example
    return list(found.values())


def given(path: Path, examples: Sequence[Example]) -> dict[str, str]:
    """Texts by id, from lines with `id` and `text`. Raises BadRequest where none belongs to the examples."""
    texts = read_transcripts(path)
    if not texts.keys() & {example.id for example in examples}:
        raise BadRequest(f"{path} has no transcript of any item", field="transcripts")
    return texts


def transcribed(
    examples: Sequence[Example], folder: Path, recogniser: Recogniser, options: Mapping[str, object]
) -> dict[str, str]:
    """Texts by id; what `folder` has of an evaluation that was killed is not transcribed again.

    `options` name the model and how it decodes. Raises BadRequest for an example whose recording is missing or cannot
    be read.
    """
    check_audio(examples, folder)
    with Stage(folder, options) as stage:
        beam_size = int(str(options["beam_size"]))
        for example, heard in hear_examples(stage.waiting(examples), recogniser, beam_size=beam_size):
            if isinstance(heard, BadRequest):
                raise heard
            stage.keep(example, replace(example, extra={**example.extra, "heard": heard.text}))
    return {example.id: str(example.extra["heard"]) for example in read_stage(folder)}
