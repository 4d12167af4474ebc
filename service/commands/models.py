"""`sotto models`: what can be had, what is here, and whether it is whole."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.registry import Entry, InstalledModel, installed, known, verify
from service.commands.lazy import group_of
from service.commands.terminal import fetch_with_progress, one_line_errors
from service.errors import ModelUnavailable
from service.settings import Settings

MB = 1_000_000

STAGES = "service.commands.model_stages"
DEPLOYED = "service.commands.deployed_models"
COMMANDS = {
    "adapt": f"{STAGES}.adapt:adapt_model",
    "import-ct2": f"{STAGES}.import_ct2:import_ct2_model",
    "expand": f"{STAGES}.expand:expand_seeds",
    "filter": f"{STAGES}.filter:filter_synthetic_speech",
    "finetune": f"{STAGES}.finetune:finetune_whisper",
    "fetch-voices": f"{STAGES}.synthesize:fetch_voices",
    "synthesize": f"{STAGES}.synthesize:synthesize_speech",
    "pseudo-label": f"{STAGES}.pseudo_label:label_recordings",
    "evaluate": f"{STAGES}.evaluate:evaluate_models",
    "merge": f"{STAGES}.merge:merge_adapter",
    "convert": f"{STAGES}.convert:convert_model",
    "register": f"{STAGES}.register:register_model",
    "load": f"{DEPLOYED}:load_model",
    "unload": f"{DEPLOYED}:unload_model",
    "alias": f"{DEPLOYED}:alias_model",
    "rollback": f"{DEPLOYED}:roll_back_alias",
    "status": f"{DEPLOYED}:deployment_status",
}

app = typer.Typer(
    cls=group_of(COMMANDS),
    help="Lists, fetches and verifies the Whisper models that Sotto serves.",
    no_args_is_help=True,
)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One line of the list: an installed model, or one that can be fetched."""

    id: str
    state: str
    bytes: int
    multilingual: bool
    licence: str
    source: str
    path: str | None
    problems: tuple[str, ...]


@app.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array instead of a table.")] = False,
) -> None:
    """Lists the models that can be fetched and those that are on this machine.

    A folder of SOTTO_DATA_DIR/models that holds a CTranslate2 Whisper model counts as a model by its name.
    """
    rows = _rows(_models_dir())
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    table = Table(expand=True)
    for heading in ("id", "state", "size", "languages", "licence"):
        table.add_column(heading, justify="right" if heading == "size" else "left", no_wrap=True)
    table.add_column("source", ratio=1, no_wrap=True, overflow="ellipsis")
    for row in rows:
        size = f"{row.bytes / MB:,.0f} MB"
        table.add_row(row.id, row.state, size, "many" if row.multilingual else "English", row.licence, row.source)
    Console().print(table)


@app.command("fetch")
def fetch_models(
    model_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Models to fetch: see `sotto models list`.")],
) -> None:
    """Downloads models and verifies them; one that is here is verified and only fetched again when damaged.

    Prints the folder of each model. Models go to SOTTO_DATA_DIR/models.
    """
    with one_line_errors():
        for model_id in model_ids:
            typer.echo(fetch_with_progress(model_id, _models_dir()))


@app.command("verify")
def verify_models(
    model_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="Models to verify; all that are here by default.")
    ] = None,
) -> None:
    """Reads every file of installed models and compares it with its digest; exits 1 when one differs."""
    models_dir = _models_dir()
    damaged = []
    with one_line_errors():
        for model_id in model_ids or [model.id for model in installed(models_dir)]:
            wrong = verify(model_id, models_dir)
            typer.echo(f"{model_id}: {'; '.join(wrong) or 'verified'}")
            damaged += [model_id] if wrong else []
        if damaged:
            raise ModelUnavailable(f"damaged: {', '.join(damaged)}")


def _models_dir() -> Path:
    return Settings().data_dir / "models"


def _rows(models_dir: Path) -> list[ModelRow]:
    here = {model.id: model for model in installed(models_dir)}
    rows = [_installed_row(here.pop(entry.id)) if entry.id in here else _available_row(entry) for entry in known()]
    return rows + [_installed_row(model) for model in here.values()]


def _available_row(entry: Entry) -> ModelRow:
    source = " or ".join(source.label for source in entry.sources)
    return ModelRow(entry.id, "available", entry.bytes, entry.multilingual, entry.licence, source, None, ())


def _installed_row(model: InstalledModel) -> ModelRow:
    state = "damaged" if model.problems else "installed"
    return ModelRow(
        model.id,
        state,
        model.bytes,
        model.multilingual,
        model.licence,
        model.source,
        str(model.path),
        model.problems,
    )
