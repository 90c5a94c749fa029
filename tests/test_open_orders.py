"""Open orders of the chart keep the drafts company: a pair is a pair, wherever its other half was ordered."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

import criteria
import mappings
from criteria.ratings import Rating, Verdict
from tests.chart_examples import PATIENT, TODAY, code, resource, stated


@pytest.fixture(scope="module")
def library() -> criteria.Library:
    return criteria.load_library()


def draft(cpt: str, name: str = "o1", **more: Any) -> dict[str, Any]:
    reason = more.pop("reason", "C34.90")
    held = {"status": "draft", "intent": "order", "code": code(cpt=cpt), "reasonCode": [code(icd10=reason)]}
    return resource("ServiceRequest", name, **{**held, **more})


def placed(cpt: str, days_ago: int, **more: Any) -> dict[str, Any]:
    day = (TODAY - dt.timedelta(days=days_ago)).isoformat()
    return draft(cpt, "old", status="active", authoredOn=day, **more)


def judged(
    library: criteria.Library, new: dict[str, Any], *chart: dict[str, Any], site: dict[str, Any] | None = None
) -> Verdict:
    together = {**stated("order.session_same_region_and_episode", True), "id": "together"}
    records = mappings.read_records([PATIENT, together, *chart], "p1")
    orders = mappings.read_orders([new], records)
    held = mappings.Chart(records, orders, TODAY, None, site, drafts=[new])
    policy = library.policies.by_id["default"]
    (verdict,) = criteria.judge(held.session, held.facts, library, TODAY, policy=policy)
    return verdict


@pytest.mark.parametrize("days_ago", [0, 3, 180])
def test_a_draft_beside_the_other_half_that_is_ordered_already_is_the_one_refused(
    library: criteria.Library, days_ago: int
) -> None:
    verdict = judged(library, draft("71260"), placed("78815", days_ago))
    assert verdict.rating is Rating.NOT_APPROPRIATE
    assert verdict.alternatives[0].action == "delete"


@pytest.mark.parametrize("days_ago", [181, 800])
def test_an_order_that_was_left_open_long_ago_refuses_nothing(library: criteria.Library, days_ago: int) -> None:
    assert judged(library, draft("71260"), placed("78815", days_ago)).rating is not Rating.NOT_APPROPRIATE
    same = judged(library, draft("72148", reason="M54.50"), placed("72148", days_ago, reason="M54.50"))
    assert "evicore-preface-2021/already_ordered" not in same.criteria


def test_a_site_may_say_how_long_an_open_order_counts(library: criteria.Library) -> None:
    verdict = judged(library, draft("71260"), placed("78815", 40), site={"open_order_days": 30})
    assert verdict.rating is not Rating.NOT_APPROPRIATE


def test_an_order_that_the_draft_replaces_or_changes_does_not_stand_in_its_way(library: criteria.Library) -> None:
    replacing = draft("71260", replaces=[{"reference": "ServiceRequest/old"}])
    assert judged(library, replacing, placed("78815", 3)).rating is not Rating.NOT_APPROPRIATE
    changing = draft("71260", "old")
    assert judged(library, changing, placed("78815", 3)).rating is not Rating.NOT_APPROPRIATE
