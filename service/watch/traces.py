"""Traces in OpenTelemetry's form, where the site names somebody who takes them (OTEL_EXPORTER_OTLP_ENDPOINT and its
kin); otherwise nothing is imported and nothing costs.

A span bears names of ours, the tenant, times and statuses, and nothing of a request.
"""

from __future__ import annotations

import contextvars
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import structlog
from flask import Flask, Response, g, request

from service.settings import SettingsError
from service.version import version

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
NAME = "imaging-cds"

T = TypeVar("T")
_tracer: Any = None


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether the standard variables ask for traces."""
    off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower()
    return not off and exporter == "otlp" and any(environment.get(name) for name in ENDPOINTS)


def init_app(app: Flask) -> None:
    """Raises `SettingsError` where traces are asked for and the libraries for them are not installed."""
    if _tracer is None and wanted(os.environ):
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            raise SettingsError(
                "OTEL_EXPORTER_OTLP_ENDPOINT is set: `pip install -e '.[otel]'` in the clone for traces."
            ) from None
        send_to(BatchSpanProcessor(OTLPSpanExporter()))  # which begins anew after a fork
    app.before_request(_begin)
    app.after_request(_answered)
    app.teardown_request(_end)


def send_to(processor: Any) -> None:
    """From now on every request is a trace that this processor of spans is handed."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    global _tracer
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": NAME}
    provider = TracerProvider(resource=Resource.create({**named, "service.version": version()}))
    provider.add_span_processor(processor)
    _tracer = provider.get_tracer(NAME, version())


def stop() -> None:
    global _tracer
    _tracer = None


def took(name: str, began: float, ended: float, **attributes: str) -> None:
    """A part of the request at hand, by `time.perf_counter`."""
    if _tracer is None:
        return
    now, at = time.time_ns(), time.perf_counter()
    span = _tracer.start_span(name, start_time=now - int((at - began) * 1e9), attributes=attributes)
    span.end(now - int((at - ended) * 1e9))


def carried(work: Callable[..., T]) -> Callable[..., T]:
    """To be done in another thread as a part of the request at hand."""
    return work if _tracer is None else partial(contextvars.copy_context().run, work)


def _begin() -> None:
    if _tracer is None:
        return
    from opentelemetry import context, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = TraceContextTextMapPropagator().extract(request.headers)
    route = str(request.url_rule)
    told = {"http.request.method": request.method if request.url_rule else "_OTHER", "http.route": route}
    span = _tracer.start_span(f"{told['http.request.method']} {route}", parent, trace.SpanKind.SERVER, told)
    g.span, g.traced = span, context.attach(trace.set_span_in_context(span, parent))
    structlog.contextvars.bind_contextvars(trace=f"{span.get_span_context().trace_id:032x}")


def _answered(response: Response) -> Response:
    if "span" in g:
        g.span.set_attribute("http.response.status_code", response.status_code)
        for name in ("hook", "tenant"):
            if name in g:
                g.span.set_attribute(f"imaging_cds.{name}", g.get(name))
        if response.status_code >= 500:
            from opentelemetry.trace import StatusCode

            g.span.set_status(StatusCode.ERROR)
    return response


def _end(_error: BaseException | None) -> None:
    if "span" in g:
        from opentelemetry import context

        g.pop("span").end()
        context.detach(g.pop("traced"))
