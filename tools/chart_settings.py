"""Writes what service/settings.py allows into helm/sotto/values.schema.json; --check only compares, and exits 1."""

import json
import sys
from pathlib import Path

from service.settings import Settings

SCHEMA = Path(__file__).parents[1] / "helm" / "sotto" / "values.schema.json"
# what the chart sets itself, by values of its own
OWN = {
    "redis_url",
    "redis_password",
    "redis_sentinel_password",
    "data_dir",
    "key_prefix",
    "tls_cert",
    "tls_key",
    "wyoming_host",
    "wyoming_port",
    "model",
    "device",
    "compute_type",
    "decode_threads",
    "max_batch",
    "worker_metrics_port",
    "metrics_dir",
    "drain_s",
}
# what belongs into `secrets`
SECRET = {"api_keys", "webhook_secret"}


def allowed() -> dict[str, object]:
    """JSON schema of the value `settings`."""
    properties = Settings.model_json_schema(by_alias=False)["properties"]
    kept = {name: _plain(field) for name, field in properties.items() if name not in OWN | SECRET}
    return {"type": "object", "additionalProperties": False, "properties": dict(sorted(kept.items()))}


def _plain(field: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in field.items() if key not in ("title", "default")}


def main() -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    if "--check" in sys.argv:
        sys.exit(schema["$defs"]["settings"] != allowed())
    schema["$defs"]["settings"] = allowed()
    SCHEMA.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
