"""`GET /v1/usage` and `GET /v1/admin/usage`: what tenants have used, and what of their limits is left."""

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict

from service.errors import BadRequest
from service.gateway.auth import caller_of
from service.gateway.context import Gateway
from service.gateway.rest.described import described
from service.log.tenants import Limits, Tenant, Tenants
from service.log.usage import Granularity, Used, seconds

router = APIRouter(tags=["usage"])

MAX_DAYS = 366
MAX_HOURLY_DAYS = 31

From = Annotated[date | None, Query(alias="from", description="first day, UTC; the first of this month by default")]
To = Annotated[date | None, Query(description="last day, UTC; today by default")]
Grain = Annotated[Granularity, Query(description="length of the spans")]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Counters(_Schema):
    """Seconds of live streams and of recordings; `words` and `finals` are those that were told."""

    requests: int
    streams: int
    recordings: int
    live_seconds: float
    bulk_seconds: float
    finals: int
    words: int


class Span(Counters):
    start: str


class Usage(_Schema):
    """`spans` are those in which something was used. `month_seconds`: audio of this month that is used or set aside
    for what runs; `open_streams`: now."""

    tenant: str
    granularity: Granularity
    limits: Limits
    month_seconds: float
    open_streams: int
    total: Counters
    spans: list[Span]


class AllUsage(_Schema):
    data: list[Usage]


@router.get("/v1/usage", summary="What your tenant has used", responses=described(Usage, 400, 401, 503))
async def own_usage(request: Request, since: From = None, to: To = None, granularity: Grain = "day") -> Usage:
    return await _usage(
        request.app.state.gateway, caller_of(request).tenant, _days(since, to, granularity), granularity
    )


@router.get("/v1/admin/usage", summary="What all tenants have used", responses=described(AllUsage, 400, 401, 503))
async def all_usage(request: Request, since: From = None, to: To = None, granularity: Grain = "day") -> AllUsage:
    gateway, days = request.app.state.gateway, _days(since, to, granularity)
    return AllUsage(
        data=[await _usage(gateway, tenant, days, granularity) for tenant in await Tenants(gateway.store).all()]
    )


def _days(since: date | None, to: date | None, granularity: Granularity) -> tuple[date, date]:
    """The first and last day. Raises BadRequest for too many."""
    today = datetime.now(UTC).date()
    last = to or today
    first = since or min(last, today.replace(day=1))
    days, most = (last - first).days + 1, MAX_HOURLY_DAYS if granularity == "hour" else MAX_DAYS
    if not 1 <= days <= most:
        raise BadRequest(f"`from` to `to` are {days} days; 1 to {most} are told by {granularity}", field="from")
    return first, last


async def _usage(gateway: Gateway, tenant: Tenant, days: tuple[date, date], granularity: Granularity) -> Usage:
    usage = gateway.metering.usage
    spans = await usage.between(tenant.id, *days, granularity)
    return Usage(
        tenant=tenant.id,
        granularity=granularity,
        limits=tenant.limits,
        month_seconds=seconds(await usage.spent(tenant.id)),
        open_streams=await usage.open_streams(tenant.id),
        total=Counters(**_counters(sum(spans.values(), Used()))),
        spans=[Span(start=start, **_counters(used)) for start, used in spans.items()],
    )


def _counters(used: Used) -> dict[str, Any]:
    counted: dict[str, Any] = asdict(used)
    return counted | {
        "live_seconds": seconds(counted.pop("live_samples")),
        "bulk_seconds": seconds(counted.pop("bulk_samples")),
    }
