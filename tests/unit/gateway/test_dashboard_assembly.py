"""What the page is told of what was read: whose texts, which hits, who is counted once."""

from dataclasses import replace

from service.gateway.dashboard.assembly import now_of
from service.gateway.dashboard.reading import Seen, TenantSeen
from service.log.bias_lists import NamedList
from service.log.deployment import Alias, Canary, Deployment
from service.log.gateways import GatewayStatus, SessionSummary
from service.log.tenants import Privacy, Tenant
from service.log.workers import HeldModel, HostStatus, WorkerStatus

SESSION = SessionSummary("s_0123456789abcdef", "acme", "sotto", "base", began=900.0, text="I said so.")
WORKER = WorkerStatus("w/base", "base", "cpu", "int8", slots=2, max_batch=4, busy=1, languages=("en",), process="w")


def gateway(name: str, *sessions: SessionSummary) -> GatewayStatus:
    return GatewayStatus(name, "host", "1", started=1.0, streams=len(sessions), sessions=sessions, at=1000.0)


def tenant(*, show_text: bool) -> TenantSeen:
    lists = (NamedList("clients", 2, "now", 5, 1.0), NamedList("streets", 1, "other", 3, 1.0))
    return TenantSeen(Tenant(id="acme", privacy=Privacy(show_text=show_text)), lists)


def test_texts_are_told_only_where_the_tenant_allows_it_now() -> None:
    seen = Seen(at=1000.0, model="base", gateways=(gateway("a", SESSION),))
    [hidden] = now_of(replace(seen, tenants=(tenant(show_text=False),)))["sessions"]
    [shown] = now_of(replace(seen, tenants=(tenant(show_text=True),)))["sessions"]
    [unknown] = now_of(seen)["sessions"]
    assert (hidden["text"], shown["text"], unknown["text"]) == ("", "I said so.", "")
    assert hidden["id"] == "s_01234567"
    assert hidden["age_s"] == 100


def test_session_resumed_elsewhere_is_told_once_as_it_is_there() -> None:
    left, resumed = replace(SESSION, state="left"), replace(SESSION, began=950.0, utterances=4)
    for gateways in ((gateway("a", left), gateway("b", resumed)), (gateway("b", resumed), gateway("a", left))):
        [told] = now_of(Seen(at=1000.0, model="base", gateways=gateways))["sessions"]
        assert (told["state"], told["utterances"]) == ("open", 4)


def test_hits_go_to_the_name_that_points_to_the_list_and_else_to_the_rest() -> None:
    figures = {1: {("bias_hits", "now"): 3.0, ("bias_hits", "former"): 2.0}, 2: {("bias_hits", "now"): 1.0}}
    lists = now_of(Seen(model="base", figures=figures, tenants=(tenant(show_text=False),)))["lists"]
    assert [(each["name"], each["hits"]) for each in lists["named"]] == [("clients", 4), ("streets", 0)]
    assert lists["other_hits"] == 2


def test_models_of_one_process_share_its_slots() -> None:
    held = HostStatus(
        "w", "cpu", 5, 9, {"base": HeldModel("loaded"), "big": HeldModel("failed", reason="no file")}, at=999
    )
    tiny = replace(WORKER, id="w/tiny", model="tiny", busy=0, cold=True)
    now = now_of(Seen(at=1000.0, model="base", workers=(replace(WORKER, at=999.5), tiny), hosts=(held,)))
    [worker] = now["workers"]
    assert (worker["slots"], worker["busy"], worker["silent_s"], worker["memory_bytes"]) == (2, 1, 0.5, 5)
    assert [(each["id"], each["state"], each["reason"]) for each in worker["models"]] == [
        ("base", "loaded", ""),
        ("big", "failed", "no file"),
        ("tiny", "cold", ""),
    ]
    assert now["summary"]["slots"] == 2


def test_aliases_tell_the_share_of_each_model() -> None:
    deployment = Deployment(aliases={"default": Alias("base", (Canary("tiny", 20.0, ("acme",)),))})
    [alias] = now_of(Seen(model="base", deployment=deployment))["aliases"]
    assert (alias["stable"], alias["percent"]) == ("base", 80.0)
    assert alias["canaries"] == [{"model": "tiny", "percent": 20.0, "tenants": ["acme"]}]


def test_words_per_minute_are_those_of_six_slots_that_are_over() -> None:
    figures = {slot: {("words", "base"): 7.0} for slot in range(20)}
    assert now_of(Seen(model="base", figures=figures))["summary"]["words_per_minute"] == 42
