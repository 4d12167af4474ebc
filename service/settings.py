"""The only reader of the environment: one frozen object, built at a composition root.

Every field is an environment variable, `SOTTO_` + its name in capitals (those of Redis go without `SOTTO_`).
docs/settings.md lists them; a test keeps that table and this class equal.
"""

import os
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SOTTO_", frozen=True, extra="ignore", populate_by_name=True)

    # where things are
    redis_password: str = Field(
        default="",
        validation_alias="REDIS_PASSWORD",
        description="password of the server, where `REDIS_URL` holds none",
    )
    redis_sentinel_password: str = Field(
        default="", validation_alias="REDIS_SENTINEL_PASSWORD", description="the sentinels' own password"
    )
    redis_url: str | None = Field(
        default=None,
        validation_alias="REDIS_URL",
        description="Redis or Valkey to use; unset: `sotto serve` runs a private one",
    )
    data_dir: Path = Field(
        default=Path.home() / ".cache" / "sotto",
        description="models, and the private Valkey's append-only file and socket",
    )
    key_prefix: str = Field(default="sotto", description="first part of every Redis key")

    # access
    api_keys: str = Field(
        default="",
        description="comma-separated keys of the tenant `default`; without these, `sotto keys` and an issuer any key "
        "is accepted, on loopback only",
    )
    oidc_issuer: str = Field(
        default="", description="OpenID Connect issuer whose tokens are accepted as keys; empty: none"
    )
    oidc_audience: str = Field(default="sotto", description="what its tokens must name as `aud`")
    oidc_jwks_url: str = Field(default="", description="where its public keys are; empty: found by discovery")
    oidc_tenant_claim: str = Field(default="tenant", description="claim that names the tenant")
    oidc_scope_claim: str = Field(default="scope", description="claim with scopes such as `sotto:transcribe`")

    # Wyoming, Home Assistant's protocol
    wyoming_host: str = Field(
        default="127.0.0.1", description="address of the gateway's Wyoming listener, which asks for no API key"
    )
    wyoming_port: int = Field(default=0, ge=0, le=65535, description="its TCP port, usually 10300; 0: no listener")

    tls_cert: Path | None = Field(
        default=None, description="PEM file with certificate and chain: the gateway then speaks HTTPS and WSS only"
    )
    tls_key: Path | None = Field(
        default=None, description="PEM file with the certificate's key; unset: in the same file"
    )

    # model and device
    model: str = Field(default="base", description="model id that is served and used when a request names none")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where Whisper runs")
    compute_type: str = Field(
        default="default", description="CTranslate2 compute type; default: int8 on CPU, float16 on CUDA"
    )
    decode_threads: int = Field(
        default=0, ge=0, le=256, description="CTranslate2 replicas of one thread on CPU; 0: one per core"
    )
    max_batch: int = Field(default=0, ge=0, le=256, description="utterances per batch; 0: 4 on CPU, 32 on CUDA")
    model_memory_mb: int = Field(
        default=0,
        ge=0,
        description="most megabytes of model files that a worker has in memory at once; 0: no limit",
    )

    # sessions
    max_sessions: int = Field(default=1000, ge=1, description="open live sessions over all gateways")
    max_final_wait_ms: int = Field(
        default=3000, ge=100, description="refuse new work when the oldest final has waited longer"
    )
    resume_ttl_s: int = Field(default=120, ge=5, description="how long a disconnected stream can be resumed")
    idle_timeout_s: int = Field(default=60, ge=1, description="close a socket that sends nothing for so long")
    max_stream_s: int = Field(default=4 * 3600, ge=60, description="longest stream")

    # uploads and jobs
    max_upload_mb: int = Field(default=200, ge=1, description="largest upload, in MiB")
    max_upload_s: int = Field(default=4 * 3600, ge=1, description="longest recording, in seconds")
    job_ttl_s: int = Field(default=24 * 3600, ge=60, description="how long a job's result is kept")
    webhook_secret: str = Field(default="", description="HMAC-SHA256 key that signs webhooks; empty: webhooks off")
    webhook_allow_private: bool = Field(
        default=False, description="let webhooks call loopback and private addresses (tests, closed networks)"
    )

    listen_url_allow: str = Field(
        default="",
        description="comma-separated hosts, `*` for any part, from which POST /v1/listen fetches; empty: none",
    )
    listen_url_allow_private: bool = Field(
        default=False,
        description="let POST /v1/listen fetch from loopback and private addresses (tests, closed networks)",
    )

    # turns
    partial_interval_ms: int = Field(default=500, ge=100, description="least time between two partials of a stream")
    claim_idle_ms: int = Field(default=3000, ge=500, description="a claimed turn silent for so long is given away")
    max_deliveries: int = Field(default=3, ge=1, description="deliveries of a turn before it is dead-lettered")

    # operations
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="least level logged")
    worker_metrics_port: int = Field(
        default=0, ge=0, le=65535, description="the worker's own /metrics port; 0: none (serve shows it on the gateway)"
    )
    metrics_dir: Path | None = Field(
        default=None,
        validation_alias="PROMETHEUS_MULTIPROC_DIR",
        description="folder where processes of one machine share their metrics; `sotto serve` makes its own",
    )
    drain_s: int = Field(default=25, ge=1, description="time that SIGTERM leaves running work to finish")
    otel_endpoint: str = Field(
        default="", description="base address of an OpenTelemetry collector (OTLP over HTTP); empty: no traces"
    )
    otel_ratio: float = Field(default=1.0, ge=0, le=1, description="share of utterances that are traced")

    @field_validator("redis_url")
    @classmethod
    def _with_passwords(cls, url: str | None, others: ValidationInfo) -> str | None:
        """REDIS_URL is all that is handed on; secrets may come in variables of their own."""
        if not url or url.startswith("unix:"):
            return url
        parts = urlsplit(url)
        user, at, hosts = parts.netloc.rpartition("@")
        if (password := others.data.get("redis_password")) and ":" not in user:
            user, at = f"{user}:{quote(password, safe='')}", "@"
        query = parts.query
        of_sentinels = "+sentinel" in parts.scheme and "sentinel_password=" not in query
        if of_sentinels and (password := others.data.get("redis_sentinel_password")):
            query = "&".join(filter(None, (query, f"sentinel_password={quote(password, safe='')}")))
        return parts._replace(netloc=f"{user}{at}{hosts}", query=query).geturl()


def secret(name: str) -> str:
    """The value of a variable that a person named to hold a key; empty when it is not set."""
    return os.environ.get(name, "")
