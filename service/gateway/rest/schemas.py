"""What REST answers with, for the OpenAPI description: the bodies themselves are made as plain JSON."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.biasing.entries import Reason
from service.gateway.recording import Task
from service.gateway.rest.described import ErrorDetail
from service.log.jobs import JobStatus


class Schema(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Usage(Schema):
    type: Literal["duration"]
    seconds: int


class Language(Schema):
    code: str


class Logprob(Schema):
    token: str
    bytes: list[int]
    logprob: float


class ListUsed(Schema):
    name: str
    version: int
    entries: int


class Rejected(Schema):
    index: int
    phrase: str
    reason: Reason
    message: str


class Evidence(Schema):
    distance: float
    gain: float
    needed: float


class Match(Schema):
    phrase: str
    first_word: int
    words: int
    heard: str
    evidence: Evidence


class Bias(Schema):
    entries: int
    strength: float
    lists: list[ListUsed]
    rejected: list[Rejected]
    rejected_total: int
    matches: list[Match] = Field(default_factory=list)


class Json(Schema):
    text: str
    usage: Usage
    languages: list[Language] | None = Field(None, description="what was spoken; of transcriptions")
    logprobs: list[Logprob] | None = Field(None, description="with `include[]=logprobs`")
    bias: Bias | None = None


class Word(Schema):
    word: str
    start: float
    end: float
    confidence: float


class Segment(Schema):
    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: list[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    confidence: float


class VerboseJson(Schema):
    task: Task
    language: str = Field(description="in English, of most of the text; empty when nothing was said")
    language_code: str | None
    duration: float
    text: str
    usage: Usage
    words: list[Word] | None = None
    segments: list[Segment] | None = None
    bias: Bias | None = None


class Job(Schema):
    object: Literal["job"]
    id: str
    status: JobStatus
    progress: float
    created: float
    ended: float | None = None
    result: VerboseJson | None = None
    error: ErrorDetail | None = None
    bias: Bias | None = Field(None, description="in the answer to the submission")


class Model(Schema):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    languages: list[str]
    alias_of: str | None = Field(None, description="of an alias: the model that it leads to")


class Models(Schema):
    object: Literal["list"]
    data: list[Model]


class ModelOnWorker(Schema):
    worker: str
    device: str
    state: Literal["pending", "loading", "loaded", "cold", "no_room", "failed", "draining"]
    reason: str | None = Field(None, description="why it is not loaded")


class DeployedModel(Schema):
    object: Literal["deployed_model"]
    id: str
    wanted: bool
    uses: int = Field(description="streams that are open or can be resumed, recordings under way, jobs until they end")
    aliases: list[str] = Field(description="those that lead to it")
    workers: list[ModelOnWorker]


class CanaryShare(Schema):
    model: str
    percent: float
    tenants: list[str]


class ModelAlias(Schema):
    object: Literal["alias"]
    alias: str
    stable: str
    canaries: list[CanaryShare]
    shares: dict[str, float] = Field(description="percent of the streams by model, of tenants that no canary names")
    history: list[str] = Field(description="stable models before this one, newest first")


class WorkerProcess(Schema):
    id: str
    device: str
    memory_bytes: int = Field(description="of the files of all models that it has loaded")
    memory_limit: int = Field(description="0: none")
    installed: list[str] = Field(description="models on its disk")


class DeployedModels(Schema):
    object: Literal["list"]
    data: list[DeployedModel]
    aliases: list[ModelAlias]
    workers: list[WorkerProcess]


class BiasList(Schema):
    object: Literal["bias_list"]
    name: str
    version: int
    entries: int
    updated_at: float


class ChangedBiasList(BiasList):
    rejected: list[Rejected]


class BiasEntry(Schema):
    phrase: str
    boost: float = 1.0
    sounds_like: list[str] = Field(default_factory=list)
    language: str | None = None


class WholeBiasList(BiasList):
    phrases: list[BiasEntry]


class BiasLists(Schema):
    object: Literal["list"]
    data: list[BiasList]


class Status(Schema):
    status: Literal["ok", "ready"]
