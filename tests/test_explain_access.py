"""Who may see how an answer came about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from hooks.ids import explain_handle
from hooks.site import Keys
from service.journal.models import Explanation
from tests.explain_examples import (
    HTML,
    UNTREATED,
    address,
    answered,
    explaining,
    page,
    request_of,
    rows,
    told,
)
from tests.service_examples import NOW, parts_of


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with explaining(tmp_path) as made:
        yield made


def test_headers_keep_the_page_to_its_reader(app: Flask) -> None:
    found = address(app, UNTREATED)
    for path, accept in ((found, "text/html"), (found, "application/json"), ("/explain/none", "text/html")):
        headers = app.test_client().get(path, headers={"Accept": accept}).headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "noindex" in headers["X-Robots-Tag"]
    policy = app.test_client().get(found, headers=HTML).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy


def test_the_consult_id_on_the_order_opens_nothing(app: Flask) -> None:
    [card] = answered(app, request_of(UNTREATED))
    consult = card["extension"]["io.github.imaging-cds"]["consult"].removeprefix("urn:uuid:")
    page(app, f"/explain/{consult}", status=404)


def test_a_wrong_a_tampered_and_an_expired_handle_are_told_the_same(app: Flask) -> None:
    found = address(app, UNTREATED)
    tampered = found[:-1] + ("0" if found[-1] != "0" else "1")
    never = [page(app, path, status=404) for path in (tampered, "/explain/none")]
    with Session(parts_of(app).journal.engine) as session, session.begin():
        session.scalars(select(Explanation)).one().created = NOW - dt.timedelta(days=31)
    assert {page(app, found, status=404), *never} == {never[0]}
    assert "No explanation is kept here" in never[0]
    for path in (found, tampered):
        response = app.test_client().get(path, headers={"Accept": "application/json"})
        assert (response.status_code, response.mimetype) == (404, "application/fhir+json")


def test_the_handle_is_made_of_tenant_consult_and_the_server_key() -> None:
    key, consult = b"k" * 32, "urn:uuid:1"
    made = (("a", key, consult), ("b", key, consult), ("a", b"x" * 32, consult), ("a", key, "urn:uuid:2"))
    handles = {explain_handle(Keys(tenant, secret), of) for tenant, secret, of in made}
    assert len(handles) == 4


def test_the_same_order_of_another_tenant_has_a_page_of_its_own(app: Flask) -> None:
    found = address(app, UNTREATED)
    journal = parts_of(app).journal
    [row] = rows(app)
    theirs = explain_handle(Keys("other", b"k" * 32), "urn:uuid:1")
    with Session(journal.engine) as session, session.begin():
        copy = {c.name: getattr(row, c.name) for c in Explanation.__table__.columns}
        mark = journal.hashed("", "explain", theirs)
        session.add(Explanation(**{**copy, "mark": mark, "tenant": "other", "policy": "medicare"}))
    assert told(app, found)["judged"]["policy"] == row.policy
    assert told(app, f"/explain/{theirs}")["judged"]["policy"] == "medicare"
    with Session(journal.engine) as session, session.begin():
        session.delete(session.scalars(select(Explanation).where(Explanation.tenant == "other")).one())
    page(app, f"/explain/{theirs}", status=404)
    page(app, found)


def test_where_the_page_cannot_be_stored_the_card_stays_and_the_page_says_so(app: Flask) -> None:
    journal = parts_of(app).journal
    with journal.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE explanations")
    found = address(app, UNTREATED)
    assert journal.failures == 1
    assert "cannot be read at the moment" in page(app, found, status=503)
    journal.close()
