"""`sotto bias-lists`: lists of names and phrases that a server keeps."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sotto_client import BiasList, SottoClient

from service.commands.bias_options import read_list
from service.commands.client_errors import one_line_client_errors
from service.commands.stream import ApiKey, server
from service.commands.terminal import one_line_errors

app = typer.Typer(help="Keeps lists of names and phrases on a server.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, `.`, `_` and `-`.")]
ServerUrl = Annotated[str, typer.Option("--url", help="The server that keeps the lists.")]
LOCAL = "http://127.0.0.1:8000"


@app.command("put")
def put(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="LIST", help="Names and phrases: .txt, .csv or .json.")],
    url: ServerUrl = LOCAL,
    api_key: ApiKey = None,
) -> None:
    """Create or replace a list."""
    with _client(url, api_key) as client:
        kept = client.put_bias_list(name, [entry.to_json() for entry in read_list(file)])
    typer.echo(f"{kept.name}: version {kept.version}, {_entries(kept)}")


@app.command("get")
def get(name: Name, url: ServerUrl = LOCAL, api_key: ApiKey = None) -> None:
    """Print a list as JSON, which can be put again."""
    with _client(url, api_key) as client:
        kept = client.get_bias_list(name)
    printed = {"name": kept.name, "version": kept.version, "phrases": kept.phrases}
    typer.echo(json.dumps(printed, ensure_ascii=False, indent=1))


@app.command("list")
def list_all(
    url: ServerUrl = LOCAL,
    api_key: ApiKey = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array instead of a table.")] = False,
) -> None:
    """List the lists."""
    with _client(url, api_key) as client:
        lists = client.bias_lists()
    if as_json:
        columns = ("name", "version", "entries", "updated_at")
        typer.echo(json.dumps([{column: getattr(kept, column) for column in columns} for kept in lists], indent=2))
        return
    table = Table()
    for heading in ("name", "version", "entries", "changed"):
        table.add_column(heading, justify="left" if heading in ("name", "changed") else "right")
    for kept in lists:
        changed = datetime.fromtimestamp(kept.updated_at, UTC).isoformat(" ", "seconds")
        table.add_row(kept.name, str(kept.version), f"{kept.entries:,}", changed)
    Console().print(table)


@app.command("delete")
def delete(name: Name, url: ServerUrl = LOCAL, api_key: ApiKey = None) -> None:
    """Remove a list; streams and jobs that use it keep it."""
    with _client(url, api_key) as client:
        gone = client.delete_bias_list(name)
    typer.echo(f"{gone.name}: deleted at version {gone.version}, {_entries(gone)}")


@contextmanager
def _client(url: str, api_key: str | None) -> Iterator[SottoClient]:
    """Ends the command with one line on whatever goes wrong."""
    with one_line_errors(), one_line_client_errors(), server(url) as base, SottoClient(base, api_key=api_key) as client:
        yield client


def _entries(kept: BiasList) -> str:
    return "1 entry" if kept.entries == 1 else f"{kept.entries:,} entries"
