"""Results that are too old for every reader are let go of before they are read; all others still count."""

from __future__ import annotations

import pytest

from mappings import consciousness, laboratory, pain, pregnancy, vitals
from mappings.observations import PRESENT_PROBLEM_DAYS
from mappings.tables import read_table
from mappings.telling import DAYS
from tests.chart_examples import chart, facts, observation
from tests.test_laboratory import CREATININE, flagged

READERS = {
    **dict.fromkeys(("coma", *consciousness.PARTS), consciousness.COMA_DAYS),
    "temperature": vitals.FEVER_DAYS,
    "neck_disability": pain.PAIN_DAYS,
    **dict.fromkeys(("pregnancy_test", "hcg"), pregnancy.TEST_DAYS),
    **dict.fromkeys(("crp", "esr", "culture", *laboratory.BLOOD_COUNT), PRESENT_PROBLEM_DAYS),
    "pregnancy": pregnancy.STATUS_DAYS,
    **dict.fromkeys(("height", "bmi"), vitals.BUILD_DAYS),
    "weight": max(vitals.BUILD_DAYS, vitals.WEIGHT_DAYS + vitals.WEIGHT_LOSSES[-1][0]),
}
"""How far back the readers look, where they look back so far and no further."""


def test_no_result_is_let_go_of_that_a_reader_would_look_at() -> None:
    assert DAYS == READERS
    assert set(DAYS) <= {means for held in read_table("findings").exact.values() for means in held}


@pytest.mark.parametrize(("ago", "told"), [(365, 1), (366, 0)])
def test_a_broken_weight_is_told_only_while_a_reader_would_look_at_it(ago: int, told: int) -> None:
    assert len(chart(observation("29463-7", 80, None, ago, valueQuantity={"value": 80, "code": 7})).set_aside) == told


def test_an_old_result_of_a_kind_without_an_age_limit_still_counts() -> None:
    assert facts(flagged(CREATININE, "H", ago=900))["renal.creatinine_elevated"] is True
