"""Every instrument, with help text; latency buckets bracket the budget (finals within 2 s, first partials within 1 s).

`sotto serve` runs gateway and worker as processes of one machine and lets them share a folder
(PROMETHEUS_MULTIPROC_DIR), so the gateway's /metrics shows both.
"""

from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client import REGISTRY as PROCESS_REGISTRY
from prometheus_client.multiprocess import MultiProcessCollector

LATENCY_S = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
COST_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0)
BATCH_SIZES = (1, 2, 3, 4, 6, 8, 16, 32, 64)
REAL_TIME_FACTORS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)

# gateway
OPEN_SESSIONS = Gauge("sotto_open_sessions", "Live streams open on this gateway", multiprocess_mode="livesum")
REFUSALS = Counter("sotto_refusals_total", "Requests and streams refused, by reason", ["reason"])
ERRORS = Counter("sotto_errors_total", "Errors answered, by code", ["code"])
AUDIO_SECONDS = Counter("sotto_audio_seconds_total", "Seconds of audio appended to audio logs", ["kind"])
FIRST_PARTIAL_SECONDS = Histogram(
    "sotto_first_partial_seconds", "From the start of speech in the audio to the first partial sent", buckets=LATENCY_S
)
FINAL_SECONDS = Histogram(
    "sotto_final_seconds",
    "From the end of speech in the audio to the final sent (live streams)",
    ["model"],
    buckets=LATENCY_S,
)
WORDS = Counter("sotto_words_total", "Words of finals sent to live streams", ["model"])
QUEUE_LENGTH = Gauge(
    "sotto_queue_length", "Turns waiting or being decoded", ["model", "kind"], multiprocess_mode="mostrecent"
)
MODEL_LOADED = Gauge(
    "sotto_model_loaded", "Workers that have the model in memory", ["model"], multiprocess_mode="mostrecent"
)
ROUTED = Counter("sotto_routed_total", "Streams and recordings begun, by the model that serves them", ["model", "kind"])
WORKERS = Gauge("sotto_workers", "Workers alive", multiprocess_mode="mostrecent")

# worker
TURN_WAIT_SECONDS = Histogram("sotto_turn_wait_seconds", "Turn in its queue", ["kind"], buckets=COST_S)
BATCH_SIZE = Histogram("sotto_batch_size", "Utterances per batch", ["kind"], buckets=BATCH_SIZES)
WINDOW_SECONDS = Histogram("sotto_window_seconds", "Encoder window", buckets=(5, 7, 10, 13, 15, 20, 25, 30))
STAGE_SECONDS = Histogram(
    "sotto_stage_seconds",
    "One batch in one stage: features, encode, generate, align, retrieve",
    ["stage"],
    buckets=COST_S,
)
REAL_TIME_FACTOR = Histogram(
    "sotto_real_time_factor",
    "Decode time of a batch over the seconds of audio in it",
    ["model"],
    buckets=REAL_TIME_FACTORS,
)
FALLBACKS = Counter("sotto_fallbacks_total", "Utterances decoded again because the first hypothesis failed a check")
CONTRADICTIONS = Counter("sotto_contradictions_total", "Finals decoded again to keep words already committed")
SECOND_PASSES = Counter(
    "sotto_bias_second_passes_total", "Utterances decoded again with phrases of a bias list as prompt"
)
BIAS_MATCHES = Counter("sotto_bias_matches_total", "Phrases of bias lists in decoded finals, drafts included")
TURNS = Counter("sotto_turns_total", "Turns by kind and outcome", ["model", "kind", "outcome"])

# what the dashboard shows: processes add these up in Redis
COUNTED: tuple[Counter | Histogram, ...] = (
    REFUSALS,
    ERRORS,
    AUDIO_SECONDS,
    FIRST_PARTIAL_SECONDS,
    FINAL_SECONDS,
    WORDS,
    ROUTED,
    TURN_WAIT_SECONDS,
    BATCH_SIZE,
    REAL_TIME_FACTOR,
    TURNS,
)

Figure = tuple[
    str, ...
]  # a metric's name without `sotto_`, its labels in order; of a histogram `sum` or a bucket's edge


def counted() -> dict[Figure, float]:
    """What this process has counted since it started. Buckets are not cumulative: each counts what lies between its
    edge and the one before."""
    found: dict[Figure, float] = {}
    for family in (family for metric in COUNTED for family in metric.collect()):
        name, below = family.name.removeprefix("sotto_"), 0.0
        for sample in family.samples:
            labels = tuple(value for label, value in sample.labels.items() if label != "le")
            if edge := sample.labels.get("le"):
                found[name, *labels, edge] = sample.value - below
                below = 0.0 if edge == "+Inf" else sample.value
            elif sample.name.endswith("_sum"):
                found[name, *labels, "sum"] = sample.value
            elif sample.name.endswith("_total"):
                found[name, *labels] = sample.value
    return found


def exposition(shared_folder: Path | None) -> tuple[bytes, str]:
    """The metrics of this process, or of all that share the folder, as Prometheus text and its content type."""
    registry: CollectorRegistry = PROCESS_REGISTRY
    if shared_folder:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(shared_folder))  # type: ignore[no-untyped-call]  # untyped upstream
    return generate_latest(registry), CONTENT_TYPE_LATEST
