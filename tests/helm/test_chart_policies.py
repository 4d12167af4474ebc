"""Every pod is confined, probed and bounded, whatever the values."""

import re

from tests.helm.conftest import Manifest, containers_of, of_kind, pods_of

LONGEST_UTTERANCE_S = 30


def test_pods_run_as_nobody_special(manifests: tuple[Manifest, ...]) -> None:
    for name, spec in pods_of(manifests):
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] > 0, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name


def test_containers_cannot_become_more_nor_write_to_their_image(manifests: tuple[Manifest, ...]) -> None:
    for name, container in containers_of(manifests):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}, name


def test_volumes_come_from_no_node_and_empty_ones_are_bounded(manifests: tuple[Manifest, ...]) -> None:
    for name, spec in pods_of(manifests):
        for volume in spec["volumes"]:
            assert "hostPath" not in volume, name
            if "emptyDir" in volume:
                assert volume["emptyDir"]["sizeLimit"], name


def test_resources_are_asked_for_and_memory_is_bounded(manifests: tuple[Manifest, ...]) -> None:
    for name, container in containers_of(manifests):
        resources = container["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys(), name
        assert "memory" in resources["limits"], name


def test_images_are_named_by_version_or_digest(manifests: tuple[Manifest, ...]) -> None:
    for name, container in containers_of(manifests):
        _, _, tag = container["image"].rpartition("/")[2].partition(":")
        assert tag, name
        assert not tag.startswith("latest"), name


def test_services_of_others_are_no_settings(manifests: tuple[Manifest, ...]) -> None:
    """Kubernetes would set SOTTO_WYOMING_PORT=tcp://… for a Service of the name sotto-wyoming."""
    assert all(spec["enableServiceLinks"] is False for _, spec in pods_of(manifests))


def test_what_runs_for_long_is_probed_three_ways(manifests: tuple[Manifest, ...]) -> None:
    for manifest in manifests:
        if manifest["kind"] in ("Deployment", "StatefulSet"):
            for container in manifest["spec"]["template"]["spec"]["containers"]:
                assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()


def test_readiness_of_a_gateway_decodes_and_liveness_does_not(manifests: tuple[Manifest, ...]) -> None:
    [gateway] = [container for name, container in containers_of(manifests) if name.endswith("/gateway")]
    assert gateway["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert gateway["livenessProbe"]["httpGet"]["path"] == gateway["startupProbe"]["httpGet"]["path"] == "/healthz"


def test_a_pod_is_killed_only_after_the_longest_utterance_and_its_drain(manifests: tuple[Manifest, ...]) -> None:
    for _, spec in pods_of(manifests):
        for container in spec["containers"]:
            given = {each["name"]: each.get("value") for each in container.get("env", ())}
            if "SOTTO_DRAIN_S" in given:
                pause_s = int(container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [0])[-1])
                least_s = LONGEST_UTTERANCE_S + int(given["SOTTO_DRAIN_S"]) + pause_s
                assert spec["terminationGracePeriodSeconds"] > least_s


def test_everything_that_runs_has_a_budget_of_disruption(manifests: tuple[Manifest, ...]) -> None:
    budgets = {each["metadata"]["name"]: each["spec"] for each in of_kind(manifests, "PodDisruptionBudget")}
    for manifest in manifests:
        if manifest["kind"] in ("Deployment", "StatefulSet"):
            assert budgets[manifest["metadata"]["name"]]["selector"] == manifest["spec"]["selector"]


def test_secrets_reach_pods_by_reference_only(manifests: tuple[Manifest, ...]) -> None:
    for name, container in containers_of(manifests):
        for variable in container.get("env", ()):
            if re.search(r"PASSWORD|AUTH$|API_KEYS?$|SECRET", variable["name"]) and variable.get("value"):
                raise AssertionError(f"{name}: {variable['name']} is written out")
            assert not re.search(r"//[^/]*:[^/]*@", variable.get("value", "")), name


def test_each_pod_that_sotto_runs_has_its_network_policy(manifests: tuple[Manifest, ...]) -> None:
    policies = of_kind(manifests, "NetworkPolicy")
    if not policies:
        return
    covered = [policy["spec"]["podSelector"]["matchLabels"] for policy in policies]
    for manifest in manifests:
        if manifest["kind"] in ("Deployment", "StatefulSet"):
            labels = manifest["spec"]["template"]["metadata"]["labels"]
            assert any(labels.items() >= each.items() for each in covered), manifest["metadata"]["name"]
    assert all(set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"} for policy in policies)
