"""`sotto models load|unload|alias|rollback|status`: what a running server has loaded, and where its names lead."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.console import Console
from rich.table import Table

from models.registry import check_id
from service.commands.stream import ApiKey, server
from service.commands.terminal import one_line_errors
from service.errors import BadRequest, Failed, ModelUnavailable, Unauthorized

MB = 1_000_000
LOCAL = "http://127.0.0.1:8000"
TIMEOUT_S = 30.0
LOOK_S = 0.3
UNDER_WAY = ("pending", "loading")

ModelId = Annotated[str, typer.Argument(metavar="ID", help="A model on the workers' disks.")]
AliasName = Annotated[str, typer.Argument(metavar="ALIAS", help="`default` stands for requests that name no model.")]
ServerUrl = Annotated[str, typer.Option("--url", help="Any gateway of the deployment.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def load_model(
    model: ModelId,
    url: ServerUrl = LOCAL,
    api_key: ApiKey = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until every worker has it; exits 1 when one cannot.")] = False,
) -> None:
    """Have all workers load a model beside those that they serve."""
    with _admin(url, api_key) as admin:
        deployed = admin.ask("POST", f"models/{check_id(model)}:load")
        while wait and (not deployed["workers"] or any(on["state"] in UNDER_WAY for on in deployed["workers"])):
            time.sleep(LOOK_S)
            deployed = admin.model(model)
        typer.echo(f"{model}: {_states(deployed)}")
        troubles = [on["reason"] for on in deployed["workers"] if on["reason"]]
        if wait and troubles:
            raise ModelUnavailable(f"{model}: {'; '.join(dict.fromkeys(troubles))}")


def unload_model(model: ModelId, url: ServerUrl = LOCAL, api_key: ApiKey = None) -> None:
    """Have all workers let a model go once no stream, recording or job uses it."""
    with _admin(url, api_key) as admin:
        deployed = admin.ask("POST", f"models/{check_id(model)}:unload")
    uses = deployed["uses"]
    typer.echo(f"{model}: {f'goes when what uses it ({uses}) has ended' if uses else 'goes'}")


def alias_model(
    alias: AliasName,
    model: ModelId,
    percent: Annotated[
        float | None, typer.Option(min=0, max=100, help="Share of a canary; 0 takes it away. All by default.")
    ] = None,
    tenant: Annotated[list[str] | None, typer.Option(help="A canary for this tenant; may be repeated.")] = None,
    url: ServerUrl = LOCAL,
    api_key: ApiKey = None,
) -> None:
    """Lead a name to a model that is loaded: wholly, or as a canary beside the stable one."""
    wish = {"alias": alias, "percent": percent, "tenants": tenant or []}
    with _admin(url, api_key) as admin:
        typer.echo(_line(admin.ask("POST", f"models/{check_id(model)}:alias", wish)))


def roll_back_alias(alias: AliasName, url: ServerUrl = LOCAL, api_key: ApiKey = None) -> None:
    """Take a name's canaries away; where there are none, lead it back to the model before this one."""
    with _admin(url, api_key) as admin:
        typer.echo(_line(admin.ask("POST", f"aliases/{_quoted(alias)}:rollback")))


def deployment_status(url: ServerUrl = LOCAL, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """Show models, aliases and workers of a running server."""
    with _admin(url, api_key) as admin:
        deployed = admin.ask("GET", "models")
    if as_json:
        typer.echo(json.dumps(deployed, indent=2))
        return
    console = Console(soft_wrap=True)
    models = _table("model", "state", "uses", "aliases")
    for model in deployed["data"]:
        models.add_row(model["id"], _states(model), str(model["uses"]), ", ".join(model["aliases"]))
    aliases = _table("alias", "leads to", "tenants", "before")
    for alias in deployed["aliases"]:
        tenants = [f"{t} → {canary['model']}" for canary in alias["canaries"] for t in canary["tenants"]]
        aliases.add_row(alias["alias"], _shares(alias), ", ".join(tenants), ", ".join(alias["history"]))
    workers = _table("worker", "device", "memory", "on its disk")
    for worker in deployed["workers"]:
        limit = f" of {worker['memory_limit'] / MB:,.0f}" if worker["memory_limit"] else ""
        memory = f"{worker['memory_bytes'] / MB:,.0f}{limit} MB"
        workers.add_row(worker["id"], worker["device"], memory, ", ".join(worker["installed"]))
    for table in (models, aliases, workers):
        console.print(table)
    for model in deployed["data"]:
        for on in model["workers"]:
            if on["reason"]:
                console.print(f"{model['id']} on {on['worker']}: {on['reason']}", markup=False)


class Admin:
    """The admin routes of one server."""

    def __init__(self, base: str, api_key: str | None) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(base_url=f"{base.rstrip('/')}/v1/admin/", headers=headers, timeout=TIMEOUT_S)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer. Raises BadRequest for what the person can mend, Failed for all else."""
        try:
            answer = self._client.request(method, path, json=body)
            told: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Failed(
                f"{self._client.base_url.host}:{self._client.base_url.port} does not answer: {error}"
            ) from error
        if answer.is_success:
            return told
        message = told.get("error", {}).get("message", f"status {answer.status_code}")
        if answer.status_code in (401, 403):
            raise Unauthorized(message)
        raise (BadRequest if answer.is_client_error else Failed)(message)

    def model(self, model: str) -> dict[str, Any]:
        """Raises BadRequest when it was unloaded meanwhile."""
        for deployed in self.ask("GET", "models")["data"]:
            if deployed["id"] == model:
                found: dict[str, Any] = deployed
                return found
        raise BadRequest(f"{model} was unloaded meanwhile")

    def close(self) -> None:
        self._client.close()


@contextmanager
def _admin(url: str, api_key: str | None) -> Iterator[Admin]:
    with one_line_errors(), server(url) as base:
        admin = Admin(base, api_key)
        try:
            yield admin
        finally:
            admin.close()


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _table(*headings: str) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(heading, justify="right" if heading == "uses" else "left", overflow="fold")
    return table


def _states(model: dict[str, Any]) -> str:
    """As in `loaded` or, where workers differ, `loaded on 1, loading on 2`."""
    counted = Counter(on["state"].replace("_", " ") for on in model["workers"])
    if len(counted) < 2:
        return next(iter(counted), "on no worker")
    return ", ".join(f"{state} on {count}" for state, count in sorted(counted.items()))


def _shares(alias: dict[str, Any]) -> str:
    return ", ".join(f"{model} {percent:g} %" for model, percent in alias["shares"].items())


def _line(alias: dict[str, Any]) -> str:
    tenants = [f"{t} → {canary['model']}" for canary in alias["canaries"] for t in canary["tenants"]]
    return "; ".join([f"{alias['alias']}: {_shares(alias)}", *tenants])
