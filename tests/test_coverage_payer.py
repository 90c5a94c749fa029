"""The payer by the policy ids of the coverages in force."""

from __future__ import annotations

import pytest

from tests.chart_examples import covered, facts


@pytest.mark.parametrize(
    ("policy", "payer"),
    [("cigna-evicore", "cigna"), ("healthhelp", "healthhelp"), ("medicare", "medicare"), ("spine-digest", "other")],
)
def test_the_payer_is_told_by_our_policy_id(policy: str, payer: str) -> None:
    assert facts(covered(policy=policy))["coverage.payer"] == payer


def test_a_coverage_without_a_policy_id_or_no_longer_in_force_tells_no_payer() -> None:
    assert "coverage.payer" not in facts(covered("512"))
    assert "coverage.payer" not in facts(covered(policy="healthhelp", status="cancelled"))
