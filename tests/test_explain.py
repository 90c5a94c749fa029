"""How an answer came about: what the page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from service.explain.words import words
from tests.explain_examples import (
    NAMES,
    TREATED_WITH_PACEMAKER,
    UNTREATED,
    address,
    answered,
    clauses,
    explained_at,
    explaining,
    page,
    plain,
    request_of,
    told,
)
from tests.test_guideline_pages import faults_of

OVERLAY = """- change: evicore-spine-2023/low_back_pain_mri
  author: spine-clinic-lead
  date: 2026-05-01
  reason: Our clinic sees them sooner.
  thresholds: [{fact: trial_of_treatment.duration_weeks, at_least: {2026-05-01: 4}, unit: wk}]
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with explaining(tmp_path) as made:
        yield made


def test_every_card_leads_to_its_explanation_with_the_same_rating(app: Flask) -> None:
    for card in (card for name in NAMES for card in answered(app, request_of(name))):
        [found] = explained_at(card)
        document = told(app, found)
        mark = card["extension"]["io.github.imaging-cds"]
        assert document["verdict"]["rating"] == mark["rating"]
        assert document["verdict"]["provisional"] == mark["provisional"]
        assert {r["rule"] for r in document["rules"] if r["decides"]} == set(mark["criteria"])
        assert {m["fact"] for m in document.get("missing", ())} == set(mark.get("asks", ()))
        assert {p["fact"] for p in document.get("presumed", ())} == set(mark.get("presumes", ()))
        assert faults_of(page(app, found)) == []


@pytest.mark.parametrize("name", [UNTREATED, TREATED_WITH_PACEMAKER, "12"])
def test_the_page_and_its_json_say_the_same(app: Flask, name: str) -> None:
    [found] = explained_at(answered(app, request_of(name))[0])
    document, text = told(app, found), plain(page(app, found))
    for clause in clauses(document):
        assert words()["truths"][clause["truth"]][1] in text
        for key in ("says", "means", "joint"):
            assert clause.get(key, "") in text
        for said in (clause.get("found", {}).get("value", ""), *clause.get("found", {}).get("sources", ())[:4]):
            assert said in text
    for rule in document["rules"]:
        assert rule["title"] in text
    for asked in document.get("missing", ()):
        assert asked["question"] in text
    for offer in document.get("alternatives", ()):
        assert offer.get("study", "") in text
    trees = re.findall('<ul class="tree">.*?</section>', page(app, found), re.DOTALL)
    assert len(list(clauses(document))) == sum(tree.count('<b class="state') for tree in trees)


def test_a_clause_shows_the_fact_with_its_value_basis_source_and_day(app: Flask) -> None:
    found = address(app, UNTREATED)
    [pain] = [c for c in clauses(told(app, found)) if c.get("fact") == "pain.low_back" and "found" in c][:1]
    assert pain["truth"] == "met"
    assert pain["found"]["basis"] == "recorded"
    assert pain["found"]["sources"] == ["Condition/condition-1"]
    assert pain["found"]["on"].startswith("2026-")
    assert "Condition/condition-1" in page(app, found)


def test_presumed_unknown_and_not_met_are_told_apart_by_word_and_sign(app: Flask) -> None:
    found = address(app, UNTREATED)
    truths = {c["truth"] for c in clauses(told(app, found))}
    assert {"met", "unknown", "not-met", "presumed-met", "presumed-not-met"} <= truths
    text = page(app, found)
    for truth in truths:
        sign, word = words()["truths"][truth]
        assert f'<b class="state {truth}"><span aria-hidden="true">{sign}</span> {word}</b>' in text


def test_a_recorded_fact_is_never_called_presumed(app: Flask) -> None:
    """Foot drop is on file: the red flag that it makes rests on that, whatever else is presumed to be absent."""
    document = told(app, address(app, "05"))
    [flag] = [c for c in clauses(document) if c.get("fact") == "red_flag.motor_weakness" and "parts" in c]
    assert flag["truth"] == "met"


def test_presumptions_say_what_would_change_the_answer(app: Flask) -> None:
    [found] = explained_at(answered(app, request_of("08"))[0])
    presumed = told(app, found)["presumed"]
    assert presumed
    assert any(i["rating"] != "not-appropriate" for p in presumed for i in p.get("if", ()))


def test_guidelines_come_with_edition_days_and_links_to_the_rule(app: Flask) -> None:
    found = address(app, UNTREATED)
    first = told(app, found)["guidelines"][0]
    assert first["id"] == "evicore-spine-2023"
    assert first["edition"] and first["from"] == "2023-01-01" and first["sections"]
    text = page(app, found)
    assert 'href="/guidelines/evicore-spine-2023/low_back_pain_mri"' in text
    assert "from 1 January 2023" in text


def test_another_rule_is_spelled_out_on_request(app: Flask) -> None:
    found = address(app, UNTREATED)
    closed = next(r for r in told(app, found)["rules"] if not r["decides"])
    assert "clause" not in closed
    again = told(app, found, rule=closed["rule"])
    assert "clause" in next(r for r in again["rules"] if r["rule"] == closed["rule"])


def test_rules_of_the_site_are_marked_as_local(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(OVERLAY, encoding="utf-8")
    with explaining(tmp_path, overlay_file=str(overlay)) as app:
        found = address(app, UNTREATED)
        rule = next(r for r in told(app, found)["rules"] if r["decides"])
        assert "at this site" in rule["local"]
        assert "Local rule" in page(app, found)


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("", "Tell whoever runs this service at your site, without patient data."),
        ("Imaging <desk>, 4711", "Tell Imaging &lt;desk&gt;, 4711, without"),
        (
            "https://hospital.example/imaging",
            'Tell <a href="https://hospital.example/imaging">https://hospital.example',
        ),
        ("imaging@hospital.example", 'Tell <a href="mailto:imaging@hospital.example">imaging@hospital.example</a>,'),
    ],
)
def test_the_page_says_where_to_report_a_fault(tmp_path: Path, contact: str, shown: str) -> None:
    with explaining(tmp_path, contact=contact) as app:
        assert shown in page(app, address(app, UNTREATED))


def test_a_record_that_could_not_be_used_is_named(app: Flask) -> None:
    body = request_of(TREATED_WITH_PACEMAKER)
    broken = {"resourceType": "Device", "id": "broken-1", "status": "active", "type": "pacemaker"}
    body["prefetch"]["devices"] = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": broken}]}
    [found] = [a for card in answered(app, body) for a in explained_at(card)]
    assert told(app, found)["set_aside"] == ["Device/broken-1"]
    assert not told(app, found)["all_records_read"]
    assert "Left out because it could not be used: Device/broken-1." in page(app, found)
