"""Every derived fact says in a few of our own words what it rests on."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from criteria.catalogue import load_studies
from criteria.errors import DataError
from criteria.facts import Basis, Fact, Facts
from mappings import evidence
from mappings.evidence import change, course, told, with_notes
from tests.chart_examples import (
    chart,
    code,
    condition,
    day,
    encounter,
    medicine,
    observation,
    procedure,
    report,
    resource,
)
from tests.test_cancer_history import BRAIN, CANCER, REASON, ordered
from tests.test_plans import planned
from tests.test_treatment_trial import COURSE, VISITS, score

MARK = "Zebrafish"
"""A word that stands in every free text of the chart and may stand in no note."""
DAY = dt.date(2026, 10, 2)


def spoken(*held: dict[str, Any]) -> list[dict[str, Any]]:
    text = {"text": MARK, "display": MARK, "conclusion": MARK, "note": [{"text": MARK}], "description": MARK}
    return [{**r, **text} for r in held]


SPINE = spoken(
    *COURSE,
    *VISITS,
    score(6, 72, "before"),
    score(8, 3, "after"),
    condition("R20.2", 20),
    encounter("VR", 9, identity="remote", reasonCode=[code(icd10="M54.50")]),
    medicine(60, text="Naproxen 500 MG"),
    medicine(120, text="Prednisone 10 MG Oral Tablet"),
    *(medicine(n, text="Oxycodone 5 MG") for n in (50, 30, 10)),
    medicine(30, text="Adalimumab"),
    procedure(20, 20, cpt="62323"),
    procedure(400, 400, cpt="22612"),
    procedure(2, 2, cpt="22514"),
    procedure(30, 30, cpt="92928"),
    report("72100", 8, conclusionCode=[code(icd10="M43.06")]),
    report("72148", 40, conclusionCode=[code(snomed="82334004")]),
    report("72131", 41, conclusionCode=[code(snomed="82334004")]),
    observation("98979-8", 40, "mL/min/{1.73_m2}"),
    observation("8310-5", 38.5, "Cel"),
    observation("29463-7", 80, "kg", 92),
    observation("29463-7", 70, "kg", 2),
    observation("2039-6", 5, "ng/mL", 60),
    observation("2039-6", 9, "ng/mL", 6),
    planned(occurrenceDateTime=day(-12)),
    resource("Device", type=code(snomed="14106009")),
    resource("AllergyIntolerance", code=code(snomed="109218004"), criticality="high"),
    resource("Communication", status="completed", sent=day(4), reasonCode=[code(icd10="M54.50")]),
)
TUMOUR = spoken(
    CANCER,
    ordered("C71.1"),
    procedure(800, 800, cpt="61510", **REASON),
    procedure(760, 731, snomed="1217123003", **REASON),
    procedure(700, 690, snomed="367336001", **REASON),
    report("70553", 92, basedOn=[{"reference": "ServiceRequest/s"}]),
)


def read(held: list[dict[str, Any]], **options: Any) -> Facts:
    seen = chart(*held, **options)
    study = seen.orders[0].study
    assert study is not None
    return seen.facts(seen.orders[0], study)


@pytest.mark.parametrize(("held", "options"), [(SPINE, {}), (TUMOUR, BRAIN), ([], {})])
def test_every_derived_fact_of_every_reader_has_a_note_in_our_own_words(
    held: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    derived = [f for f in read(held, **options) if f.basis is Basis.DERIVED]
    assert [f.name for f in derived if not f.note] == []
    assert [f.name for f in derived if MARK in f.note or len(f.note) > 200] == []
    assert len(derived) > 20


def test_the_charts_above_reach_every_family_of_derived_facts() -> None:
    derived = [
        f for held in ((SPINE, {}), (TUMOUR, BRAIN)) for f in read(held[0], **held[1]) if f.basis is Basis.DERIVED
    ]
    reached = {f.name.partition(".")[0] for f in derived}
    assert reached >= {
        "clinical_evaluation", "implant", "lab", "medication", "order", "pain", "patient", "prior_imaging",
        "reevaluation", "renal", "surgery", "surveillance", "symptom", "therapy", "treatment_plan",
        "trial_of_treatment", "xray",
    }  # fmt: skip


def test_a_fact_without_a_note_of_its_reader_counts_its_records() -> None:
    one = Fact("a", True, Basis.DERIVED, ("Observation/1",), DAY)
    two = Fact("b", True, Basis.DERIVED, ("Observation/1", "Observation/2"), DAY)
    recorded = Fact("c", True, Basis.RECORDED, ("Condition/1",), DAY)
    noted = with_notes({f.name: f for f in (one, two, recorded)})
    assert noted["a"].note == "measurement of 2026-10-02"
    assert noted["b"].note == "2 measurements"
    assert noted["c"].note == ""


def test_every_modality_of_the_catalogue_has_a_name() -> None:
    modalities = {s.modality for s in load_studies().studies.values() if s.modality}
    assert {m for m in modalities if "record" in told(m, [DAY])} == set()


def test_evidence_reads_as_a_clinician_would_say_it() -> None:
    later = DAY + dt.timedelta(days=30)
    assert told("xray", [DAY]) == "x-ray of 2026-10-02"
    assert told("xray", [None]) == "x-ray"
    assert told("therapy", [DAY, DAY, later]) == "3 therapy visits 2026-10-02 to 2026-11-01"
    assert told("therapy", [DAY, DAY]) == "2 therapy visits of 2026-10-02"
    assert told("therapy", [None, None]) == "2 therapy visits"
    assert course("medicine", DAY, None) == "prescription since 2026-10-02"
    assert course("course", DAY, later) == "course of treatment 2026-10-02 to 2026-11-01"
    assert change("score", 7, DAY, 3.5, later) == "pain score 7 of 2026-10-02, 3.5 of 2026-11-01"


@pytest.mark.parametrize(
    ("wrong", "mend"),
    [
        ("phrases: {}\nnames: {}\nkinds: {}\n", "none of"),
        ("phrases: {never: a}\nnames: {}\ntypes: {}\n", "no phrase"),
        ('phrases: {one: "{who} of {day}"}\nnames: {}\ntypes: {}\n', "may use"),
        ('phrases: {one: "{what}"}\nnames: {}\ntypes: {}\n', "missing"),
    ],
)
def test_a_slip_in_the_wording_names_its_mend(tmp_path: Path, wrong: str, mend: str) -> None:
    path = tmp_path / "evidence.yaml"
    path.write_text(wrong, encoding="utf-8")
    with pytest.raises(DataError, match=mend):
        evidence._table(path)
