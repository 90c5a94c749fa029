"""A site's terminology server widens what SNOMED CT codes mean, never at the cost of an answer."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from mappings.conditions import condition_facts
from mappings.diagnoses import covered_snomed, known_snomed, of_snomed
from mappings.orders import read_orders
from mappings.records import Records
from mappings.wider import BY_SERVER, widened_by
from service.settings import Settings, read_settings
from service.terminology import Terminology
from tests.service_examples import SERVICE, call, make_app, order, parts_of
from tests.terminology_double import TerminologyDouble, terminology_server

LOW_BACK_PAIN = "279039007"
NECK_PAIN = "81680005"
KIND = "9990000001"
"""A made-up kind of low back pain, by way of something between."""
BOTH, STRANGE, BETWEEN = "9990000002", "9990000003", "9990000004"
PARENTS = {
    KIND: (BETWEEN,),
    BETWEEN: (LOW_BACK_PAIN,),
    LOW_BACK_PAIN: ("9990000009",),
    BOTH: (LOW_BACK_PAIN, NECK_PAIN),
    STRANGE: ("9990000009",),
    "9990000009": (),
}
Json = dict[str, Any]


@pytest.fixture
def server() -> Iterator[TerminologyDouble]:
    with terminology_server(PARENTS) as double:
        yield double


def settings(server: TerminologyDouble, **more: Any) -> Settings:
    return read_settings({}, open=True, terminology_url=server.url, **more)


def terminology(server: TerminologyDouble, **more: Any) -> Terminology:
    return Terminology(settings(server, **more), pause=0.01)


def until(true: Callable[[], bool]) -> None:
    """Waits for the background thread."""
    ends = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.005)


def learned(asked: Terminology, code: str) -> tuple[str, ...] | None:
    asked.learn([code])
    until(lambda: asked.known(code) is not None)
    return asked.known(code)


def snomed(code: str) -> Json:
    return {"coding": [{"system": "http://snomed.info/sct", "code": code}]}


def app_with(folder: Path, url: str) -> Flask:
    return make_app(folder, terminology_url=url)


def answer(app: Flask, code: str) -> Json:
    body = call(order("a", "72148", reasonCode=[snomed(code)]))
    found: Json = app.test_client().post(SERVICE, json=body).get_json()
    return found


def test_the_codes_of_these_tests_are_what_they_are_taken_for() -> None:
    assert {LOW_BACK_PAIN, NECK_PAIN} <= set(covered_snomed())
    assert all(of_snomed(code) is None and not known_snomed(code) for code in (KIND, BOTH, STRANGE, BETWEEN))


def test_a_reason_that_was_unmapped_is_known_at_the_next_call_and_says_by_whom(
    tmp_path: Path, server: TerminologyDouble
) -> None:
    app = app_with(tmp_path, server.url)
    first = answer(app, KIND)
    known = parts_of(app).decision.terminology
    assert known is not None
    until(lambda: known.known(KIND) is not None)
    second = answer(app, KIND)
    assert "not recognised" in first["cards"][0]["summary"]
    assert "not recognised" not in str(second)
    assert BY_SERVER in second["cards"][0]["detail"]
    plain = answer(app, LOW_BACK_PAIN)["cards"][0]
    marks = [c["extension"]["io.github.imaging-cds"] for c in (second["cards"][0], plain)]
    assert marks[0]["rating"] == marks[1]["rating"]
    assert marks[0]["asks"] == marks[1]["asks"]


def test_the_answer_does_not_wait_for_the_server(tmp_path: Path, server: TerminologyDouble) -> None:
    server.gate.clear()
    app = app_with(tmp_path, server.url)
    assert "not recognised" in answer(app, KIND)["cards"][0]["summary"]
    until(lambda: len(server.calls) == 1)  # asked, and still holding its answer back
    assert "not recognised" in answer(app, KIND)["cards"][0]["summary"]


def test_only_codes_are_sent(tmp_path: Path, server: TerminologyDouble) -> None:
    app = app_with(tmp_path, server.url)
    answer(app, KIND)
    known = parts_of(app).decision.terminology
    assert known is not None
    until(lambda: known.known(KIND) is not None)
    assert all(path.startswith("/fhir/") and "p1" not in path for path in server.calls)


def test_nobody_is_asked_unless_a_site_says_so(tmp_path: Path) -> None:
    assert parts_of(make_app(tmp_path)).decision.terminology is None


def test_a_server_that_is_down_leaves_everything_as_it_was(tmp_path: Path) -> None:
    with terminology_server(PARENTS) as gone:
        url = gone.url
    app = app_with(tmp_path, url)
    known = parts_of(app).decision.terminology
    assert known is not None
    assert answer(app, KIND)["cards"][0]["summary"] == answer(app, KIND)["cards"][0]["summary"]
    assert known.known(KIND) is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>Log in</html>"),
        (200, b""),
        (200, b"[]"),
        (200, b'{"resourceType": "Bundle"}'),
        (200, b'{"resourceType": "Parameters"}'),
        (200, b'{"resourceType": "Parameters", "parameter": [{"name": "result", "valueString": "true"}]}'),
        (200, b'{"resourceType": "Parameters", "parameter": [{"name": "result", "valueBoolean": 1}]}'),
        (200, b'{"resourceType": "OperationOutcome"}'),
        (200, b" " * 300_000),
        (302, b"http://127.0.0.1:1/"),
        (401, b""),
        (500, b"{}"),
    ],
    ids=str,
)
def test_no_failure_is_an_answer(server: TerminologyDouble, status: int, body: bytes) -> None:
    asked = terminology(server)
    server.broken = (status, body)
    asked.learn([KIND])
    until(lambda: bool(server.calls) and not asked._asked)
    assert asked.known(KIND) is None
    server.broken = None
    assert learned(asked, KIND) == (LOW_BACK_PAIN,)


def test_a_server_that_fails_half_way_has_said_nothing(server: TerminologyDouble) -> None:
    asked = terminology(server)
    whole = server.answer
    server.answer = lambda path, asked: (503, b"") if "subsumes" in path else whole(path, asked)  # type: ignore[method-assign]
    asked.learn([KIND])
    until(lambda: any("subsumes" in path for path in server.calls) and not asked._asked)
    assert asked.known(KIND) is None


@pytest.fixture
def few_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of codes, one by one, would take a minute."""
    monkeypatch.setattr(
        "service.terminology.covered_snomed", lambda: (*covered_snomed()[:200], LOW_BACK_PAIN, NECK_PAIN)
    )


@pytest.mark.usefixtures("few_codes")
def test_a_server_that_says_yes_to_everything_is_not_believed(server: TerminologyDouble) -> None:
    server.always_yes = True
    asked = terminology(server)
    asked.learn([STRANGE])
    until(lambda: bool(server.calls) and not asked._asked)
    assert not asked.known(STRANGE)


@pytest.mark.usefixtures("few_codes")
def test_a_server_without_expressions_is_asked_code_by_code(server: TerminologyDouble) -> None:
    server.expressions = False
    assert learned(terminology(server), KIND) == (LOW_BACK_PAIN,)


def test_expressions_spare_the_server_most_calls(server: TerminologyDouble) -> None:
    assert learned(terminology(server), KIND) == (LOW_BACK_PAIN,)
    assert len(server.calls) < len(covered_snomed()) / 10


def test_what_is_no_kind_of_anything_of_ours_stays_unmapped(server: TerminologyDouble) -> None:
    assert learned(terminology(server), STRANGE) == ()
    assert learned(terminology(server), "9990000077") == ()  # no concept of the server's at all


def test_of_codes_that_hold_one_another_the_narrowest_count() -> None:
    above = {LOW_BACK_PAIN: (NECK_PAIN,), NECK_PAIN: (), KIND: (LOW_BACK_PAIN,)}  # made up, to have two of ours in line
    with terminology_server(above) as server:
        assert learned(terminology(server), KIND) == (LOW_BACK_PAIN,)


def test_a_concept_of_two_kinds_is_both(server: TerminologyDouble) -> None:
    found = learned(terminology(server), BOTH)
    assert set(found or ()) == {LOW_BACK_PAIN, NECK_PAIN}
    with widened_by(lambda _: found):
        (read,) = read_orders([order("a", reasonCode=[snomed(BOTH)])], Records({}))
    assert {"low_back_pain", "neck_pain"} <= set(read.indications)


def test_what_is_no_concept_is_never_asked_for(server: TerminologyDouble) -> None:
    asked = terminology(server)
    assert asked.known("John Smith") == ()
    assert asked.known("1") == ()
    assert server.calls == []


def test_a_judged_concept_is_not_asked_for() -> None:
    with widened_by(lambda _: None) as lacking:
        read_orders([order("a", reasonCode=[snomed("27355003")])], Records({}))  # toothache: other
        read_orders([order("a", reasonCode=[snomed(LOW_BACK_PAIN)])], Records({}))
        read_orders([order("a", reasonCode=[snomed(KIND)])], Records({}))
    assert lacking == {KIND}


def test_facts_of_the_chart_say_by_whom_they_are_known() -> None:
    condition = {"resourceType": "Condition", "id": "c", "code": snomed(KIND)}
    today = dt.date(2026, 6, 1)
    with widened_by(lambda _: (LOW_BACK_PAIN,)):
        facts = list(condition_facts(Records({}, {"Condition": (condition,)}), today))
    assert "pain.low_back" in {f.name for f in facts}
    assert {f.note for f in facts} == {BY_SERVER}
    assert list(condition_facts(Records({}, {"Condition": (condition,)}), today)) == []


def test_answers_are_remembered_up_to_a_number(server: TerminologyDouble) -> None:
    asked = terminology(server, terminology_entries=2)
    for code in (KIND, STRANGE, BOTH):
        learned(asked, code)
    assert asked.known(KIND) is None
    assert asked.known(BOTH) is not None


def test_answers_grow_old(server: TerminologyDouble) -> None:
    clock = [0.0]
    asked = Terminology(settings(server, terminology_max_age_hours=1), now=lambda: clock[0])
    assert learned(asked, KIND) == (LOW_BACK_PAIN,)
    clock[0] = 3600.0
    assert asked.known(KIND) == (LOW_BACK_PAIN,)
    clock[0] = 3601.0
    assert asked.known(KIND) is None


def test_so_many_concepts_wait_and_no_more(server: TerminologyDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.terminology.WAITING", 3)
    server.gate.clear()
    asked = terminology(server)
    asked.learn(str(9990000100 + n) for n in range(50))
    assert len(asked._asked) == 3
