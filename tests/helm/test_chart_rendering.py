"""Helm 3 and 4 agree about every values file, and Kubernetes would take what they make."""

import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from tests.helm.conftest import CHART, VALUES, Manifest, helm_binary, of_kind, rendered
from tests.helm.custom_resources import SCHEMAS

OLDEST, NEWEST = "1.27", "1.35"  # Kubernetes; the chart's kubeVersion names the first


@pytest.mark.parametrize("major", [3, 4])
def test_lint_finds_no_fault(major: int) -> None:
    command = [helm_binary(major), "lint", "--strict", str(CHART)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_helm_3_and_4_make_the_same(values: Path) -> None:
    assert list(map(without_chance, rendered(values, 3))) == list(map(without_chance, rendered(values, 4)))


def without_chance(manifest: Manifest) -> Manifest:
    """Keys and passwords are drawn anew by every rendering that sees no cluster."""
    return manifest | {"stringData": sorted(manifest["stringData"])} if manifest["kind"] == "Secret" else manifest


@pytest.fixture(scope="module")
def validate() -> Iterator[Callable[..., str]]:
    """kubernetes_validate.validate, which would read its megabytes of definitions anew for every object."""
    utils = pytest.importorskip("kubernetes_validate.utils", reason="kubernetes-validate is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield utils.validate


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_takes_every_object(
    manifests: tuple[Manifest, ...], version: str, validate: Callable[..., str]
) -> None:
    for manifest in manifests:
        if (manifest["apiVersion"], manifest["kind"]) not in SCHEMAS:
            validate(manifest, version, strict=True)


def test_custom_resources_are_as_their_projects_document_them(manifests: tuple[Manifest, ...]) -> None:
    for manifest in manifests:
        if schema := SCHEMAS.get((manifest["apiVersion"], manifest["kind"])):
            jsonschema.validate(manifest, schema)


def test_the_values_files_bring_about_every_kind_of_object() -> None:
    kinds = {manifest["kind"] for values in VALUES for manifest in rendered(values)}
    assert kinds >= {kind for _, kind in SCHEMAS} | {
        "Deployment",
        "StatefulSet",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "Ingress",
        "PersistentVolumeClaim",
        "Pod",
    }


def test_names_are_unique(manifests: tuple[Manifest, ...]) -> None:
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(names) == len(set(names))


def test_autoscalers_and_deployments_do_not_fight_over_the_number_of_pods(manifests: tuple[Manifest, ...]) -> None:
    scaled = {
        scaler["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for scaler in of_kind(manifests, kind)
    }
    fixed = {each["metadata"]["name"] for each in of_kind(manifests, "Deployment") if "replicas" in each["spec"]}
    assert not scaled & fixed
    assert scaled | fixed == {each["metadata"]["name"] for each in of_kind(manifests, "Deployment")}
