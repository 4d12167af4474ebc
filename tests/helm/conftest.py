"""Real Helm, fetched by tools/helm.sh, and what it makes of the chart: every values file is rendered once a version."""

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "sotto"
VALUES = sorted((CHART / "ci").glob("*.yaml"))
KEDA = ("--api-versions", "keda.sh/v1alpha1")

Manifest = dict[str, Any]


@cache
def helm_binary(major: int) -> str:
    """Path of Helm 3 or 4; skips where it cannot be had."""
    fetched = subprocess.run(
        [ROOT / "tools" / "helm.sh", str(major)], check=False, capture_output=True, text=True, timeout=300
    )
    if fetched.returncode:
        pytest.skip(f"Helm {major} cannot be fetched: {fetched.stderr.strip()}")
    return fetched.stdout.strip()


def template(major: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [helm_binary(major), "template", "sotto", str(CHART), "--namespace", "speech", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@cache
def rendered(values: Path, major: int = 4, options: tuple[str, ...] = ()) -> tuple[Manifest, ...]:
    done = template(major, "--values", str(values), *options)
    assert done.returncode == 0, done.stderr
    return tuple(manifest for manifest in yaml.safe_load_all(done.stdout) if manifest)


@pytest.fixture(params=VALUES, ids=lambda path: path.stem)
def manifests(request: pytest.FixtureRequest) -> tuple[Manifest, ...]:
    """What Helm 4 makes of one values file; another test compares it with Helm 3."""
    return rendered(request.param)


@pytest.fixture
def render() -> Callable[..., tuple[Manifest, ...]]:
    """Renders the values file of that name."""

    def by_name(name: str, *options: str) -> tuple[Manifest, ...]:
        return rendered(CHART / "ci" / f"{name}.yaml", 4, options)

    return by_name


def pods_of(manifests: tuple[Manifest, ...]) -> list[tuple[str, Manifest]]:
    """Name and spec of every pod that the manifests bring about."""
    pods = []
    for manifest in manifests:
        spec = (
            manifest["spec"] if manifest["kind"] == "Pod" else manifest.get("spec", {}).get("template", {}).get("spec")
        )
        if spec and "containers" in spec:
            pods.append((manifest["metadata"]["name"], spec))
    return pods


def containers_of(manifests: tuple[Manifest, ...]) -> list[tuple[str, Manifest]]:
    return [
        (f"{name}/{container['name']}", container)
        for name, spec in pods_of(manifests)
        for container in (*spec.get("initContainers", ()), *spec["containers"])
    ]


def of_kind(manifests: tuple[Manifest, ...], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]
