"""Which model a name leads to, and how names are pointed elsewhere."""

from collections import Counter

import pytest

from service.errors import BadRequest, Conflict, NotFound
from service.gateway import routing
from service.log.deployment import Alias, Canary, Deployment, Wish

OWN = "base"
KEYS = [f"s_{number}" for number in range(4_000)]


def with_alias(name: str, alias: Alias) -> Deployment:
    return Deployment(aliases={name: alias})


def routed(deployment: Deployment, name: str, *, tenant: str | None = None) -> Counter[str]:
    return Counter(routing.route(deployment, name, tenant=tenant, key=key) for key in KEYS)


def test_a_name_that_is_no_alias_is_the_model_itself() -> None:
    assert routing.route(Deployment(), "large-v3", tenant=None, key="k") == "large-v3"


def test_an_alias_without_canaries_leads_to_its_stable_model() -> None:
    assert routed(with_alias("crm", Alias("v1")), "crm") == {"v1": len(KEYS)}


def test_canaries_get_their_shares_of_the_keys() -> None:
    alias = Alias("v1", (Canary("v2", 10), Canary("v3", 30)))
    got = routed(with_alias("crm", alias), "crm")
    for model, percent in routing.shares(alias).items():
        assert abs(100 * got[model] / len(KEYS) - percent) < 3


def test_a_key_leads_to_the_same_model_every_time_and_stays_when_the_share_grows() -> None:
    small, large = (with_alias("crm", Alias("v1", (Canary("v2", percent),))) for percent in (5, 50))
    early = [key for key in KEYS if routing.route(small, "crm", tenant=None, key=key) == "v2"]
    assert early
    assert {routing.route(large, "crm", tenant=None, key=key) for key in early} == {"v2"}


def test_a_tenant_that_a_canary_names_goes_there_whatever_the_key() -> None:
    deployment = with_alias("crm", Alias("v1", (Canary("v2", 0, ("acme",)),)))
    assert routed(deployment, "crm", tenant="acme") == {"v2": len(KEYS)}
    assert routed(deployment, "crm", tenant="other") == {"v1": len(KEYS)}
    assert routed(deployment, "crm") == {"v1": len(KEYS)}


def test_a_switch_remembers_what_it_led_to_and_a_rollback_goes_there() -> None:
    deployment = Deployment()
    for model in ("v1", "v2", "v3"):
        deployment = routing.switched(deployment, "crm", model, OWN)
    assert deployment.aliases["crm"] == Alias("v3", history=("v2", "v1"))
    deployment = routing.rolled_back(deployment, "crm")
    assert deployment.aliases["crm"] == Alias("v2", history=("v1",))


def test_the_first_switch_of_default_remembers_the_gateways_own_model() -> None:
    deployment = routing.switched(Deployment(), routing.DEFAULT, "v2", OWN)
    assert routing.rolled_back(deployment, routing.DEFAULT).aliases[routing.DEFAULT].stable == OWN


def test_a_rollback_takes_canaries_away_before_it_goes_back() -> None:
    """Whoever rolls back wants none of the new model, and not the one that was before the old."""
    deployment = routing.switched(routing.switched(Deployment(), "crm", "v1", OWN), "crm", "v2", OWN)
    deployment = routing.with_canary(deployment, "crm", Canary("v3", 20), OWN)
    assert routing.rolled_back(deployment, "crm").aliases["crm"] == Alias("v2", history=("v1",))


def test_a_switch_to_the_canary_takes_the_canaries_away_and_can_be_rolled_back() -> None:
    deployment = routing.switched(Deployment(), "crm", "v1", OWN)
    deployment = routing.with_canary(deployment, "crm", Canary("v2", 20), OWN)
    deployment = routing.switched(deployment, "crm", "v2", OWN)
    assert deployment.aliases["crm"] == Alias("v2", history=("v1",))


def test_history_is_bounded_and_has_no_model_twice() -> None:
    deployment = Deployment()
    for number in range(50):
        deployment = routing.switched(deployment, "crm", f"v{number % 15}", OWN)
    history = deployment.aliases["crm"].history
    assert len(history) == len(set(history)) == routing.HISTORY
    assert deployment.aliases["crm"].stable not in history


def test_nothing_to_go_back_to_is_a_conflict_and_no_alias_is_not_found() -> None:
    with pytest.raises(Conflict):
        routing.rolled_back(with_alias("crm", Alias("v1")), "crm")
    with pytest.raises(NotFound):
        routing.rolled_back(Deployment(), "crm")


def test_no_rollback_to_a_model_that_was_unloaded() -> None:
    deployment = Deployment({"v1": Wish(False)}, {"crm": Alias("v2", history=("v1",))})
    with pytest.raises(Conflict, match="v1"):
        routing.rolled_back(deployment, "crm")


def test_a_canary_replaces_its_own_former_share_and_takes_tenants_from_others() -> None:
    deployment = with_alias("crm", Alias("v1", (Canary("v2", 60, ("acme", "zeta")),)))
    deployment = routing.with_canary(deployment, "crm", Canary("v3", 40, ("acme",)), OWN)
    deployment = routing.with_canary(deployment, "crm", Canary("v2", 50, ("zeta",)), OWN)
    assert deployment.aliases["crm"].canaries == (Canary("v3", 40, ("acme",)), Canary("v2", 50, ("zeta",)))


@pytest.mark.parametrize(
    ("canary", "error", "field"),
    [
        (Canary("v2", 50), BadRequest, "percent"),
        (Canary("v1", 10), Conflict, "model"),
    ],
)
def test_a_canary_must_fit_beside_the_others(canary: Canary, error: type[Exception], field: str) -> None:
    deployment = with_alias("crm", Alias("v1", (Canary("v3", 60),)))
    with pytest.raises(error) as raised:
        routing.with_canary(deployment, "crm", canary, OWN)
    assert getattr(raised.value, "field", None) == field


def test_a_canary_needs_a_stable_model() -> None:
    with pytest.raises(Conflict):
        routing.with_canary(Deployment(), "crm", Canary("v2", 10), OWN)
    deployment = routing.with_canary(Deployment(), routing.DEFAULT, Canary("v2", 10), OWN)
    assert deployment.aliases[routing.DEFAULT].stable == OWN


def test_a_model_that_a_name_leads_to_cannot_be_unloaded() -> None:
    deployment = with_alias("crm", Alias("v1", (Canary("v2", 10),)))
    for model, alias in (("v1", "crm"), ("v2", "crm"), (OWN, "default")):
        with pytest.raises(Conflict, match=alias):
            routing.unloaded(deployment, model, OWN)
    assert routing.unloaded(deployment, "v0", OWN).is_unwanted("v0")


def test_the_gateways_own_model_can_be_unloaded_once_default_leads_elsewhere() -> None:
    deployment = routing.unloaded(routing.switched(Deployment(), routing.DEFAULT, "v2", OWN), OWN, OWN)
    assert deployment.is_unwanted(OWN)
    with pytest.raises(Conflict):
        routing.removed(deployment, routing.DEFAULT, OWN)


def test_no_name_leads_to_a_model_that_is_unloaded_meanwhile() -> None:
    with pytest.raises(Conflict):
        routing.switched(Deployment({"v2": Wish(False)}), "crm", "v2", OWN)


def test_every_wish_counts_so_that_a_failed_load_is_tried_again() -> None:
    deployment = routing.loaded(routing.loaded(Deployment(), "v2"), "v2")
    assert deployment.models["v2"] == Wish(True, 2)
    assert routing.unloaded(deployment, "v2", OWN).models["v2"] == Wish(False, 3)


def test_the_record_is_read_as_it_was_written() -> None:
    alias = Alias("v1", (Canary("v2", 12.5, ("acme",)),), ("v0",))
    deployment = Deployment({"v1": Wish(True, 3)}, {"crm": alias})
    assert Deployment.load(deployment.dump()) == deployment
    assert Deployment.load(b"") == Deployment()
