"""What is counted for Prometheus: requests, orders, cards, feedback, FHIR calls, and all of `service.counts`.

Labels are words of ours and tenants of the trust table: their number is bounded, and none comes from a chart. Each
count costs one or two microseconds, since the child of a label set is looked up in a dictionary and kept.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TypeVar

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service import counts
from service.watch.shared import VARIABLE

disable_created_metrics()  # type: ignore[no-untyped-call]

SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
WORDS = frozenset({"ok", "timeout", "unreachable", "too-large", "redirect", "not-json", "not-fhir", "outcome"})
"""Outcomes of a FHIR call that are told apart; HTTP statuses by their first figure, anything else as `other`."""

REQUESTS = Counter(
    "imaging_cds_http_requests", "Requests answered, by route, method and status.", ["route", "method", "status"]
)
HOOKS = Counter("imaging_cds_hooks", "Hooks called, by hook, tenant and status.", ["hook", "tenant", "status"])
HOOK_SECONDS = Histogram("imaging_cds_hook_seconds", "Time from request to answer, by hook.", ["hook"], buckets=SECONDS)
ORDERS = Counter("imaging_cds_orders", "Orders answered, by hook, tenant and rating.", ["hook", "tenant", "rating"])
CARDS = Counter("imaging_cds_cards", "Cards shown, by tenant, indicator and rating.", ["tenant", "indicator", "rating"])
FEEDBACK = Counter("imaging_cds_feedback", "Entries of feedback taken, by tenant and outcome.", ["tenant", "outcome"])
FHIR = Counter("imaging_cds_fhir_calls", "Calls to FHIR servers, by outcome.", ["outcome"])
FHIR_SECONDS = Histogram("imaging_cds_fhir_seconds", "Time of a call to a FHIR server.", buckets=SECONDS)
EVENTS = Counter("imaging_cds_events", "What the service counts of itself, by event.", ["event"])
IN_FLIGHT = Gauge("imaging_cds_in_flight", "Requests being answered now.", multiprocess_mode="livesum")

Made = TypeVar("Made", Counter, Histogram)


@cache
def _child(of: Made, *labels: str) -> Made:
    return of.labels(*labels)


def request_answered(route: str, method: str, status: int) -> None:
    _child(REQUESTS, route, method, str(status)).inc()
    pass_on_counts()


def hook_called(hook: str, tenant: str, status: int, seconds: float) -> None:
    _child(HOOKS, hook, tenant, str(status)).inc()
    _child(HOOK_SECONDS, hook).observe(seconds)


def fhir_called(outcome: str, seconds: float) -> None:
    _child(FHIR, outcome_of(outcome)).inc()
    FHIR_SECONDS.observe(seconds)


def outcome_of(reason: str) -> str:
    """One of few words."""
    if reason in WORDS:
        return reason
    status = reason.removeprefix("http-")
    return f"http-{status[0]}xx" if len(status) == 3 and status[0] in "12345" and status.isdecimal() else "other"


def order_answered(hook: str, tenant: str, rating: str) -> None:
    _child(ORDERS, hook, tenant, rating).inc()


def card_shown(tenant: str, indicator: str, rating: str) -> None:
    _child(CARDS, tenant, indicator, rating).inc()


def feedback_taken(tenant: str, outcome: str) -> None:
    _child(FEEDBACK, tenant, outcome).inc()


_passed: dict[str, int] = {}
_passing = threading.Lock()


def pass_on_counts() -> None:
    """Into the figures that all workers share, as far as they grew since they were last passed on."""
    if counts.read() == _passed:
        return
    with _passing:
        for name, n in counts.read().items():
            before = _passed.get(name, 0)
            if n != before:
                _child(EVENTS, name).inc(n - before if n > before else n)  # fewer: begun anew after a fork
                _passed[name] = n


Figure = tuple[str, str, dict[str, str], float]
"""Name, help, labels, number."""


class Told(Collector):
    """What is looked up when somebody asks."""

    def __init__(self, look: Callable[[], Iterable[Figure]]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        told: dict[str, GaugeMetricFamily] = {}
        for name, says, labels, value in self._look():
            if name not in told:
                told[name] = GaugeMetricFamily(name, says, labels=list(labels))
            told[name].add_metric(list(labels.values()), value)
        yield from told.values()


def registry(look: Callable[[], Iterable[Figure]]) -> CollectorRegistry:
    """The figures of all workers where they share a folder, else of this process."""
    pass_on_counts()
    made = CollectorRegistry()
    if VARIABLE in os.environ:
        MultiProcessCollector(made)  # type: ignore[no-untyped-call]
    else:
        made.register(REGISTRY)  # a registry collects what it holds
    made.register(Told(look))
    return made


def events() -> dict[str, int]:
    """What the service counted of itself, all workers together, since it was started."""
    found = (
        (sample.labels["event"], int(sample.value))
        for family in registry(tuple).collect()
        for sample in family.samples
        if sample.name == "imaging_cds_events_total"
    )
    return dict(sorted(found))
