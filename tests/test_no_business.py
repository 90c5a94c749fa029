"""What else the chart holds makes no guideline speak to a study whose reason is none of its business."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

import criteria
import mappings
from criteria.policies import Policy
from criteria.ratings import Because, Rating, Verdict
from tests.chart_examples import PATIENT, TODAY, code, condition, report, resource, stated

BESIDES: dict[str, list[dict[str, Any]]] = {
    "nothing": [],
    "an accident": [condition("V43.52XA", 1), condition("S39.012A", 1)],
    "a broken neck": [condition("S12.9XXA", 1)],
    "a fracture that does not heal": [condition("S72.001K", 90)],
    "diabetes": [condition("E11.9", 900)],
    "an allergy to contrast": [resource("AllergyIntolerance", code={"text": "IV contrast dye"})],
    "weak kidneys": [condition("N18.4", 900)],
    "a pacemaker": [condition("Z95.0", 900)],
    "a heart valve": [condition("Z95.2", 900)],
    "cancer in the past": [condition("Z85.3", 900)],
    "cancer": [condition("C50.911", 300), condition("C79.51", 100)],
    "an unclear study before": [
        report("70551", 5, conclusionCode=[code(snomed="82334004")]),
        report("74176", 5, conclusionCode=[code(snomed="82334004")]),
        stated("prior_imaging.mri.completion_needed", False),
    ],
    "a planned operation": [stated("treatment_plan.surgery", True), stated("treatment_plan.procedure", True)],
    "a trial": [
        stated("order.part_of_clinical_trial", True),
        stated("order.clinical_trial_cms_ced_approved", True),
    ],
    "very old age": [stated("patient.very_elderly", True)],
}
REASONS = (
    "S06.0X0A", "S02.2XXA", "N20.0", "J18.9", "I63.9", "R51.9", "M25.561", "S82.101A", "R10.31", "S32.810A", "S52.501A",
    "S22.41XA",
)  # fmt: skip
STUDIES = (
    "70450", "70460", "70551", "70553", "70486", "71250", "71260", "71046", "74176", "74177", "74183", "72192", "72195",
    "73700", "73701", "73721", "73723", "73200", "73560", "70544", "74175", "76700", "78306", "78815",
)  # fmt: skip
WHATEVER_THE_REASON = {Because.EXCLUSION, Because.SAFETY, Because.CODING, Because.COMBINATION}


@pytest.fixture(scope="module")
def library() -> criteria.Library:
    return criteria.load_library()


@pytest.mark.parametrize("besides", BESIDES)
@pytest.mark.parametrize("policy", ["default", "spine-digest"])
def test_no_criteria_apply_whatever_else_is_on_file(library: criteria.Library, policy: str, besides: str) -> None:
    chosen = library.policies.by_id[policy]
    spoken = []
    for reason, study in product(REASONS, STUDIES):
        verdict = judged(library, chosen, BESIDES[besides], reason, study)
        if verdict.rating is not Rating.NO_CRITERIA and verdict.because not in WHATEVER_THE_REASON:
            spoken.append((reason, study, verdict.rating, verdict.because, verdict.criteria))
    assert not spoken


def judged(
    library: criteria.Library, policy: Policy, besides: list[dict[str, Any]], reason: str, study: str
) -> Verdict:
    draft = resource(
        "ServiceRequest", "o1", status="draft", intent="order", code=code(cpt=study), reasonCode=[code(icd10=reason)]
    )
    records = mappings.read_records([PATIENT, *({**r, "id": f"r{n}"} for n, r in enumerate(besides))], "p1")
    (order,) = mappings.read_orders([draft], records)
    assert order.reasons[0].status == "other", reason
    chart = mappings.Chart(records, [order], TODAY, None, drafts=[draft])
    (verdict,) = criteria.judge([order], chart.facts, library, TODAY, policy=policy)
    return verdict


NEED = "contrast.need_outweighs_fetal_risk"


@pytest.mark.parametrize(
    ("said", "rating", "asks"),
    [
        ([], Rating.NEEDS_INFORMATION, (NEED,)),
        ([stated(NEED, False)], Rating.NOT_APPROPRIATE, ()),
        ([stated(NEED, True)], Rating.NO_CRITERIA, ()),
    ],
)
def test_contrast_ct_in_pregnancy_waits_for_the_weighing_whatever_the_reason(
    library: criteria.Library, said: list[dict[str, Any]], rating: Rating, asks: tuple[str, ...]
) -> None:
    verdict = judged(library, library.policies.by_id["default"], [condition("Z33.1", 50), *said], "R10.9", "74177")
    assert (verdict.rating, verdict.asks) == (rating, asks)


def test_plain_ct_in_pregnancy_waits_for_nothing(library: criteria.Library) -> None:
    verdict = judged(library, library.policies.by_id["default"], [condition("Z33.1", 50)], "R10.9", "74176")
    assert verdict.rating is Rating.NO_CRITERIA
