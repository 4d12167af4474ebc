"""How a live session begins: opened, or taken over from a connection that was lost."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from service import metrics
from service.errors import BadRequest
from service.gateway.context import Gateway
from service.gateway.ingest import Ingest
from service.gateway.live_session import LiveSession, allowance_of, meter_of
from service.gateway.stream_options import StreamOptions
from service.gateway.writer import Progress, SessionWriter
from service.log.sessions import new_id
from service.log.tenants import Tenant


async def open_session(
    gateway: Gateway, tenant: Tenant, options: StreamOptions, *, bias_report: dict[str, Any] | None = None
) -> LiveSession:
    """Starts a session; `started` tells the report, if any. Raises Refused when there is no room for it, or the
    tenant has used up what it may."""
    await gateway.admission.admit(options.model, live=True)
    session = new_id("s")
    options = replace(options, redact=tenant.privacy.redaction)
    await gateway.metering.open_stream(tenant, session)
    try:
        await allowance_of(gateway, tenant, session).require(1)
        return await _begin(gateway, tenant, session, options, bias_report)
    except BaseException:
        await gateway.metering.close_stream(tenant.id, session)
        raise


async def _begin(
    gateway: Gateway, tenant: Tenant, session: str, options: StreamOptions, bias_report: dict[str, Any] | None
) -> LiveSession:
    token = secrets.token_urlsafe(24)
    owner = _owner(gateway)
    expires = datetime.now(UTC) + timedelta(seconds=gateway.settings.max_stream_s)
    started = {
        "type": "started",
        "session": session,
        "resume_token": token,
        "expires_at": expires.isoformat(timespec="seconds"),
    } | ({"bias": bias_report} if bias_report else {})
    await gateway.sessions.create(
        session,
        owner=owner,
        wake=gateway.waker.channel,
        token=token,
        options=options.dump(),
        tenant=tenant.id,
        meter=meter_of(tenant, session),
        retention_s=tenant.privacy.retention_s,
        first=started,
    )
    writer = SessionWriter(gateway.store, gateway.sessions, session, owner, kind="final", model=options.model)
    ingest = Ingest(gateway.hearing, options.format, options.endpointing)
    await gateway.roster.add(session, options.model)
    metrics.ROUTED.labels(options.model, "stream").inc()
    gateway.biasing.hold(options.bias)
    live = LiveSession(gateway, session, options, ingest, writer, tenant=tenant, after=0, resumed_seq=0)
    gateway.recent.add(session, live.summary)
    return live


async def resume_session(gateway: Gateway, tenant: Tenant, session: str, token: str, last_seq: int) -> LiveSession:
    """Takes a session over from a lost connection, of this or any other gateway.

    Raises NotFound, also for a session of another tenant, and Unauthorized.
    """
    owner = _owner(gateway)
    record = await gateway.sessions.take_over(
        session, token=token, owner=owner, wake=gateway.waker.channel, tenant=tenant.id
    )
    await gateway.waker.call(record.former_wake, session)
    if last_seq >= record.resumed_seq:
        raise BadRequest("no event has that number yet", field="last_seq")
    options = StreamOptions.load(record.options)
    writer = SessionWriter(
        gateway.store,
        gateway.sessions,
        session,
        owner,
        kind="final",
        model=options.model,
        progress=Progress(record.samples, record.ended, record.next_utterance),
    )
    ingest = Ingest.restore(gateway.hearing, options.format, options.endpointing, record.snapshot, record.bytes_safe)
    live = LiveSession(
        gateway,
        session,
        options,
        ingest,
        writer,
        tenant=tenant,
        after=last_seq,
        resumed_seq=record.resumed_seq,
        finished=record.finishing,
    )
    await writer.enqueue_outstanding()
    await gateway.metering.open_stream(tenant, session, resumed=True)
    await gateway.roster.add(session, options.model)
    gateway.biasing.hold(options.bias)
    gateway.recent.add(session, live.summary)
    return live


def _owner(gateway: Gateway) -> str:
    return f"{gateway.name}/{secrets.token_hex(8)}"
