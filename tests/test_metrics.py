"""/metrics: what a Prometheus server finds there, who may read it, and that all workers are in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from service import counts
from service.settings import SettingsError, read_settings
from service.watch.metrics import outcome_of
from tests.service_examples import SERVICE, call, order
from tests.watch_examples import Make, make

ROOT = Path(__file__).parent.parent
__all__ = ["make"]
TOKEN = "t" * 32
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def figures(client: FlaskClient, **headers: str) -> Figures:
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200
    return read(response.get_data(as_text=True))


def read(text: str) -> Figures:
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for f in families for s in f.samples}


def grown(before: Figures, after: Figures) -> dict[str, float]:
    """What grew, as name{labels}."""
    return {
        f"{name}{{{','.join(f'{k}={v}' for k, v in sorted(labels))}}}": value - before.get((name, labels), 0)
        for (name, labels), value in after.items()
        if value > before.get((name, labels), 0) and name.startswith("imaging_cds_")
    }


def test_requests_orders_cards_and_feedback_are_counted(make: Make) -> None:
    client = make()
    before = figures(client)
    answer = client.post(SERVICE, json=call(order("a"), order("b", "70544"))).get_json()
    card = answer["cards"][0]["uuid"]
    told = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-06-02T03:00:00Z"}
    client.post(f"{SERVICE}/feedback", json={"feedback": [told]})
    client.post(SERVICE, json={})
    client.get("/somewhere/else")
    found = grown(before, figures(client))
    route = "/cds-services/<service>"
    assert found[f"imaging_cds_http_requests_total{{method=POST,route={route},status=200}}"] == 1
    assert found[f"imaging_cds_http_requests_total{{method=POST,route={route}/feedback,status=200}}"] == 1
    assert found["imaging_cds_http_requests_total{method=any,route=None,status=404}"] == 1
    assert found["imaging_cds_hooks_total{hook=order-sign,status=200,tenant=open}"] == 1
    assert found["imaging_cds_hooks_total{hook=unknown,status=400,tenant=open}"] == 1
    assert found["imaging_cds_hook_seconds_count{hook=order-sign}"] == 1
    assert sum(n for name, n in found.items() if name.startswith("imaging_cds_orders_total")) == 2
    shown = {name: n for name, n in found.items() if name.startswith("imaging_cds_cards_total")}
    assert sum(shown.values()) == len(answer["cards"])
    assert found["imaging_cds_feedback_total{outcome=overridden,tenant=open}"] == 1


def test_what_runs_and_how_it_fares_is_told(make: Make) -> None:
    found = figures(make())
    told = {name: dict(labels) for name, labels in found}
    assert told["imaging_cds_build_info"].keys() == {"version", "criteria"}
    assert found["imaging_cds_check", frozenset({("check", "database")})] == 0
    assert found["imaging_cds_in_flight", frozenset()] == 1, "this very request"


def test_whatever_a_part_counts_is_an_event(make: Make) -> None:
    client = make()
    before = figures(client)
    counts.add("journal_skipped_tokens", 3)
    after = figures(client)
    assert grown(before, after)["imaging_cds_events_total{event=journal_skipped_tokens}"] == 3
    counts.add("journal_skipped_tokens")
    assert grown(after, figures(client))["imaging_cds_events_total{event=journal_skipped_tokens}"] == 1


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("ok", "ok"), ("http-404", "http-4xx"), ("http-503", "http-5xx"), ("http-99", "other"), ("x" * 99, "other")],
)
def test_outcomes_of_fhir_calls_are_few(reason: str, outcome: str) -> None:
    assert outcome_of(reason) == outcome


def test_nobody_reads_them_unless_the_site_says_who(make: Make) -> None:
    assert make(closed=True).get("/metrics").status_code == 404


def test_a_token_opens_them_and_nothing_like_it_does(make: Make) -> None:
    client = make(closed=True, metrics_token=TOKEN)
    assert figures(client, Authorization=f"Bearer {TOKEN}")
    for wrong in ("", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", "Bearer é"):
        refused = client.get("/metrics", headers={"Authorization": wrong} if wrong else {})
        assert refused.status_code == 401 and "imaging_cds" not in refused.get_data(as_text=True)


def test_a_network_opens_them_by_its_connection_and_not_by_a_header(make: Make) -> None:
    client = make(closed=True, metrics_networks="10.8.0.0/16, fd00::/8")
    for address, status in (("10.8.1.1", 200), ("fd00::1", 200), ("10.9.0.1", 401), ("not an address", 401)):
        sent = client.get("/metrics", environ_base={"REMOTE_ADDR": address}, headers={"X-Forwarded-For": "10.8.1.1"})
        assert sent.status_code == status, address


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("metrics_token", "short"),
        ("metrics_networks", "10.8.0.1/16"),
        ("dashboard_tokens", "hospital"),
        ("dashboard_tokens", "hospital:short"),
    ],
)
def test_a_setting_that_would_open_a_gap_stops_the_start(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name.upper()):
        read_settings({}, open=True, **{name: value})


def test_workers_are_counted_together_and_those_that_are_gone_too(tmp_path: Path) -> None:
    """Two processes, one after the other, as two workers of one service would."""
    program = (
        "import sys\n"
        "from service.watch import metrics\n"
        "metrics.hook_called('order-sign', 'open', 200, 0.01)\n"
        "metrics.IN_FLIGHT.inc()\n"
        "from prometheus_client import generate_latest\n"
        "print(generate_latest(metrics.registry(tuple)).decode())\n"
    )
    ended = "import os, sys; from service.watch.shared import worker_ended; worker_ended(int(sys.argv[1]))"
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def run(code: str, *arguments: str) -> str:
        done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, env=environment, check=True,
                              capture_output=True, text=True, timeout=60)  # fmt: skip
        return done.stdout

    run(program)
    [gauge] = tmp_path.glob("gauge_livesum_*.db")
    run(ended, gauge.stem.rpartition("_")[2])
    found = read(run(program))
    assert (
        found["imaging_cds_hooks_total", frozenset({("hook", "order-sign"), ("tenant", "open"), ("status", "200")})]
        == 2
    )
    assert found["imaging_cds_in_flight", frozenset()] == 1, "the worker that ended has nothing in flight"


def test_every_metric_and_every_event_is_documented(make: Make) -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    client = make()
    client.post(SERVICE, json=call())
    families = text_string_to_metric_families(client.get("/metrics").get_data(as_text=True))
    shown = {
        f"{f.name}_total" if f.type == "counter" else f.name for f in families if f.name.startswith("imaging_cds_")
    }
    assert {name for name in shown if f"`{name}`" not in text} == set()
    added = re.compile(r'counts\.add\(f?"([a-z_]+)')
    events = {name for file in (ROOT / "service").rglob("*.py") for name in added.findall(file.read_text("utf-8"))}
    assert {name for name in events if f"| `{name}" not in text} == set(), (
        "events that docs/operating.md does not explain"
    )
