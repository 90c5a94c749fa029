"""Traces: a span for the request and one for each part, under the caller's own trace, and nothing of a patient."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service.settings import SettingsError
from service.watch import traces
from tests.fhir_server import FhirServer
from tests.patient_values import Scanner, marked, telling, values_of
from tests.requests_loader import good_requests
from tests.sandbox_charts import chart
from tests.service_examples import NOW, SERVICE, call, make_app, parts_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    traces.send_to(SimpleSpanProcessor(exporter))
    yield exporter
    traces.stop()


def named(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def test_a_hook_is_a_span_with_its_stages_within_the_callers_trace(
    spans: InMemorySpanExporter, tmp_path: Path, make_fhir: Callable[..., FhirServer], fhir_servers: Any
) -> None:
    app = make_app(tmp_path, fhir_bases=fhir_servers.url, fhir_budget_seconds=5.0)
    spans.clear()
    body = marked(good_requests(NOW.date())["01_lumbar_mri_after_treatment"])
    server = make_fhir(chart(body))
    sent = {**body, "prefetch": None, "fhirServer": server.base}
    assert app.test_client().post(SERVICE, json=sent, headers={"traceparent": PARENT}).status_code == 200
    found = named(spans)
    whole = found["POST /cds-services/<service>"]
    assert whole.parent is not None and f"{whole.parent.span_id:016x}" == "b7ad6b7169203331"
    assert {"fetch", "read", "judge", "compose", "keep", "FHIR"} <= found.keys()
    assert {f"{s.context.trace_id:032x}" for s in spans.get_finished_spans() if s.context} == {TRACE}
    for name, span in found.items():
        if span is not whole:
            assert span.parent is not None and whole.context and span.parent.span_id == whole.context.span_id, name
            assert span.start_time and span.end_time and whole.start_time and span.start_time >= whole.start_time - 1e6
            assert span.end_time >= span.start_time
    assert whole.attributes is not None and dict(whole.attributes) == {
        "http.request.method": "POST", "http.route": "/cds-services/<service>", "http.response.status_code": 200,
        "imaging_cds.hook": body["hook"], "imaging_cds.tenant": "open",
    }  # fmt: skip
    told = "\n".join(span.to_json() for span in spans.get_finished_spans())
    assert Scanner(telling(values_of([sent, chart(body)]))).found_in(told) == set()
    parts_of(app).journal.engine.dispose()


def test_an_address_that_nobody_knows_does_not_get_into_a_span(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    app = make_app(tmp_path)
    spans.clear()
    app.test_client().open("/Patient/zebra", method="ZEBRA", headers={"traceparent": "zebra"})
    [span] = spans.get_finished_spans()
    assert "zebra" not in span.to_json().lower()
    parts_of(app).journal.engine.dispose()


def test_a_crash_is_marked_as_an_error_without_its_words(
    spans: InMemorySpanExporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(tmp_path)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("zebra")

    monkeypatch.setattr("criteria.verdict_on", broken)
    assert app.test_client().post(SERVICE, json=call()).status_code == 500
    span = named(spans)["POST /cds-services/<service>"]
    assert not span.status.is_ok and "zebra" not in span.to_json()
    parts_of(app).journal.engine.dispose()


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_standard_variables_ask_for_traces(environment: dict[str, str], asked: bool) -> None:
    assert traces.wanted(environment) is asked


def test_without_the_libraries_the_start_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *more: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(SettingsError, match=r"\.\[otel\]"):
        make_app(tmp_path)


def test_without_them_nothing_is_traced(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    assert app.test_client().post(SERVICE, json=call(), headers={"traceparent": PARENT}).status_code == 200
    assert traces.carried(print) is print
    parts_of(app).journal.engine.dispose()
