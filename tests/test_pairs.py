"""Drafts of one session that may not stand together: the better supported stays, in whatever order they come."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

import criteria
import mappings
from criteria.ratings import Verdict
from service.journal import Judged
from service.journal.explained import from_row, to_row
from service.journal.models import Explanation
from tests.conftest import SERVICE
from tests.requests_loader import load

Json = dict[str, Any]
OURS = "io.github.imaging-cds"
TODAY = dt.date(2026, 6, 1)
NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
LIBRARY = criteria.load_library()
BODY = load("requests/12_mri_and_ct_together.json", TODAY)
"""Low back pain, six weeks treated: all is in order for an MRI of the lumbar spine."""
CPT = "http://www.ama-assn.org/go/cpt"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
FACT = "https://imaging-cds.github.io/fhir/CodeSystem/guideline-fact"
MRI, MRI_BOTH, CT, CT_WITH, NECK_CT, NECK_MRI = "72148", "72158", "72131", "72132", "72125", "72141"
BACK_PAIN, OSTEOPHYTE, TOOTH, NECK = "M54.59", "M25.78", "K08.89", "M54.2"


def draft(code: str, reason: str = BACK_PAIN, name: str = "", **more: Any) -> Json:
    out: Json = copy.deepcopy(BODY["context"]["draftOrders"]["entry"][0]["resource"])
    out |= {"id": name or code, "code": {"coding": [{"system": CPT, "code": code}]}, **more}
    out["reasonCode"] = [{"coding": [{"system": ICD, "code": reason}]}] if reason else []
    return out


def chart(*more: Json, without: Iterable[str] = ()) -> list[Json]:
    held = [
        e["resource"] for key, value in BODY["prefetch"].items() if key != "patient" for e in value.get("entry", ())
    ]
    coded = (r["code"]["coding"][0].get("code") if "code" in r else "" for r in held)
    return [BODY["prefetch"]["patient"], *(r for r, c in zip(held, coded, strict=True) if c not in without), *more]


def fact(name: str, value: bool) -> Json:
    return {
        "resourceType": "Observation", "id": name.replace("_", "-"), "status": "final",
        "code": {"coding": [{"system": FACT, "code": name}]}, "subject": {"reference": "Patient/patient-abel"},
        "effectiveDateTime": str(TODAY), "valueBoolean": value,
    }  # fmt: skip


def session(drafts: Sequence[Json], held: Sequence[Json] | None = None) -> tuple[mappings.Chart, list[Verdict]]:
    records = mappings.read_records(held or chart(), "patient-abel", frozenset())
    seen = mappings.Chart(records, mappings.read_orders(drafts, records), TODAY, drafts=drafts)
    policy = LIBRARY.policies.choose(("default",))
    return seen, criteria.judge(seen.session, seen.facts, LIBRARY, TODAY, policy=policy)


def judged(drafts: Sequence[Json], held: Sequence[Json] | None = None) -> dict[str, Verdict]:
    """The verdicts by the id of their draft."""
    _, verdicts = session(drafts, held)
    return {v.order.removeprefix("ServiceRequest/"): v for v in verdicts}


def ratings(drafts: Sequence[Json], held: Sequence[Json] | None = None) -> dict[str, str | None]:
    return {name: v.rating for name, v in judged(drafts, held).items()}


def stays(verdict: Verdict) -> tuple[str, str] | None:
    """Which order stays beside this one, and why."""
    return (verdict.beside.order.removeprefix("ServiceRequest/"), verdict.beside.why) if verdict.beside else None


def deletes(verdict: Verdict) -> bool:
    return any(a.action == "delete" for a in verdict.alternatives)


BOTH_WAYS = pytest.mark.parametrize("turn", [1, -1])
OPEN_TRIAL = chart(without={"trial_of_treatment.significant_improvement"})
NEITHER = chart(without={"clinical_evaluation.initial_performed"})


@BOTH_WAYS
def test_an_mri_that_is_supported_stays_and_the_ct_that_is_not_is_the_one_too_many(turn: int) -> None:
    found = judged([draft(MRI), draft(CT)][::turn])
    assert found[MRI].rating == "appropriate" and not found[MRI].asks
    assert found[CT].rating == "not-appropriate" and deletes(found[CT])
    assert stays(found[CT]) == (MRI, "supported") and stays(found[MRI]) is None


@BOTH_WAYS
def test_an_mri_with_questions_left_stays_and_the_ct_that_is_refused_goes(turn: int) -> None:
    found = judged([draft(MRI), draft(CT)][::turn], OPEN_TRIAL)
    assert found[MRI].rating == "needs-information" and not deletes(found[MRI])
    assert "documentation.both_studies_required" not in found[MRI].asks
    assert found[CT].rating == "not-appropriate" and stays(found[CT]) == (MRI, "open")


@BOTH_WAYS
def test_a_ct_stays_in_place_of_an_mri_that_is_not_safe(turn: int) -> None:
    found = judged([draft(MRI), draft(CT)][::turn], chart(fact("implant.ferromagnetic", True)))
    assert found[CT].rating == "appropriate"
    assert found[MRI].rating == "not-appropriate" and stays(found[MRI]) == (CT, "supported")


@BOTH_WAYS
def test_of_two_that_are_supported_alike_the_later_one_is_asked_about(turn: int) -> None:
    drafts = [draft(MRI, OSTEOPHYTE), draft(CT, OSTEOPHYTE)][::turn]
    first, later = (judged(drafts)[d["id"]] for d in drafts)
    assert first.rating == "appropriate" and stays(first) is None
    assert later.rating == "needs-information" and stays(later) == (drafts[0]["id"], "first")
    assert "documentation.both_studies_required" in later.asks and deletes(later)


@BOTH_WAYS
def test_both_stay_where_the_guideline_wants_both(turn: int) -> None:
    held = chart(fact("surgery.spinal_fusion.failed_complex", True))
    found = judged([draft(MRI, OSTEOPHYTE), draft(CT, OSTEOPHYTE)][::turn], held)
    assert {v.rating for v in found.values()} == {"appropriate"}


@BOTH_WAYS
def test_of_two_that_are_refused_anyhow_none_is_said_to_stay(turn: int) -> None:
    untreated = {"trial_of_treatment.provider_directed", "trial_of_treatment.duration_weeks"}
    held = chart(fact("trial_of_treatment.provider_directed", False), without=untreated)
    found = judged([draft(MRI), draft(CT)][::turn], held)
    assert {v.rating for v in found.values()} == {"not-appropriate"}
    assert not any(map(stays, found.values()))


@pytest.mark.parametrize("places", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_two_cts_beside_an_mri_that_is_supported_give_way_to_it_both(places: tuple[int, int, int]) -> None:
    drafts = [draft(MRI), draft(CT), draft(CT_WITH)]
    found = judged([drafts[p] for p in places])
    assert {n: v.rating for n, v in found.items()} == {
        MRI: "appropriate", CT: "not-appropriate", CT_WITH: "not-appropriate",
    }  # fmt: skip
    assert stays(found[CT]) == stays(found[CT_WITH]) == (MRI, "supported")


def test_what_gives_way_itself_holds_no_third_draft_back() -> None:
    found = judged([draft(CT, OSTEOPHYTE), draft(MRI, OSTEOPHYTE), draft(CT_WITH, OSTEOPHYTE)])
    assert stays(found[MRI]) == (CT, "first")
    assert stays(found[CT_WITH]) is None


@BOTH_WAYS
def test_drafts_of_different_regions_are_no_pair(turn: int) -> None:
    drafts = [draft(MRI), draft(NECK_CT, NECK)][::turn]
    found = judged(drafts)
    assert found[MRI].rating == "appropriate"
    assert not any(v.beside or deletes(v) for v in found.values())


@BOTH_WAYS
def test_a_study_without_and_with_contrast_beside_the_plain_one_is_judged_by_itself(turn: int) -> None:
    found = judged([draft(MRI), draft(MRI_BOTH)][::turn])
    assert found[MRI].rating == "appropriate" and found[MRI_BOTH].rating == "not-appropriate"


def test_of_two_drafts_of_one_study_the_later_goes() -> None:
    found = judged([draft(MRI, name="a"), draft(MRI, name="b")])
    assert (found["a"].rating, found["b"].rating) == ("appropriate", "not-appropriate")
    assert stays(found["b"]) == ("a", "first")


@BOTH_WAYS
def test_of_two_drafts_of_one_study_the_one_for_a_reason_that_supports_it_stays(turn: int) -> None:
    found = judged([draft(MRI, TOOTH, name="a"), draft(MRI, name="b")][::turn])
    assert (found["a"].rating, found["b"].rating) == ("not-appropriate", "appropriate")
    assert stays(found["a"]) == ("b", "supported")


@BOTH_WAYS
@pytest.mark.parametrize("gone", [{"doNotPerform": True}, {"status": "revoked"}, {"status": "entered-in-error"}])
def test_a_draft_that_is_withdrawn_holds_none_back(turn: int, gone: Json) -> None:
    found = judged([draft(MRI, OSTEOPHYTE, **gone), draft(CT, OSTEOPHYTE)][::turn])
    assert found.keys() == {CT} and found[CT].rating == "appropriate"


@BOTH_WAYS
def test_a_draft_whose_study_or_region_is_not_known_holds_none_back(turn: int) -> None:
    for code in ({"text": "CT"}, {"coding": [{"system": CPT, "code": "76497"}]}):
        drafts = [{**draft(CT, name="unknown"), "code": code}, draft(MRI)][::turn]
        assert ratings(drafts)[MRI] == "appropriate"


@BOTH_WAYS
def test_a_study_that_is_ordered_already_stays_whatever_supports_the_draft(turn: int) -> None:
    ordered = draft(CT, name="old") | {"status": "active", "authoredOn": str(TODAY - dt.timedelta(days=3))}
    drafts = [draft(MRI), draft(NECK_MRI, NECK)][::turn]
    found = judged(drafts, chart(ordered))[MRI]
    assert found.rating == "needs-information" and stays(found) == ("old", "on-file")


@BOTH_WAYS
def test_an_order_that_leaves_its_contrast_open_has_the_support_of_its_levels(turn: int) -> None:
    code = {"coding": [{"system": "http://loinc.org", "code": "24968-0"}]}  # MRI of the lumbar spine
    found = judged([draft(CT), {**draft(MRI), "code": code}][::turn])
    assert found[MRI].because == "study-unrecognised"
    assert [a.study.cpt for a in found[MRI].alternatives if a.study] == [MRI]
    assert found[CT].rating == "not-appropriate" and stays(found[CT]) == (MRI, "open")


@pytest.mark.parametrize("selected", [[MRI], [CT], [MRI, CT]])
@BOTH_WAYS
def test_what_is_selected_does_not_change_which_draft_stays(
    client: FlaskClient, selected: list[str], turn: int
) -> None:
    body = load("requests/12_mri_and_ct_together.json")
    body["hook"] = "order-select"
    body["context"]["selections"] = [f"ServiceRequest/{s}" for s in selected]
    body["context"]["draftOrders"]["entry"] = [{"resource": d} for d in [draft(MRI), draft(CT)][::turn]]
    answer = client.post(f"/cds-services/{SERVICE}", json=body).get_json()
    cards = {c["extension"][OURS]["order"]: c for c in answer["cards"]}
    assert cards.keys() == ({f"ServiceRequest/{CT}"} if CT in selected else set())
    for card in cards.values():
        assert "**MRI lumbar spine without contrast** stays: what is on file supports it" in card["detail"]


@BOTH_WAYS
@pytest.mark.parametrize("reason", [BACK_PAIN, OSTEOPHYTE])
def test_what_is_kept_of_an_answer_gives_the_same_answer_without_the_other_drafts_facts(reason: str, turn: int) -> None:
    drafts = [draft(MRI, reason), draft(CT, reason), draft(CT_WITH, reason)][::turn]
    seen, verdicts = session(drafts)
    for order, verdict in zip(seen.orders, verdicts, strict=True):
        facts = seen.looked_at(order)
        row = to_row(Judged("h", verdict, order, seen.session, facts, "default", TODAY), "m", "t", NOW, "1")
        stored = orjson.loads(orjson.dumps({k: row[k] for k in ("orders", "facts", "unsearched")}))
        kept = from_row(Explanation(**row | stored), LIBRARY)
        assert kept is not None
        [again] = criteria.judge(
            kept.orders, kept.facts, LIBRARY, TODAY, policy=kept.policy, focus={kept.order.reference}, told=kept.apart
        )
        assert (again.rating, again.asks) == (verdict.rating, verdict.asks)
        assert (again.beside and again.beside.why) == (verdict.beside and verdict.beside.why)


SUPPORT = {"appropriate": 2, "not-appropriate": 0}
SESSIONS = st.lists(
    st.tuples(st.sampled_from([MRI, MRI_BOTH, CT, CT_WITH, NECK_CT, NECK_MRI]),
              st.sampled_from([BACK_PAIN, OSTEOPHYTE, TOOTH, NECK, ""])),
    min_size=2, max_size=4,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(codes=SESSIONS, held=st.sampled_from([chart(), OPEN_TRIAL, NEITHER]), data=st.data())
def test_the_order_of_the_drafts_counts_only_between_equals(
    codes: list[tuple[str, str]], held: list[Json], data: st.DataObject
) -> None:
    drafts = [draft(code, reason, name=f"o{n}") for n, (code, reason) in enumerate(codes)]
    alone = [SUPPORT.get(ratings([d], held)[d["id"]] or "", 1) for d in drafts]
    numbers = range(len(drafts))
    places = data.draw(st.permutations(numbers))
    equals = {level: iter([n for n in numbers if alone[n] == level]) for level in set(alone)}
    other = [next(equals[alone[p]]) for p in places]  # those of one level stand among themselves as before
    assert ratings([drafts[n] for n in other], held) == ratings(drafts, held)
