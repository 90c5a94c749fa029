"""The dashboard: who sees it, whose figures it shows, and that it can be read."""

from __future__ import annotations

import datetime as dt
import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from service.dashboard.plots import HEIGHT, WIDTH, over_time, scale
from service.journal.models import Consult
from tests.journal_rows import consult, fill, keep
from tests.service_examples import NOW, SERVICE, call, order, parts_of
from tests.test_guideline_pages import faults_of, parsed, text_of
from tests.watch_examples import Make, basic, make

__all__ = ["make"]
PASSWORDS = {"dashboard_tokens": "hospital:hospital-password, north:norths-own-password, all:the-password-of-all"}


def rows(client: FlaskClient, *made: dict[str, Any]) -> None:
    keep(parts_of(client.application).journal, Consult, list(made))


def test_an_empty_journal_is_greeted_kindly(make: Make) -> None:
    text = text_of(make(), "/dashboard")
    assert "No order has been rated in this period." in text
    assert faults_of(text) == []


def test_it_shows_what_was_answered_with_links_to_the_rules(make: Make) -> None:
    client = make()
    answer = client.post(SERVICE, json=call(order("a"), order("b", "72148"))).get_json()
    told = {"card": answer["cards"][0]["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-06-02T03:00:00Z"}
    client.post(f"{SERVICE}/feedback", json={"feedback": [told]})
    text = text_of(client, "/dashboard")
    assert faults_of(text) == []
    links = [link for link in parsed(text).links if link.startswith("/guidelines/evicore")]
    assert links
    for link in links:
        text_of(client, link)
    said = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", text))
    assert "Orders 2" in said and "no-reason-given" in said


def test_many_rows_make_a_page_that_is_light_and_well_made(make: Make) -> None:
    client = make()
    fill(parts_of(client.application).journal, 3000, days=360)
    for days in (7, 30, 90, 365):
        text = text_of(client, f"/dashboard?days={days}")
        assert faults_of(text) == []
        assert len(gzip.compress(text.encode())) < 60_000
        assert ("Week from" in text) == (days > 62)


@pytest.mark.parametrize("query", ["days=0", "days=99999", "days=x", "tenant=none", "tenant=%3Cscript%3E", "days=%00"])
def test_what_is_no_choice_shows_the_usual_period(make: Make, query: str) -> None:
    client = make()
    rows(client, consult(1, NOW), consult(2, NOW - dt.timedelta(days=40)))
    told = client.get(f"/dashboard.json?{query}").get_json()
    assert (told["orders"], told["tenant"]) == (1, None)
    assert faults_of(text_of(client, f"/dashboard?{query}")) == []


def test_without_a_setting_there_is_no_dashboard(make: Make) -> None:
    assert make(closed=True).get("/dashboard").status_code == 404


def test_a_reader_sees_the_own_tenant_and_no_other(make: Make) -> None:
    client = make(closed=True, **PASSWORDS)
    rows(client, consult(1, NOW, tenant="hospital"), consult(2, NOW, tenant="north"), consult(3, NOW, tenant="north"))

    def orders(tenant: str, password: str, query: str = "") -> int:
        response = client.get(f"/dashboard.json{query}", headers=basic(tenant, password))
        assert response.status_code == 200
        return int(response.get_json()["orders"])

    assert orders("hospital", "hospital-password") == 1
    assert orders("hospital", "hospital-password", "?tenant=north") == 1
    assert orders("north", "norths-own-password") == 2
    assert orders("all", "the-password-of-all") == 3
    assert orders("all", "the-password-of-all", "?tenant=north") == 2
    page = client.get("/dashboard", headers=basic("hospital", "hospital-password")).get_data(as_text=True)
    assert "north" not in page


@pytest.mark.parametrize(
    "sent",
    [
        {},
        basic("hospital", "norths-own-password"),
        basic("", ""),
        basic("nobody", ""),
        basic("all", "hospital-password"),
        basic("hospital", "hospital-passwor"),
        {"Authorization": "Bearer hospital-password"},
        {"Authorization": "Basic not-base64"},
        {"Authorization": "Basic"},
    ],
)
def test_others_are_asked_for_a_password_and_see_nothing(make: Make, sent: dict[str, str]) -> None:
    client = make(closed=True, **PASSWORDS)
    response = client.get("/dashboard", headers={"Accept": "text/html", **sent})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic ")
    assert "Orders" not in response.get_data(as_text=True)


def test_it_is_kept_for_a_minute_by_us_and_by_nobody_else(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make()
    rows(client, consult(1, NOW))
    assert client.get("/dashboard.json").get_json()["orders"] == 1
    rows(client, consult(2, NOW))
    assert client.get("/dashboard.json").get_json()["orders"] == 1
    monkeypatch.setattr("service.dashboard.pages.KEPT_SECONDS", -1.0)
    response = client.get("/dashboard.json")
    assert response.get_json()["orders"] == 2
    assert response.headers["Cache-Control"] == "no-store"


def test_a_period_with_too_many_answers_says_so(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make()
    rows(client, *(consult(n, NOW) for n in range(1, 5)))
    monkeypatch.setattr("service.report.figures.MOST", 3)
    text = text_of(client, "/dashboard")
    assert "This period holds 4 answers" in text and faults_of(text) == []


def test_a_journal_that_cannot_be_read_is_no_crash(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make()

    def away(*_: object) -> Any:
        raise OperationalError("select", {}, Exception("secret"))

    monkeypatch.setattr("service.dashboard.pages.known_tenants", away)
    text = text_of(client, "/dashboard", 503)
    assert "cannot be read now" in text and "secret" not in text and faults_of(text) == []
    assert client.get("/dashboard.json").status_code == 503


def test_readers_do_not_queue_up_behind_a_slow_count(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that wait for a page answer no orders."""
    client = make()
    monkeypatch.setattr("service.dashboard.pages.WAITING_SECONDS", 0.01)
    busy = client.application.extensions["imaging_cds_dashboard"].one_at_a_time
    with busy:
        assert client.get("/dashboard").status_code == 503
    assert client.get("/dashboard").status_code == 200


def test_bars_stand_on_one_another_within_the_picture(tmp_path: Path) -> None:
    days = [
        {"from": f"2026-05-{n:02}", "days": 1, "ratings": {"appropriate": n, "not-appropriate": 1}}
        for n in range(1, 31)
    ]
    plot = over_time(days)
    assert len(plot.bars) == 60
    assert all(b.x >= 0 and b.x + b.width <= WIDTH and b.y >= 0 and b.y + b.height <= HEIGHT for b in plot.bars)
    first, second = plot.bars[:2]
    assert second.y + second.height == pytest.approx(first.y, abs=0.02)
    assert [name for _, name in plot.names] == ["1 May", "16 May", "30 May"]
    assert over_time([]).bars == []


@pytest.mark.parametrize(
    ("most", "steps"),
    [(0, [0, 1]), (3, [0, 1, 2, 3]), (5, [0, 2, 4, 6]), (31, [0, 10, 20, 30, 40]), (1000, [0, 250, 500, 750, 1000])],
)
def test_the_axis_has_round_numbers(most: int, steps: list[int]) -> None:
    assert scale(most) == steps
