"""What a load test does, as YAML: groups of clients, when they come, and what must hold of the figures."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from loadtest import thresholds
from loadtest.figures import is_figure
from loadtest.thresholds import Threshold
from service.errors import BadRequest

Seconds = Annotated[float, Field(ge=0, le=7 * 24 * 3600)]
SHIPPED = files("loadtest") / "scenarios"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Network(_Part):
    """What lies between a client and the server. `cut_every_s`: all its connections are dropped at once, and again
    after as long (0: never); `read_bytes_per_s`: no more reaches the client (0: no limit)."""

    cut_every_s: Seconds = 0.0
    read_bytes_per_s: int = Field(default=0, ge=0)

    @property
    def is_perfect(self) -> bool:
        return not self.cut_every_s and not self.read_bytes_per_s


class Group(_Part):
    """Clients that do the same.

    `kind`: `live` speaks in real time, `rest` uploads a recording and waits for its text, `bulk` submits a job and
    polls. The first client comes at `start_s`, the last `over_s` later, evenly. Each speaks or uploads about
    `seconds` of audio, then begins anew until `until_s` (0: once). `keywords`: phrases of a bias list that it brings.
    """

    name: str = "live"
    kind: Literal["live", "rest", "bulk"] = "live"
    clients: int = Field(ge=1, le=100_000)
    seconds: float = Field(default=60.0, ge=3, le=4 * 3600)
    start_s: Seconds = 0.0
    over_s: Seconds = 5.0
    until_s: Seconds = 0.0
    chunk_ms: int = Field(default=100, ge=10, le=1000)
    interim: bool = True
    keywords: int = Field(default=0, ge=0, le=100_000)
    network: Network = Network()

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Group":
        if self.kind != "live" and not self.network.is_perfect:
            raise ValueError("a network is drawn for live clients only")
        return self


class Scenario(_Part):
    """`distinct`: so many different recordings are spoken, shared among the clients. `added_latency`: work out when
    each endpoint can be heard, and measure finals from then (`added_*`). `breaking_final_ms`: the p95 of finals, over
    ten seconds, at which the server counts as broken (`breaking_point_streams`)."""

    name: str = Field(min_length=1)
    about: str = ""
    language: str = "en"
    model: str | None = None
    groups: tuple[Group, ...] = Field(min_length=1)
    distinct: int = Field(default=16, ge=1, le=1000)
    seed: int = 1
    last_words_s: float = Field(default=60.0, gt=0)
    added_latency: bool = False
    breaking_final_ms: float = Field(default=2000.0, gt=0)
    thresholds: dict[str, str | int | float] = Field(default_factory=dict)

    @field_validator("thresholds")
    @classmethod
    def _bounds(cls, written: dict[str, str | int | float]) -> dict[str, str | int | float]:
        for name, bound in written.items():
            if not is_figure(name):
                raise ValueError(f"{name} is no figure of a run")
            thresholds.parse(name, bound)
        return written

    @model_validator(mode="after")
    def _named_apart(self) -> "Scenario":
        names = [group.name for group in self.groups]
        if len(set(names)) < len(names):
            raise ValueError("two groups have the same name")
        return self

    @property
    def bounds(self) -> list[Threshold]:
        return [thresholds.parse(name, bound) for name, bound in self.thresholds.items()]

    def with_clients(self, clients: int) -> "Scenario":
        """The same with so many clients in its first group."""
        first = self.groups[0].model_copy(update={"clients": clients})
        return self.model_copy(update={"groups": (first, *self.groups[1:])})


def shipped() -> list[str]:
    """Names of the scenarios that come along."""
    return sorted(path.name.removesuffix(".yaml") for path in SHIPPED.iterdir() if path.name.endswith(".yaml"))


def load(name: str) -> Scenario:
    """A shipped scenario by its name, or a file. Raises BadRequest, which names the field at fault."""
    path = SHIPPED / f"{name}.yaml" if name in shipped() else Path(name)
    try:
        return Scenario.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        reason = f"{name}: {error.strerror}; shipped are {', '.join(shipped())}"
        raise BadRequest(reason, field="scenario") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadRequest(f"{name} is no YAML: {' '.join(str(error).split())}", field="scenario") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "scenario"
        raise BadRequest(f"{name}: {where}: {first['msg']}", field=where) from error
