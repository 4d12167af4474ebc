"""`sotto models load|unload|alias`: what is no model id is told before any server is asked."""

import pytest
from typer.testing import CliRunner

from service.commands.models import app

NOBODY = ["--url", "http://127.0.0.1:1"]


@pytest.mark.parametrize("model", ["", "../../etc/passwd", "a b", "x" * 500])
@pytest.mark.parametrize("command", [["load"], ["unload"], ["alias", "default"]])
def test_what_is_no_model_id_is_named_without_asking_a_server(command: list[str], model: str) -> None:
    result = CliRunner().invoke(app, [*command, model, *NOBODY])
    assert result.exit_code == 2
    assert "is not a model id" in result.output


def test_a_server_that_is_not_there_is_told_in_one_line() -> None:
    result = CliRunner().invoke(app, ["load", "base", *NOBODY])
    assert result.exit_code == 1
    assert "127.0.0.1:1" in result.output
    assert result.output.count("\n") == 1
