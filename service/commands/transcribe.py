"""`sotto transcribe`: recordings to text, JSON or subtitles."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from sotto_client import SottoClient

from service.commands.bias_options import BiasFile, BiasListNames, BiasStrength, bias_options
from service.commands.client_errors import one_line_client_errors
from service.commands.stream import INTERRUPTED, ApiKey, Language, ModelId, Url, require_readable, server
from service.commands.terminal import one_line_errors
from service.errors import BadRequest

Format = Literal["text", "json", "srt", "vtt", "verbose_json"]
_SUFFIX: dict[Format, str] = {"text": ".txt", "json": ".json", "srt": ".srt", "vtt": ".vtt", "verbose_json": ".json"}


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recordings in any common format.")],
    output_format: Annotated[Format, typer.Option("--format", help="What to write.")] = "text",
    output_dir: Annotated[
        Path | None, typer.Option(help="Write one file per recording into this folder, not to standard output.")
    ] = None,
    language: Language = None,
    model: ModelId = None,
    bias: BiasFile = None,
    bias_list: BiasListNames = None,
    bias_strength: BiasStrength = None,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Transcribe recordings; starts a private server when no --url is given."""
    with one_line_errors(), one_line_client_errors():
        _check(files, output_dir, output_format)
        wanted = {"language": language, "model": model} | bias_options(bias, bias_list, bias_strength)
        try:
            with server(url) as base, SottoClient(base, api_key=api_key) as client:
                for file in files:
                    text = client.transcribe_as(output_format, file, **wanted)
                    _write(text, file, output_format, output_dir)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


def _check(files: list[Path], output_dir: Path | None, output_format: Format) -> None:
    """Raises BadRequest before any work is done for what would fail later."""
    for file in files:
        require_readable(file)
    if output_dir is None:
        return
    if output_dir.exists() and not output_dir.is_dir():
        raise BadRequest(f"{output_dir} is not a folder", field="output_dir")
    if len({file.stem for file in files}) < len(files):
        raise BadRequest(f"two recordings would be written to one {_SUFFIX[output_format]} file", field="file")


def _write(text: str, file: Path, output_format: Format, output_dir: Path | None) -> None:
    if output_dir is None:
        typer.echo(text.rstrip("\n"))
        return
    target = output_dir / f"{file.stem}{_SUFFIX[output_format]}"
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        target.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    except OSError as error:
        raise BadRequest(f"{target}: {error.strerror}", field="output_dir") from error
    typer.echo(str(target))
