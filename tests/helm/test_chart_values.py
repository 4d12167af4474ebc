"""What values mean, and which are refused."""

import filecmp
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from service.log.store import TURN_KINDS, Keys, Store
from service.log.topology import connect
from service.log.turns import GROUP, Turn, TurnQueue
from service.settings import Settings
from tests.helm.conftest import CHART, KEDA, ROOT, Manifest, containers_of, of_kind, pods_of, template

Render = Callable[..., tuple[Manifest, ...]]
FOREIGN = {"HOME", "URL", "SSL_CERT_FILE", "SOTTO_API_KEY", "REDISCLI_AUTH"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "gatway.replicas=3"], "gatway"),
        (["--set", "settings.max_sesions=3"], "max_sesions"),
        (["--set", "settings.max_sessions=0"], "max_sessions"),
        (["--set", "settings.api_keys=k"], "api_keys"),
        (["--set", "image.tag=latest"], "tag"),
        (["--set", "redis.mode=sentinel"], "addresses"),
        (["--set", "redis.addresses={a:1}"], "addresses"),
        (["--set", "redis.mode=standalone,redis.addresses={a:1,b:2}"], "addresses"),
        (["--set", "ingress.enabled=true"], "host"),
        (["--set", "pools.gpu.gpu.cuont=1"], "cuont"),
        (["--set", "pools.default.autoscaling.minReplicas=0"], "minReplicas"),
        (["--set", "pools.default.autoscaling.enabled=true,pools.default.gpu.count=1"], "install KEDA"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("major", [3, 4])
def test_what_cannot_be_meant_is_refused_by_name(major: int, arguments: list[str], said: str) -> None:
    done = template(major, *arguments)
    assert done.returncode != 0
    assert said in done.stderr


def test_the_schema_knows_the_settings_as_they_are() -> None:
    """If this fails: .venv/bin/python tools/chart_settings.py"""
    command = [sys.executable, "tools/chart_settings.py", "--check"]
    assert subprocess.run(command, check=False, cwd=ROOT, timeout=60).returncode == 0


def test_every_variable_is_one_that_sotto_reads(manifests: tuple[Manifest, ...]) -> None:
    known = {
        str(field.validation_alias or f"SOTTO_{name.upper()}") for name, field in Settings.model_fields.items()
    } | FOREIGN
    given = {variable["name"] for _, container in containers_of(manifests) for variable in container.get("env", ())}
    given |= {name for each in of_kind(manifests, "ConfigMap") for name in each.get("data", {}) if name.isupper()}
    assert given <= known


def test_redis_urls_are_ones_that_sotto_can_open(manifests: tuple[Manifest, ...]) -> None:
    urls = {
        variable["value"]
        for _, container in containers_of(manifests)
        for variable in container.get("env", ())
        if variable["name"] == "REDIS_URL"
    }
    [url] = urls
    assert connect(url)


def test_keda_watches_every_queue_of_every_model(render: Render) -> None:
    manifests = render("production", *KEDA)
    watched = {
        (trigger["metadata"]["stream"], trigger["metadata"]["consumerGroup"])
        for scaler in of_kind(manifests, "ScaledObject")
        for trigger in scaler["spec"]["triggers"]
    }
    models = ("large-v3-turbo", "bank-de", "bank-fr", "base")
    assert watched == {(Keys("sotto").turns(model, kind), GROUP) for model in models for kind in TURN_KINDS}


async def test_the_lag_that_keda_reads_is_the_number_of_turns_that_wait(store: Store) -> None:
    queue = TurnQueue(store, "base")
    await queue.ensure_group()
    for number in range(5):
        await queue.enqueue(Turn("final", f"s_{number}", 0, 0, 1, 1, {}))
    claimed = await queue.claim("w", 2)
    await queue.ack(claimed[0])
    await queue.release(claimed[1])
    [group] = await store.redis.xinfo_groups(store.keys.turns("base", "final"))
    assert group["lag"] == 4


def test_keda_is_used_where_it_is_and_a_plain_autoscaler_elsewhere(render: Render) -> None:
    workers = {"sotto-worker-default"}
    with_keda, without = render("cluster", *KEDA), render("cluster")
    assert {each["metadata"]["name"] for each in of_kind(with_keda, "ScaledObject")} == workers
    assert not of_kind(without, "ScaledObject")
    assert {each["metadata"]["name"] for each in of_kind(without, "HorizontalPodAutoscaler")} >= workers


def test_pools_have_their_models_devices_and_images(render: Render) -> None:
    workers = {name: container for name, container in containers_of(render("production")) if name.endswith("/worker")}
    turbo, names, cpu = (workers[f"sotto-worker-{pool}/worker"] for pool in ("turbo", "names", "small-cpu"))
    assert turbo["image"] == "registry.example/sotto:1.2.3-cuda"
    assert names["image"] == "registry.example/sotto:1.2.3-cuda-names"
    assert cpu["image"] == "registry.example/sotto:1.2.3"
    assert turbo["resources"]["limits"] == {"memory": "16Gi", "nvidia.com/gpu": 1}
    assert "nvidia.com/gpu" not in cpu["resources"]["limits"]
    for worker, model, device in ((turbo, "large-v3-turbo", "cuda"), (names, "bank-de", "cuda"), (cpu, "base", "cpu")):
        given = {variable["name"]: variable.get("value") for variable in worker["env"]}
        assert (given["SOTTO_MODEL"], given["SOTTO_DEVICE"]) == (model, device)


def test_large_numbers_stay_whole(render: Render) -> None:
    [settings] = [each for each in of_kind(render("production"), "ConfigMap") if "SOTTO_MODEL" in each.get("data", {})]
    assert settings["data"]["SOTTO_MAX_SESSIONS"] == "20000"
    done = template(4, "--set", "settings.max_sessions=100000000")
    assert 'SOTTO_MAX_SESSIONS: "100000000"' in done.stdout


def test_sockets_pass_the_ingress(render: Render) -> None:
    [ingress] = of_kind(render("production"), "Ingress")
    prefix = "nginx.ingress.kubernetes.io"
    annotations = ingress["metadata"]["annotations"]
    assert int(annotations[f"{prefix}/proxy-read-timeout"]) >= 3600
    assert annotations[f"{prefix}/proxy-buffering"] == annotations[f"{prefix}/proxy-request-buffering"] == "off"
    assert annotations[f"{prefix}/proxy-body-size"] == "501m"
    paths = [each["path"] for each in ingress["spec"]["rules"][0]["http"]["paths"]]
    assert "/" not in paths
    assert "/metrics" not in paths


def test_wyoming_is_off_unless_it_is_asked_for(render: Render) -> None:
    assert "wyoming" not in json.dumps(render("minimal"))
    ports = [port for each in of_kind(render("home"), "Service") for port in each["spec"]["ports"]]
    assert 10300 in [port["port"] for port in ports]


def test_valkey_keeps_what_it_was_given(render: Render) -> None:
    configs = [each.get("data", {}) for each in of_kind(render("gpu-hpa"), "ConfigMap")]
    [config] = [data["valkey.conf"] for data in configs if "valkey.conf" in data]
    assert "appendonly yes\nappendfsync always" in config
    assert "maxmemory-policy noeviction" in config
    [valkey] = of_kind(render("gpu-hpa"), "StatefulSet")
    assert valkey["spec"]["volumeClaimTemplates"][0]["spec"]["resources"] == {"requests": {"storage": "100Gi"}}


@pytest.mark.parametrize(("heard", "status"), [("That is not a valid conference number.", 0), ("Something else.", 1)])
def test_helm_test_fails_unless_it_hears_the_clip(render: Render, tmp_path: Path, heard: str, status: int) -> None:
    [(_, pod)] = [pod for pod in pods_of(render("cluster")) if pod[1].get("restartPolicy") == "Never"]
    [container] = pod["containers"]
    sotto = tmp_path / "sotto"
    sotto.write_text(f'#!/bin/sh\nprintf "%s %s" "$SOTTO_API_KEY" "$*" >{tmp_path}/asked\necho "{heard}"\n')
    sotto.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "URL": "http://gateway",
        "SOTTO_API_KEYS": "first,second",
    }
    command = [*container["command"], *container["args"]]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, timeout=30)
    assert done.returncode == status
    assert (tmp_path / "asked").read_text() == "first transcribe /clip/clip.flac --language en --url http://gateway"


def test_the_clip_of_helm_test_is_the_recording_of_the_tests() -> None:
    assert filecmp.cmp(
        CHART / "files" / "clip.flac", ROOT / "tests" / "data" / "human-en-conf-invalid.flac", shallow=False
    )
