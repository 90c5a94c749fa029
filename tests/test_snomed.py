"""SNOMED CT reasons, held against what was judged concept by concept without the tables (snomed_judged.csv)."""

from __future__ import annotations

from collections import defaultdict

import pytest

from criteria.orders import Reason
from mappings.diagnoses import CODES, indications, of_snomed, rows
from mappings.reasons import read_reasons
from mappings.records import read_records
from tests.test_code_tables import table, verhoeff

CLASSES = ("spine", "covered", "oncology", "fact", "other", "unspecific")
NO_CHART = read_records([{"resourceType": "Patient", "id": "p"}], "p")


def judged() -> dict[str, list[str]]:
    """The judged concepts by class."""
    found: dict[str, list[str]] = defaultdict(list)
    for _, (code, named) in rows(CODES / "snomed_judged.csv", ("code", "class")):
        found[named].append(code)
    return found


JUDGED = judged()


def reason(code: str) -> Reason:
    """How an order is read whose only reason is the concept."""
    concept = {"coding": [{"system": "http://snomed.info/sct", "code": code}]}
    return read_reasons({"resourceType": "ServiceRequest", "id": "o", "reasonCode": [concept]}, NO_CHART)[0]


def fields(code: str) -> set[str]:
    """The clinical fields of the indications that the concept is."""
    return {indications()[name].category for name in reason(code).indications}


def test_each_concept_is_judged_once_and_the_whole_list_is() -> None:
    codes = [code for class_ in JUDGED.values() for code in class_]
    assert set(JUDGED) == set(CLASSES)
    assert len(codes) == len(set(codes)) == 6482
    assert [code for code in codes if not verhoeff(code)] == []


def test_what_concerns_the_spine_is_an_indication_of_the_spine() -> None:
    missed = [code for code in JUDGED["spine"] if "spine" not in fields(code)]
    assert len(missed) <= 0.02 * len(JUDGED["spine"]), missed


@pytest.mark.parametrize("class_", ["oncology", "fact", "other", "unspecific"])
def test_nothing_else_is_an_indication_of_the_spine(class_: str) -> None:
    assert [code for code in JUDGED[class_] if "spine" in fields(code)] == []


def test_every_cancer_is_an_indication_of_oncology() -> None:
    assert [code for code in JUDGED["oncology"] if "oncology" not in fields(code)] == []


def test_what_a_guideline_asks_about_is_covered() -> None:
    assert [code for code in JUDGED["covered"] if reason(code).status != "covered"] == []


@pytest.mark.parametrize("class_", ["fact", "other"])
def test_what_is_nobodys_business_is_other(class_: str) -> None:
    assert [code for code in JUDGED[class_] if reason(code).status != "other"] == []


def test_what_says_too_little_is_asked_about() -> None:
    assert [code for code in JUDGED["unspecific"] if reason(code).status != "unmapped"] == []


def test_a_fact_is_stated() -> None:
    assert [code for code in JUDGED["fact"] if (said := of_snomed(code)) is None or not said.facts] == []


def test_other_states_nothing() -> None:
    assert [code for code in JUDGED["other"] if of_snomed(code)] == []


def test_no_concept_stands_in_two_tables() -> None:
    common, cancers = ([c[0] for c in table(name)] for name in ("snomed.csv", "snomed_cancer.csv"))
    other = [c[0] for c in table("snomed_other.csv", ("code",))]
    assert set(cancers).isdisjoint(common) and set(cancers).isdisjoint(other)
    assert [code for code in cancers if not verhoeff(code)] == []


def test_the_long_tail_of_cancers_is_oncology_and_not_the_spine() -> None:
    fields_of = {code: fields(code) for code, *_ in table("snomed_cancer.csv")}
    assert [code for code, found in fields_of.items() if found != {"oncology"}] == []


@pytest.mark.parametrize(
    ("code", "indication"),
    [
        ("449813001", "saddle_anesthesia"),
        ("282784007", "tethered_cord"),
        ("202820009", "atlantoaxial_disorder"),
        ("433691000124104", "intracranial_hypotension"),
        ("94600009", "spinal_metastasis"),
        ("76916001", "spinal_dysraphism"),
        ("1427008", "spinal_infection"),
        ("1734006", "spinal_cord_injury"),
        ("424132000", "non_small_cell_lung_cancer"),
        ("67841000119103", "metastatic_cancer"),
        ("353431000119107", "breast_cancer"),
    ],
)
def test_concepts_of_real_charts_are_known(code: str, indication: str) -> None:
    assert indication in reason(code).indications
