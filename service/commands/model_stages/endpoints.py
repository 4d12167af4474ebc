"""What `--chat FILE` means: a client for the endpoint that the file describes; and the keys of endpoints."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from models.chat.client import ChatClient
from models.chat.endpoint import read_endpoint
from models.chat.usage import UsageLog, total
from models.stage import Shard, room_in
from service.errors import BadRequest
from service.settings import secret

ChatFile = Annotated[
    Path | None,
    typer.Option(
        "--chat",
        metavar="FILE",
        help="An OpenAI-compatible chat endpoint, described in TOML: url, model, key_env, limits, prices "
        "(docs/adaptation.md).",
    ),
]


@contextmanager
def chat_client(file: Path, stage: Path, shard: Shard) -> Iterator[ChatClient]:
    """A client that counts what it uses in the stage's folder, and tells the total at the end, also after an error.

    Raises BadRequest for a file that cannot be used or a key that is not there.
    """
    endpoint = read_endpoint(file)
    key = endpoint_key(file, endpoint.key_env)
    with room_in(stage):
        stage.mkdir(parents=True, exist_ok=True)
    try:
        with ChatClient(endpoint, key, log=UsageLog(stage / f"usage-{shard}.jsonl")) as client:
            yield client
    finally:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        used = total(stage.glob("usage-*.jsonl"))
        console.print(f"{endpoint.model}: {used.line(endpoint)}", markup=False)


def endpoint_key(file: Path, variable: str) -> str:
    """What the variable holds that `file` names; empty where it names none. Raises BadRequest when it is not set."""
    key = secret(variable) if variable else ""
    if variable and not key:
        raise BadRequest(f"{file}, key_env: {variable} is not set", field="key_env")
    return key
