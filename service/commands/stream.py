"""`sotto stream`: a file or standard input as a live stream, with captions as they come."""

import asyncio
import contextlib
import io
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import typer
from sotto_client import AudioFormat, Event, Final, Stream, StreamOptions
from sotto_client.addresses import stream_url

from loadtest.pacing import Pacer
from service.commands.audio_input import AudioInput, file_input, stdin_input
from service.commands.bias_options import BiasFile, BiasListNames, BiasStrength, bias_options
from service.commands.caption_output import caption_output
from service.commands.chunk_feed import ChunkFeed, in_daemon_thread
from service.commands.client_errors import one_line_client_errors
from service.commands.serving import private_server
from service.commands.terminal import one_line_errors
from service.errors import BadRequest

INTERRUPTED = 130
STDIN = "-"

Url = Annotated[str | None, typer.Option(help="Server, as in http://127.0.0.1:8000; a private one by default.")]
ApiKey = Annotated[str | None, typer.Option(envvar="SOTTO_API_KEY", help="API key of the server.")]
Language = Annotated[str | None, typer.Option(help="Language code such as en; detected by default.")]
ModelId = Annotated[str | None, typer.Option("--model", help="Model id; the server's own by default.")]


@dataclass(frozen=True, slots=True)
class Run:
    """What to stream where; `speed` None: as the input comes."""

    source: str
    raw_format: AudioFormat
    options: StreamOptions
    speed: float | None
    api_key: str | None
    as_json: bool
    latency: bool


def stream(
    source: Annotated[str, typer.Argument(metavar="FILE", help="Recording to stream; - reads standard input.")],
    url: Url = None,
    language: Language = None,
    model: ModelId = None,
    bias: BiasFile = None,
    bias_list: BiasListNames = None,
    bias_strength: BiasStrength = None,
    api_key: ApiKey = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every event as a line of JSON.")] = False,
    latency: Annotated[bool, typer.Option("--latency", help="Note how long after its end each final came.")] = False,
    speed: Annotated[float, typer.Option(min=0.1, max=100, help="Pace of a FILE; 1 is real time.")] = 1.0,
    rate: Annotated[int, typer.Option(min=8000, max=48_000, help="Raw standard input: sample rate.")] = 16_000,
    channels: Annotated[int, typer.Option(min=1, max=2, help="Raw standard input: channels.")] = 1,
    encoding: Annotated[
        Literal["pcm_s16le", "pcm_f32le", "mulaw", "alaw"], typer.Option(help="Raw standard input: samples.")
    ] = "pcm_s16le",
) -> None:
    """Stream a recording in real time, or standard input as it comes, with live captions.

    arecord -f S16_LE -r 16000 | sotto stream -

    Standard input is a WAV or raw samples. Ctrl-C ends the stream and waits for the last words.
    """
    with one_line_errors(), one_line_client_errors():
        if source != STDIN:
            require_readable(Path(source))
        run = Run(
            source=source,
            raw_format=AudioFormat(encoding, rate, channels),
            options=StreamOptions(language=language, model=model, **bias_options(bias, bias_list, bias_strength)),
            speed=None if source == STDIN else speed,
            api_key=api_key,
            as_json=as_json,
            latency=latency,
        )
        try:
            with server(url) as base:
                status = asyncio.run(stream_to_terminal(run, base))
        except KeyboardInterrupt:
            status = INTERRUPTED
    raise typer.Exit(status)


@contextlib.contextmanager
def server(url: str | None) -> Iterator[str]:
    """The named server, or a private one for the length of the block. Raises BadRequest for a bad URL."""
    if url is None:
        with private_server() as base:
            yield base
        return
    try:
        stream_url(url)
    except ValueError as error:
        raise BadRequest(str(error), field="url") from error
    yield url


def require_readable(file: Path) -> None:
    """Raises BadRequest for what cannot be opened as a file."""
    try:
        file.open("rb").close()
    except OSError as error:
        raise BadRequest(f"{file}: {error.strerror}", field="file") from error


async def stream_to_terminal(run: Run, base: str) -> int:
    """Streams to the end, or to Ctrl-C. The exit status."""
    audio = await _open(run)
    chunks = ChunkFeed(audio.chunks)
    interrupted = asyncio.Event()
    _on_interrupt(chunks, interrupted)
    pacer = Pacer(audio.bytes_per_second, run.speed or 1.0)
    paced = pacer.pace(chunks) if run.speed else chunks
    options = replace(run.options, format=audio.format)
    with caption_output(as_json=run.as_json) as output:
        async with Stream(base, options, api_key=run.api_key) as live:
            feeding = asyncio.create_task(_feed(live, paced))
            try:
                async for event in live:
                    output.show(event, _latency_s(event, pacer) if run.latency else None)
                await feeding
            finally:
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)
    return INTERRUPTED if interrupted.is_set() else 0


async def _open(run: Run) -> AudioInput:
    if run.source == STDIN:
        # unbuffered: a thread that is stuck in a buffered read makes the interpreter abort when it ends
        stdin = io.FileIO(sys.stdin.fileno(), closefd=False)
        return await in_daemon_thread(lambda: stdin_input(stdin, run.raw_format))
    return file_input(Path(run.source))


def _on_interrupt(chunks: ChunkFeed, interrupted: asyncio.Event) -> None:
    """The first Ctrl-C ends the audio; a second one ends the program as usual."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        interrupted.set()
        chunks.stop()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, stop)


async def _feed(live: Stream, chunks: AsyncIterator[bytes]) -> None:
    try:
        async for chunk in chunks:
            await live.send_audio(chunk)
    finally:
        await live.finish()


def _latency_s(event: Event, pacer: Pacer) -> float | None:
    """Seconds from when a final's end was sent to now; None when that is not known."""
    if not isinstance(event, Final) or pacer.started_at is None:
        return None
    return asyncio.get_running_loop().time() - (pacer.started_at + event.end / pacer.speed)
