"""`sotto demo`: everything once, from nothing: model, server, live captions, REST."""

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.rule import Rule
from sotto_client import AudioFormat, SottoClient, StreamOptions

from loadtest.shipped import DEMO
from service.commands.client_errors import one_line_client_errors
from service.commands.serving import private_server
from service.commands.stream import Run, require_readable, stream_to_terminal
from service.commands.terminal import one_line_errors

PORT = 8000


def demo(
    file: Annotated[Path, typer.Argument(help="Recording to use instead of the shipped one.")] = DEMO,
) -> None:
    """Fetch the model, start everything, caption a recording live, transcribe it over REST."""
    console = Console(highlight=False, soft_wrap=True)
    with one_line_errors(), one_line_client_errors():
        require_readable(file)
        console.print("[bold]Sotto demo[/]: fetching the model if need be, starting gateway, worker and Valkey")
        started = time.monotonic()
        with private_server(PORT) as url:
            console.print(f"Ready at {url} after {time.monotonic() - started:.1f} s. API page: {url}/docs")
            _live(console, url, file)
            _rest(console, url, file)
        console.print(f"\nTo go on: [bold]{_sotto()} serve[/], then dictate at http://127.0.0.1:{PORT}/app/")


def _live(console: Console, url: str, file: Path) -> None:
    console.print(Rule(f"live captions of {file.name}, in real time over the WebSocket", align="left"))
    console.print("[dim]committed words plain, tentative words dim; seconds: from the end of a final's speech[/]")
    run = Run(
        source=str(file),
        raw_format=AudioFormat(),
        options=StreamOptions(language="en"),
        speed=1.0,
        api_key=None,
        as_json=False,
        latency=True,
    )
    asyncio.run(stream_to_terminal(run, url))


def _rest(console: Console, url: str, file: Path) -> None:
    console.print(Rule("the same recording over REST", align="left"))
    with SottoClient(url) as client:
        started = time.monotonic()
        text = client.transcribe_as("text", file, language="en")
        console.print(text.strip(), markup=False)
        console.print(f"[dim]{time.monotonic() - started:.1f} s[/]")


def _sotto() -> str:
    """How a person calls this installation: by its name where that leads here, else by its path."""
    here = Path(sys.executable).with_name("sotto")
    found = shutil.which("sotto")
    return "sotto" if found and Path(found) == here else os.path.relpath(here)
