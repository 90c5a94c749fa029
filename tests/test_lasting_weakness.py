"""A foot drop or a weak limb on the problem list: a neurologic finding that lasts, and new only with a recent onset."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from mappings.conditions import open_facts
from mappings.records import read_records
from tests.chart_examples import PATIENT, TODAY, code, facts, resource

FEATURES = "symptom.neurologic_features"


def entry(diagnosis: str, *, onset: int | None = None, recorded: int | None = None, **more: Any) -> dict[str, Any]:
    days = {"onsetDateTime": onset, "recordedDate": recorded}
    dated = {name: (TODAY - dt.timedelta(days=ago)).isoformat() for name, ago in days.items() if ago is not None}
    concept = code(snomed=diagnosis) if diagnosis.isdigit() else code(icd10=diagnosis)
    return resource("Condition", "c1", code=concept, **dated, **more)


def unsure(*entries: dict[str, Any]) -> frozenset[str]:
    return open_facts(read_records([PATIENT, *entries], PATIENT["id"]), TODAY)


@pytest.mark.parametrize(
    "diagnosis",
    ["M21.372", "M21.37", "R29.898", "G82.20", "G82.53", "G83.0", "G83.10", "G83.2", "G83.30", "6077001", "249945007",
     "60389000", "1845001", "713514005"],
)  # fmt: skip
@pytest.mark.parametrize("when", [{"recorded": 5}, {"onset": 61}, {"onset": 92}, {}])
def test_weakness_on_the_problem_list_is_a_neurologic_feature(diagnosis: str, when: dict[str, int]) -> None:
    found = facts(entry(diagnosis, **when))
    assert found["exam.neurologic_abnormal"] is True
    assert found[FEATURES] is True


def test_an_old_one_is_none_and_one_that_is_over_neither() -> None:
    assert FEATURES not in facts(entry("M21.372", onset=93))
    over = {"coding": [{"code": "resolved"}]}
    assert FEATURES not in facts(entry("M21.372", recorded=5, clinicalStatus=over))


def test_a_foot_drop_of_recent_onset_is_new() -> None:
    foot = entry("M21.372", onset=60)
    assert facts(foot)["exam.foot_drop_new"] is True
    assert unsure(foot) == frozenset()


@pytest.mark.parametrize("when", [{"recorded": 5}, {"onset": 61}, {}])
def test_one_that_may_or_may_not_be_new_is_not_presumed_to_be_absent(when: dict[str, int]) -> None:
    assert unsure(entry("M21.372", **when)) == {"exam.foot_drop_new"}
    assert unsure(entry("60389000", **when)) == {"exam.bilateral_leg_weakness_acute"}


def test_an_old_one_raises_no_question() -> None:
    assert unsure(entry("M21.372", onset=93)) == frozenset()
    assert unsure(entry("M21.372", recorded=93)) == frozenset()
