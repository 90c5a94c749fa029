"""The answer for clients with ways of their own, and the rules of CDS Hooks that every answer keeps."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from criteria.ratings import Alternative, Because, Note, Rating, Verdict
from hooks import Profile, compose_failed
from hooks.actions import PAMA
from hooks.validate import faults
from tests.hook_examples import (
    CT,
    KEYS,
    MRI,
    PROFILES,
    SANDBOX,
    SITE,
    XRAY,
    answer,
    draft,
    only_card,
    ratings,
    request,
    ruling,
    verdict,
)

# --- the public sandbox


def test_the_sandbox_always_gets_a_rating() -> None:
    empty = draft(code={"coding": [{}]}, reasonCode=[])
    assert ratings(answer(verdict(None), to=request(empty), orders=(), profile=SANDBOX)) == ["needs-information"]
    assert ratings(answer(verdict(None), profile=SANDBOX)) == ["no-criteria-apply"]
    assert ratings(answer(verdict(Rating.NEEDS_INFORMATION), profile=SANDBOX)) == ["needs-information"]


def test_what_the_sandbox_applies_has_all_that_it_reads_without_looking() -> None:
    told = verdict(alternatives=(Alternative(MRI, Rating.NEEDS_INFORMATION),))
    reasons: tuple[list[Any], ...] = ([{"text": "pain"}], [])
    for reason in reasons:
        card = only_card(answer(told, to=request(draft(reasonCode=reason)), profile=SANDBOX))
        (action,) = card["suggestions"][0]["actions"]
        resource = action["resource"]
        assert [e["url"] for e in resource["extension"]].count(PAMA) == 1
        assert resource["code"]["coding"][0]["display"]
        assert isinstance(resource["reasonCode"], list) and all(r["coding"][0] for r in resource["reasonCode"])


def test_a_failure_is_said_plainly_where_an_error_would_leave_an_old_rating() -> None:
    out = compose_failed(request(), profile=SANDBOX, site=SITE, keys=KEYS)
    assert ratings(out) == ["needs-information"]
    assert only_card(out)["indicator"] == "warning"
    assert not faults(out["systemActions"][0]["resource"])


# --- everything at once


def _empties(value: Any, path: str = "") -> list[str]:
    if path and path != ".cards" and value in (None, "", [], {}):
        return [path]
    if isinstance(value, dict):
        return [e for k, v in value.items() for e in _empties(v, f"{path}.{k}")]
    if isinstance(value, list):
        return [e for n, v in enumerate(value) for e in _empties(v, f"{path}[{n}]")]
    return []


words = st.text(max_size=200)
notes = st.builds(
    Note, st.sampled_from(["safety", "unchecked", "document", "remark"]), words, st.just("c"), words,
    st.sampled_from(["spine", "preface", "unlisted"]), critical=st.booleans(),
)  # fmt: skip
alternatives = st.builds(
    Alternative, st.sampled_from([MRI, CT, XRAY, None]), st.sampled_from(list(Rating)), st.just(()),
    st.sampled_from(["update", "delete", "create"]), st.sampled_from(["spine/x", ""]), words,
)  # fmt: skip
names = st.lists(st.sampled_from(["care.weeks", "care.seen", "flag.fever", "plan.change", "no.such"]), unique=True)
verdicts = st.builds(
    Verdict, st.just("ServiceRequest/order-1"), st.sampled_from([*Rating, None]), st.sampled_from([*Because, None]),
    st.booleans(), names.map(tuple), names.map(tuple),
    st.lists(words.map(ruling), max_size=3).map(tuple), st.lists(notes, max_size=3).map(tuple),
    st.lists(alternatives, max_size=4).map(tuple), st.sampled_from([(), ("spine",), ("unlisted", "preface")]), words,
    st.booleans(),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(rated=verdicts, profile=st.sampled_from(PROFILES))
def test_every_verdict_makes_an_answer_that_keeps_the_rules_of_cds_hooks(rated: Verdict, profile: Profile) -> None:
    dropped: list[str] = []
    out = answer(rated, profile=profile, on_drop=dropped.append, unread=["Condition"])
    assert not dropped
    assert [e for e in _empties(out) if e != ".systemActions" or not profile.crd] == []
    json.dumps(out)
    for card in out["cards"]:
        assert 0 < len(card["summary"]) < 140 and card["uuid"] and card["source"]["label"]
        assert set(card["source"]["topic"]) == {"system", "code", "display"}
        assert card["indicator"] in ("info", "warning", "critical")
        assert "<" not in card["detail"]
        for suggestion in card.get("suggestions", []):
            for action in suggestion["actions"]:
                assert action["description"]
                assert "resource" not in action or not faults(action["resource"])
        assert all(r["display"] for r in card.get("overrideReasons", []))
    for action in out.get("systemActions", []):
        assert not faults(action["resource"])
