"""Several findings in one reason: each is read by itself, with its own doubt, denial, history or relative."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from criteria.reading import read_yaml
from mappings.attested import vocabulary
from mappings.diagnoses import indications
from mappings.phrases import proposals

REASONS: list[dict[str, Any]] = read_yaml(Path(__file__).parent / "data" / "combined_reasons.yaml")


def proposed(text: str) -> set[str]:
    """Indications by name; facts by name, and with their value."""
    out: set[str] = set()
    for one in proposals(text):
        out |= {one.name} if one.kind == "indication" else {one.name, f"{one.name}={str(one.value).lower()}"}
    return out


def test_the_list_names_what_there_is() -> None:
    listed = [name for r in REASONS for name in (*"|".join(r["must"]).split("|"), *r.get("never", ()))]
    named = {name.partition("=")[0] for name in listed}
    assert len(REASONS) == 40
    assert {n for n in named if n not in indications() and n not in vocabulary()} == set()


@pytest.mark.parametrize("reason", REASONS, ids=lambda r: r["text"])
def test_each_finding_of_a_reason_is_read_by_itself(reason: dict[str, Any]) -> None:
    found = proposed(reason["text"])
    assert [name for name in reason["must"] if found.isdisjoint(name.split("|"))] == []
    assert found & set(reason.get("never", ())) == set()


@pytest.mark.parametrize("link", [", ", "; ", ". ", " and ", " / "])
@pytest.mark.parametrize(
    ("first", "then", "stays", "never"),
    [
        ("no fever", "IVDU", "symptom.fever=false", "history.iv_drug_use=false"),
        ("denies numbness", "PT without relief", "trial_of_treatment.physical_or_occupational_therapy=true", ""),
        ("denies numbness", "no trauma", "trauma.present=false", ""),
        ("denies numbness", "has a pacemaker", "implant.pacemaker=true", ""),
        ("denies numbness", "suspected discitis", "infection.spinal_suspected=true", ""),
        (
            "family history of cancer",
            "R leg weakness x3d",
            "exam.extremity_weakness=true",
            "malignancy.current_or_past",
        ),
        ("mother had MS", "R leg weakness for 3 days", "exam.extremity_weakness=true", "multiple_sclerosis"),
        ("mother had MS", "?cauda equina", "cauda_equina_syndrome", "multiple_sclerosis"),
        ("eval for fx T12", "low back pain", "thoracic_vertebral_fracture", "lumbar_vertebral_fracture"),
        ("LBP x 8 wk", "hx breast ca", "malignancy.current_or_past=true", "malignancy.known"),
    ],
)
def test_however_two_findings_are_joined(first: str, then: str, link: str, stays: str, never: str) -> None:
    found = proposed(first + link + then)
    assert stays in found
    assert never not in found


@pytest.mark.parametrize("text", ["s/p fall 2015", "status post fall in 2019, LBP", "s/p fall 3 years ago"])
def test_an_accident_of_long_ago_is_none_of_today(text: str) -> None:
    assert "trauma.present=true" not in proposed(text)
