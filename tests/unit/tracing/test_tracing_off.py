"""Without an endpoint tracing is nothing; without its extra an endpoint is refused by name."""

import subprocess
import sys

import pytest

from service import tracing
from service.errors import BadRequest


def test_without_an_endpoint_no_exporter_is_imported_and_no_turn_carries_a_trace() -> None:
    script = """
import sys
from service import tracing
import service.gateway.app, service.worker.main
tracing.configure("", 1.0, "gateway")
assert tracing.utterance("s_1", 0, model="base") == ""
with tracing.span("append", "") as span, tracing.relayed("s_1", {"type": "final", "id": "s_1.0"}):
    assert span is tracing.NO_SPAN
tracing.record("queued", "", 1.0)
tracing.close("s_1")
loaded = [name for name in sys.modules if name.startswith("opentelemetry.exporter")]
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_an_endpoint_without_the_extra_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(BadRequest, match="extra `otel`") as refused:
        tracing.configure("http://127.0.0.1:4318", 1.0, "gateway")
    assert refused.value.field == "otel_endpoint"


@pytest.mark.parametrize("parent", ["", "not a traceparent"])
def test_work_outside_a_trace_is_done_all_the_same(parent: str) -> None:
    done = False
    with tracing.span("load", parent):
        done = True
    assert done
