"""`sotto tenants` and `sotto keys`: who may use a deployment. They speak to its Redis: the first key needs no key."""

import asyncio
import getpass
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from service import logs
from service.commands.terminal import one_line_errors
from service.errors import BadRequest, StoreUnavailable
from service.log.administration import Administration, Administrator
from service.log.api_keys import SCOPES, ApiKey, Scope
from service.log.private import PrivateRedis
from service.log.store import Store
from service.log.tenants import DEFAULT, Tenant
from service.settings import Settings

tenants = typer.Typer(help="Tenants: limits, and what becomes of their texts.", no_args_is_help=True)
keys = typer.Typer(help="API keys of tenants.", no_args_is_help=True)

T = TypeVar("T")

TenantId = Annotated[str, typer.Argument(metavar="TENANT", help="Small letters, digits, `_` and `-`.")]
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="What stands between the underscores of a key.")]
Limit = Annotated[int | None, typer.Option(min=0, help="0: none.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Name = Annotated[str | None, typer.Option(help="For people.")]
Redact = Annotated[
    list[str] | None, typer.Option(help="card, phone or email: struck out of captions and finals; repeatedly for more.")
]


@tenants.command("create")
def create_tenant(tenant: TenantId, name: Name = None) -> None:
    """Create a tenant, without limits."""
    made = _run(lambda admin, by: admin.create_tenant(by, _parsed(tenant, name or "")))
    typer.echo(f"{made.id}: created")


@tenants.command("list")
def list_tenants(as_json: Json = False) -> None:
    """List the tenants."""
    found = _run(lambda admin, _: admin.tenants.all())
    if as_json:
        typer.echo(json.dumps([tenant.model_dump() for tenant in found], indent=2, ensure_ascii=False))
        return
    _print(
        ("tenant", "name", "streams", "requests/min", "minutes/month", "lists", "entries/list", "kept", "redacts"),
        [
            (
                tenant.id,
                tenant.name,
                *(f"{limit:,}" if limit else "–" for limit in tenant.limits.model_dump().values()),
                f"{tenant.privacy.retention_s:,} s" if tenant.privacy.retention_s else "–",
                ", ".join(tenant.privacy.redact),
            )
            for tenant in found
        ],
    )


@tenants.command("show")
def show_tenant(tenant: TenantId) -> None:
    """Print a tenant as JSON."""
    found = _run(lambda admin, _: admin.tenants.get(tenant))
    typer.echo(json.dumps(found.model_dump(), indent=2, ensure_ascii=False))


@tenants.command("update")
def update_tenant(
    tenant: TenantId,
    name: Name = None,
    concurrent_streams: Limit = None,
    requests_per_minute: Limit = None,
    audio_minutes_per_month: Limit = None,
    bias_lists: Limit = None,
    entries_per_list: Limit = None,
    retention_s: Annotated[int | None, typer.Option(min=0, help="How long the texts of streams are kept.")] = None,
    redact: Redact = None,
    no_redaction: Annotated[bool, typer.Option("--no-redaction", help="Strike nothing out any more.")] = False,
    phone_region: Annotated[
        list[str] | None, typer.Option(help="Where numbers without a country code are from, as in `DE`.")
    ] = None,
    show_text: Annotated[bool | None, typer.Option(help="Whether dashboards may show texts.")] = None,
) -> None:
    """Change what is named; everything else stays."""
    limits = {
        "concurrent_streams": concurrent_streams,
        "requests_per_minute": requests_per_minute,
        "audio_minutes_per_month": audio_minutes_per_month,
        "bias_lists": bias_lists,
        "entries_per_list": entries_per_list,
    }
    privacy = {
        "retention_s": retention_s,
        "redact": [] if no_redaction else redact or None,
        "phone_regions": phone_region or None,
        "show_text": show_text,
    }
    changes = {"name": name, "limits": _named(limits), "privacy": _named(privacy)}
    changed = _run(lambda admin, by: admin.update_tenant(by, tenant, _named(changes)))
    typer.echo(json.dumps(changed.model_dump(), indent=2, ensure_ascii=False))


@tenants.command("delete")
def delete_tenant(tenant: TenantId) -> None:
    """Delete a tenant and revoke its keys."""
    typer.echo(f"{_run(lambda admin, by: admin.delete_tenant(by, tenant)).id}: deleted, its keys are revoked")


@keys.command("create")
def create_key(
    tenant: Annotated[str, typer.Option(help="Whose key it is.")] = DEFAULT,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="transcribe, lists or admin; repeatedly for more. Without: transcribe and lists."),
    ] = None,
    name: Name = None,
    days: Annotated[float | None, typer.Option(min=0, help="When it expires; never without.")] = None,
) -> None:
    """Create a key and print it, this once."""
    expires = None if days is None else round(time.time() + days * 86_400, 3)
    scopes = _scopes(scope or ["transcribe", "lists"])
    made, key = _run(lambda admin, by: admin.create_key(by, tenant, scopes, name=name or "", expires=expires))
    _tell_key(made, key)


@keys.command("list")
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Of this tenant alone.")] = None, as_json: Json = False
) -> None:
    """List the keys: never the keys themselves, of which only hashes are kept."""

    async def read(admin: Administration, _: Administrator) -> tuple[list[ApiKey], dict[str, int]]:
        return await admin.keys.all(tenant), await admin.keys.last_used()

    found, used = _run(read)
    if as_json:
        shown = [key.model_dump(exclude={"hashes"}) | {"last_used": used.get(key.id)} for key in found]
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    _print(
        ("id", "tenant", "scopes", "name", "created", "expires", "last used", "state"),
        [
            (
                key.id,
                key.tenant,
                " ".join(key.scopes),
                key.name,
                _date(key.created),
                _date(key.expires),
                _date(used.get(key.id)),
                "good" if key.is_live else "revoked" if key.revoked else "expired",
            )
            for key in found
        ],
    )


@keys.command("rotate")
def rotate_key(
    key_id: KeyId,
    overlap_s: Annotated[float, typer.Option(min=0, help="For which the former key is good yet.")] = 0,
) -> None:
    """Replace a key, and print the new one, this once."""
    _tell_key(*_run(lambda admin, by: admin.rotate_key(by, key_id, overlap_s=overlap_s)))


@keys.command("revoke")
def revoke_key(key_id: KeyId) -> None:
    """Revoke a key: within two seconds no gateway takes it any more."""
    typer.echo(f"{_run(lambda admin, by: admin.revoke_key(by, key_id)).id}: revoked")


def _run(work: Callable[[Administration, Administrator], Awaitable[T]]) -> T:
    """Does the work on the deployment's Redis, as the user of this machine."""

    async def run() -> T:
        settings = Settings()
        store = Store(_redis_url(settings), prefix=settings.key_prefix)
        try:
            await store.check()
            return await work(Administration(store), Administrator(f"cli:{getpass.getuser()}", "", "this machine"))
        finally:
            await store.close()

    logs.configure("warning", "cli")
    with one_line_errors():
        return asyncio.run(run())


def _redis_url(settings: Settings) -> str:
    """REDIS_URL, or the private server of a `sotto serve` that runs on this machine."""
    if settings.redis_url:
        return settings.redis_url
    private = PrivateRedis(settings.data_dir / "redis")
    if not private.socket.exists():
        raise StoreUnavailable("REDIS_URL is not set, and no `sotto serve` runs on this machine")
    return private.url


def _parsed(tenant: str, name: str) -> Tenant:
    try:
        return Tenant(id=tenant, name=name)
    except ValueError as error:
        raise BadRequest(f"{tenant!r}: ids are of small letters, digits, `_` and `-`", field="id") from error


def _scopes(given: list[str]) -> tuple[Scope, ...]:
    if unknown := set(given) - set(SCOPES):
        raise typer.BadParameter(f"{sorted(unknown)[0]!r} is not one of {', '.join(SCOPES)}", param_hint="--scope")
    return tuple(scope for scope in SCOPES if scope in given)


def _named(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _tell_key(record: ApiKey, key: str) -> None:
    """The key on standard output, alone, so that a script can take it; what it is on standard error."""
    typer.echo(f"{record.id}: tenant {record.tenant}, scopes {' '.join(record.scopes)}; shown this once:", err=True)
    typer.echo(key)


def _print(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = Table()
    for heading in headings:
        table.add_column(heading, no_wrap=heading == headings[0])  # what other commands take must be whole
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _date(at: float | None) -> str:
    return "–" if at is None else datetime.fromtimestamp(at, UTC).isoformat(" ", "minutes").removesuffix("+00:00")
