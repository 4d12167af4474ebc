"""What was read from Redis, as the page shows it: one JSON object. Pure, so it is tested without Redis."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from service.gateway import routing
from service.gateway.dashboard.reading import Seen, TenantSeen
from service.gateway.dashboard.series import MINUTE
from service.gateway.dashboard.tally import Histogram, Tally
from service.log.figures import SLOT_S
from service.log.gateways import SessionSummary
from service.log.store import TURN_KINDS
from service.log.usage import seconds

RECENT_SLOTS = 300 // SLOT_S  # what "now" means for latencies: five minutes
SESSIONS = 12
LISTS = 50
ID_SHOWN = 10  # characters


def now_of(seen: Seen) -> dict[str, Any]:
    """Everything but the points of the charts."""
    slots = list(seen.figures.values())
    hour, recent = Tally(slots), Tally(slots[-RECENT_SLOTS:])
    minute = Tally(slots[-MINUTE - 1 : -1])  # the last slot has only begun
    return {
        "at": seen.at,
        "model": seen.model,
        "summary": _summary(seen, hour, recent, minute),
        "queues": [asdict(each) for each in seen.waiting],
        "waits": _by_kind(recent, "turn_wait_seconds"),
        "batches": _by_kind(recent, "batch_size"),
        "models": _models(seen, hour, recent),
        "aliases": _aliases(seen),
        "workers": _workers(seen),
        "gateways": [_gateway(each) for each in sorted(map(asdict, seen.gateways), key=lambda each: each["started"])],
        "refusals": _counts(hour.by_label("refusals")),
        "errors": _counts(hour.by_label("errors")),
        "dead_turns": round(hour.by_label("turns", place=2).get("dead", 0.0)),
        "lists": _lists(seen, hour),
        "sessions": _sessions(seen),
        "tenants": [_tenant(each) for each in seen.tenants],
    }


def _summary(seen: Seen, hour: Tally, recent: Tally, minute: Tally) -> dict[str, Any]:
    finals, captions = recent.histogram("final_seconds"), recent.histogram("first_partial_seconds")
    decoding = recent.histogram("real_time_factor")
    return {
        "streams": seen.open_sessions,
        "max_streams": seen.max_sessions,
        "words_per_minute": round(minute.total("words")),
        "audio_s_per_s": round(minute.total("audio_seconds") / 60, 2),
        "finals": finals.count,
        "final_s": _percentiles(finals),
        "first_caption_s": _percentiles(captions),
        "waiting": sum(each.length for each in seen.waiting),
        "oldest_final_ms": max((each.oldest_ms for each in seen.waiting if each.kind == "final"), default=0),
        "real_time_factor": decoding.mean,
        "batch_size": recent.histogram("batch_size").mean,
        "slots": sum(_slots(seen).values()),
        "busy": sum(worker.busy for worker in seen.workers),
        "refusals": round(hour.total("refusals")),
        "errors": round(hour.total("errors")),
    }


def _percentiles(histogram: Histogram) -> dict[str, float | None]:
    return {"p50": histogram.percentile(0.5), "p95": histogram.percentile(0.95), "p99": histogram.percentile(0.99)}


def _by_kind(tally: Tally, name: str) -> list[dict[str, Any]]:
    found = [(kind, tally.histogram(name, kind)) for kind in TURN_KINDS]
    return [{"kind": kind, "count": h.count, "mean": h.mean} | _percentiles(h) for kind, h in found]


def _counts(by_label: dict[str, float]) -> list[dict[str, Any]]:
    return [{"name": name, "count": round(count)} for name, count in by_label.items()]


# ---- models and who serves them


def _models(seen: Seen, hour: Tally, recent: Tally) -> list[dict[str, Any]]:
    """Every model that is served, wanted, queued for or was in use."""
    routed = hour.by_label("routed")
    in_memory = Counter(worker.model for worker in seen.workers if not worker.cold)
    known = {worker.model for worker in seen.workers} | set(seen.deployment.models) | set(routed)
    aliased = {model for alias in seen.deployment.aliases.values() for model in alias.models}
    return [
        {
            "id": model,
            "loaded": in_memory[model],
            "wanted": seen.deployment.is_wanted(model) or (model == seen.model),
            "routed": round(routed.get(model, 0.0)),
            "final_s": _percentiles(recent.histogram("final_seconds", model)),
            "real_time_factor": recent.histogram("real_time_factor", model).mean,
        }
        for model in sorted(known | aliased)
    ]


def _aliases(seen: Seen) -> list[dict[str, Any]]:
    """What each name leads to, `default` always among them."""
    found = []
    for name, alias in sorted(routing.all_aliases(seen.deployment, seen.model).items()):
        shares = routing.shares(alias)
        canaries = [
            {"model": each.model, "percent": each.percent, "tenants": list(each.tenants)} for each in alias.canaries
        ]
        found.append({"name": name, "stable": alias.stable, "percent": shares[alias.stable], "canaries": canaries})
    return found


def _slots(seen: Seen) -> dict[str, int]:
    """Of each worker process: its models share them."""
    return {worker.process or worker.id: worker.slots for worker in seen.workers}


def _workers(seen: Seen) -> list[dict[str, Any]]:
    """One of each process, with its models."""
    hosts = {host.id: host for host in seen.hosts}
    found = []
    for process in sorted(_slots(seen).keys() | hosts.keys()):
        serving = [worker for worker in seen.workers if (worker.process or worker.id) == process]
        host = hosts.get(process)
        held = {model: each.state for model, each in host.models.items()} if host else {}
        held |= {worker.model: "cold" if worker.cold else "loaded" for worker in serving}
        reasons = {model: each.reason for model, each in host.models.items()} if host else {}
        beats = [worker.at for worker in serving] + ([host.at] if host else [])
        found.append(
            {
                "id": process,
                "device": host.device if host else serving[0].device,
                "compute_type": serving[0].compute_type if serving else "",
                "models": [
                    {"id": model, "state": state, "reason": reasons.get(model, "")}
                    for model, state in sorted(held.items())
                ],
                "slots": serving[0].slots if serving else 0,
                "busy": sum(worker.busy for worker in serving),
                "memory_bytes": host.memory_bytes if host else None,
                "memory_limit": host.memory_limit if host else 0,
                "silent_s": round(max(0.0, seen.at - max(beats)), 1),
            }
        )
    return found


def _gateway(status: dict[str, Any]) -> dict[str, Any]:
    return {name: status[name] for name in ("id", "host", "version", "started", "streams", "at")}


# ---- lists, sessions, tenants


def _lists(seen: Seen, hour: Tally) -> dict[str, Any]:
    """Named lists, those of most use first. `other_hits`: of keywords that requests brought along, and of what names
    pointed to earlier."""
    hits = hour.by_label("bias_hits")
    named = [
        {
            "name": each.name,
            "tenant": owner.tenant.id,
            "version": each.version,
            "entries": each.entries,
            "hits": round(hits.get(each.digest, 0.0)),
        }
        for owner in seen.tenants
        for each in owner.lists
    ]
    digests = {each.digest for owner in seen.tenants for each in owner.lists}
    other = sum(count for digest, count in hits.items() if digest not in digests)
    named.sort(key=lambda each: (-int(str(each["hits"])), str(each["name"])))
    return {"named": named[:LISTS], "total": len(named), "other_hits": round(other)}


def _sessions(seen: Seen) -> list[dict[str, Any]]:
    """The newest of all gateways. Texts only where the tenant has them shown now."""
    shown = {each.tenant.id for each in seen.tenants if each.tenant.privacy.show_text}
    by_id: dict[str, SessionSummary] = {}
    told = [session for gateway in seen.gateways for session in gateway.sessions]
    for session in sorted(told, key=lambda each: (each.state != "left", each.began)):
        by_id[session.id] = session  # of one that was resumed at another gateway both tell: the last one knows
    newest = sorted(by_id.values(), key=lambda each: -each.began)[:SESSIONS]
    return [
        asdict(each)
        | {
            "id": each.id[:ID_SHOWN],
            "text": each.text if each.tenant in shown else "",
            "age_s": round(seen.at - each.began),
        }
        for each in newest
    ]


def _tenant(seen: TenantSeen) -> dict[str, Any]:
    today = seen.today
    return {
        "id": seen.tenant.id,
        "name": seen.tenant.name,
        "streams": seen.streams,
        "max_streams": seen.tenant.limits.concurrent_streams,
        "requests": today.requests,
        "live_s": seconds(today.live_samples),
        "bulk_s": seconds(today.bulk_samples),
        "words": today.words,
    }
