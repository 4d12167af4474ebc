"""Ends a command on what the client library raises, with one line instead of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from sotto_client import BadRequest, NotFound, SottoClientError


@contextmanager
def one_line_client_errors() -> Iterator[None]:
    """Status 2 when the person can mend the request, 1 when the server cannot be reached, refuses or fails."""
    try:
        yield
    except SottoClientError as error:
        field = getattr(error, "field", None)
        where = f" ({field})" if field else ""
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"error: {error}{where}", markup=False)
        raise typer.Exit(2 if isinstance(error, BadRequest | NotFound) else 1) from error
