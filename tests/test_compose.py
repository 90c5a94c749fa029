"""Verdicts into the answer: ratings on the order, few cards, and nothing a client could trip over."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from criteria.ratings import Alternative, Because, Note, Rating, Verdict
from criteria.vocabulary import load_vocabulary
from hooks import Keys, Profile, Site
from hooks.actions import AUC, CONSULT, PAMA, QCDSM, RATINGS
from hooks.validate import faults
from tests.hook_examples import (
    CPT,
    CRD_2_0,
    CT,
    KEYS,
    LOINC,
    MRI,
    OURS,
    SANDBOX,
    SITE,
    VIEW,
    XRAY,
    Broken,
    answer,
    draft,
    only_card,
    order,
    ratings,
    request,
    ruling,
    verdict,
)

# --- ratings


def test_an_earlier_rating_is_taken_off_an_order_that_has_none_any_more() -> None:
    ours = [{"url": PAMA, "valueCodeableConcept": {"coding": [{"system": RATINGS, "code": "appropriate"}]}},
            {"url": CONSULT, "valueUri": "urn:uuid:0"}]  # fmt: skip
    theirs = {"url": "http://x", "valueString": "mine"}
    for rating in (Rating.NEEDS_INFORMATION, None):
        (action,) = answer(verdict(rating), to=request(draft(extension=[*ours, theirs])))["systemActions"]
        assert action["type"] == "update" and action["description"]
        assert action["resource"] == draft(extension=[theirs])
        (action,) = answer(verdict(rating), to=request(draft(extension=ours)))["systemActions"]
        assert action["resource"] == draft()
        plain = answer(verdict(rating), to=request(draft(extension=ours)), profile=Profile(ratings=False))
        assert not plain.get("systemActions")


def test_an_earlier_rating_is_taken_off_an_order_that_could_not_be_judged_in_time() -> None:
    ours = {"url": PAMA, "valueCodeableConcept": {"coding": [{"system": RATINGS, "code": "appropriate"}]}}
    out = answer(to=request(draft(extension=[ours])), late=[f"ServiceRequest/{draft()['id']}"])
    (action,) = out["systemActions"]
    assert action["resource"] == draft()


@pytest.mark.parametrize("rating", [Rating.APPROPRIATE, Rating.NOT_APPROPRIATE, Rating.NO_CRITERIA])
def test_a_rating_is_written_onto_the_clients_own_order(rating: Rating) -> None:
    sent = draft(note=[{"text": "keep me"}], extension=[{"url": "http://x", "valueString": "mine"}])
    before = copy.deepcopy(sent)
    out = answer(verdict(rating), to=request(sent), site=replace(SITE, qcdsm="G1234"))
    (action,) = out["systemActions"]
    assert sent == before
    assert out["extension"]["systemActions"] == out["systemActions"]
    assert action["type"] == "update" and action["description"]
    assert {k: v for k, v in action["resource"].items() if k != "extension"} == {
        k: v for k, v in sent.items() if k != "extension"
    }
    extensions = {e["url"]: e for e in action["resource"]["extension"]}
    assert extensions["http://x"]["valueString"] == "mine"
    assert extensions[PAMA]["valueCodeableConcept"] == {"coding": [{"system": RATINGS, "code": rating.value}]}
    assert extensions[CONSULT]["valueUri"].startswith("urn:uuid:")
    assert extensions[QCDSM]["valueString"] == "G1234"
    assert (AUC in extensions) is (rating is not Rating.NO_CRITERIA)
    assert not faults(action["resource"])


def test_an_earlier_rating_of_ours_is_replaced() -> None:
    old = answer(verdict())["systemActions"][0]["resource"]
    out = answer(verdict(Rating.APPROPRIATE), to=request(old))
    assert ratings(out) == ["appropriate"]


def test_an_order_that_needs_information_gets_no_rating_and_one_card() -> None:
    out = answer(verdict(Rating.NEEDS_INFORMATION, because=Because.FACTS_MISSING, asks=("care.seen",)))
    assert "systemActions" not in out and "extension" not in out
    card = only_card(out)
    assert card["indicator"] == "info"
    assert card["summary"].endswith("Was the patient seen again?")
    assert card["extension"][OURS] == {
        "consult": card["extension"][OURS]["consult"],
        "order": "ServiceRequest/order-1",
        "rating": "needs-information",
        "provisional": False,
        "asks": ["care.seen"],
        "criteria": ["spine/sp-5.1"],
        "rows": ["SP-5.1.4"],
    }


def test_orders_out_of_focus_get_neither_rating_nor_card() -> None:
    to = request(draft("order-1"), draft("order-10"), hook="order-select", selections=["ServiceRequest/order-10"])
    out = answer(verdict(), verdict(identity="order-10"), to=to)
    assert [a["resource"]["id"] for a in out["systemActions"]] == ["order-10"]
    assert [c["extension"][OURS]["order"] for c in out["cards"]] == ["ServiceRequest/order-10"]


def test_what_is_no_imaging_gets_nothing() -> None:
    assert answer(verdict(None)) == {"cards": []}


def test_only_the_places_the_client_reads_are_filled() -> None:
    assert "extension" not in answer(verdict(), profile=Profile(system_actions_extension=False))
    assert "systemActions" not in answer(verdict(), profile=Profile(system_actions_top=False))


# --- which cards


SAFETY = Note("safety", "eGFR under 30: weigh the contrast.", "preface/egfr", "PRE-3.mri", "preface")


@pytest.mark.parametrize(
    ("rated", "cards"),
    [
        (verdict(Rating.APPROPRIATE), 0),
        (verdict(Rating.APPROPRIATE, provisional=True, presumes=("flag.fever",)), 0),
        (verdict(Rating.APPROPRIATE, notes=(SAFETY,)), 1),
        (verdict(Rating.APPROPRIATE, notes=(replace(SAFETY, kind="unchecked"),)), 1),
        (verdict(Rating.APPROPRIATE, notes=(replace(SAFETY, kind="document"),)), 0),
        (verdict(Rating.NO_CRITERIA, because=Because.OUT_OF_SCOPE), 0),
        (verdict(Rating.NO_CRITERIA, because=Because.OUT_OF_SCOPE, notes=(replace(SAFETY, kind="unchecked"),)), 0),
        (verdict(Rating.NO_CRITERIA, because=Because.PEDIATRIC), 1),
        (verdict(Rating.NO_CRITERIA, because=Because.OTHER_GUIDELINE), 1),
        (verdict(), 1),
        (verdict(Rating.NEEDS_INFORMATION, because=Because.REASON_MISSING), 1),
        (verdict(None), 0),
    ],
)
def test_cards_are_few(rated: Verdict, cards: int) -> None:
    assert len(answer(rated, unread=["MedicationRequest"])["cards"]) == cards


def test_a_setting_turns_on_a_word_for_appropriate_orders() -> None:
    out = answer(verdict(Rating.APPROPRIATE, because=Because.PATHWAY_MET), site=replace(SITE, confirm_appropriate=True))
    card = only_card(out)
    assert card["indicator"] == "info"
    assert "overrideReasons" not in card


@pytest.mark.parametrize(
    ("rated", "indicator", "topic"),
    [
        (verdict(), "warning", "off-guideline"),
        (verdict(because=Because.SAFETY, safety_critical=True), "critical", "contraindication"),
        (verdict(Rating.APPROPRIATE, notes=(replace(SAFETY, critical=True),)), "critical", "contraindication"),
        (verdict(Rating.APPROPRIATE, notes=(SAFETY,)), "warning", "guideline"),
        (verdict(Rating.NEEDS_INFORMATION), "info", "appropriate-use"),
        (verdict(Rating.NO_CRITERIA, because=Because.PEDIATRIC), "info", "guideline"),
    ],
)
def test_urgency_and_topic_follow_the_verdict(rated: Verdict, indicator: str, topic: str) -> None:
    card = only_card(answer(rated))
    assert (card["indicator"], card["source"]["topic"]["code"]) == (indicator, topic)


# --- what a card says


def test_a_card_names_the_order_the_alternative_the_section_and_the_edition() -> None:
    card = only_card(answer(verdict()))
    assert card["summary"] == "Change CT lumbar spine without contrast to MRI lumbar spine without contrast"
    assert card["detail"].startswith("**CT lumbar spine without contrast** for low back pain")
    assert "Example Spine Guideline V2, SP-5.1" in card["detail"]
    assert card["source"]["label"] == "Example Spine Guideline V2"


def test_a_pathway_that_is_not_met_is_not_quoted_as_if_it_held() -> None:
    unmet = replace(ruling("Never said.", "SP-9"), truth=None)
    detail = only_card(answer(verdict(rulings=(ruling("It holds."), unmet))))["detail"]
    assert "It holds" in detail and "Never said" not in detail and "SP-9" in detail


def test_an_answer_of_several_guidelines_that_no_rule_decided_names_none_as_its_only_source() -> None:
    silent = verdict(rulings=(), alternatives=(), guidelines=("preface", "spine"))
    card = only_card(answer(silent))
    assert card["source"]["label"] == "Imaging guidelines"
    assert "Example Spine Guideline V2" in card["detail"] and "Example Preface 2021" in card["detail"]


def test_safety_comes_first_and_presumptions_are_told_apart() -> None:
    told = verdict(provisional=True, presumes=("flag.fever", "plan.change"), notes=(SAFETY,), message="Not for this.")
    detail = only_card(answer(told))["detail"]
    assert detail.index("eGFR under 30") < detail.index("Not for this") < detail.index("The patient has a fever")
    assert "By ordering, you state:**\n- The result changes the plan" in detail


def test_what_could_not_be_read_is_named_on_cards_that_exist_anyway() -> None:
    detail = only_card(
        answer(verdict(), unread=["MedicationRequest", "Something"], set_aside=[Broken("Condition/9", "no code")])
    )["detail"]
    assert "Medications could not be read" in detail and "Other records" in detail and "Condition/9" in detail


def test_a_policys_notice_stands_on_its_cards() -> None:
    noticed = only_card(answer(verdict(), library_view=replace(VIEW, notice="medicare")))
    assert "CMS coverage policies" in noticed["detail"]
    assert "CMS" not in only_card(answer(verdict()))["detail"]


def test_text_from_outside_cannot_become_markup() -> None:
    evil = "<script>x</script> [go](http://evil) **b**"
    told = verdict(message=evil, notes=(replace(SAFETY, text=evil),), rulings=(ruling(evil),))
    to = request(draft(code={"text": evil}))
    card = only_card(answer(told, to=to, orders=(order(None),), set_aside=[Broken(evil, evil)]))
    assert "<" not in card["detail"] and "](" not in card["detail"].replace("\\](", "")
    assert "<" not in card["summary"]


def test_an_unrecognised_order_is_named_as_the_client_shows_it() -> None:
    to = request(draft(code={"coding": [{"system": "urn:oid:1.2", "code": "X", "display": "CT L-spine local"}]}))
    rated = verdict(Rating.NEEDS_INFORMATION, because=Because.STUDY_UNRECOGNISED)
    assert "CT L-spine local" in only_card(answer(rated, to=to, orders=(order(None),)))["summary"]
    nameless = request(draft(code={"coding": [{}]}))
    assert "this imaging order" in only_card(answer(rated, to=nameless, orders=()))["summary"]


def test_what_nobody_is_asked_for_by_the_vocabulary_is_asked_for_in_plain_words() -> None:
    real = replace(VIEW, vocabulary=load_vocabulary())
    for fact, says in (
        ("patient.age_years", "When was the patient born?"),
        ("order.study", "Which one study is ordered?"),
    ):
        asking = verdict(Rating.NEEDS_INFORMATION, because=Because.FACTS_MISSING, asks=(fact,))
        assert says in only_card(answer(asking, library_view=real))["summary"]


def test_words_that_may_mean_several_studies_are_not_called_unknown() -> None:
    rated = verdict(Rating.NEEDS_INFORMATION, because=Because.STUDY_UNRECOGNISED)
    summary = only_card(answer(rated, orders=(replace(order(None), candidates=(MRI, CT)),)))["summary"]
    assert "one of several" in summary and "not recognised" not in summary


def test_each_reason_for_a_rating_has_its_own_summary() -> None:
    said = {
        b: only_card(answer(verdict(r, because=b)))["summary"]
        for r, b in [
            (Rating.NOT_APPROPRIATE, Because.CODING),
            (Rating.NOT_APPROPRIATE, Because.COMBINATION),
            (Rating.NOT_APPROPRIATE, Because.SAFETY),
            (Rating.NEEDS_INFORMATION, Because.REASON_MISSING),
            (Rating.NEEDS_INFORMATION, Because.REASON_UNMAPPED),
            (Rating.NEEDS_INFORMATION, Because.STUDY_UNRECOGNISED),
            (Rating.NO_CRITERIA, Because.PEDIATRIC),
            (Rating.NO_CRITERIA, Because.OTHER_GUIDELINE),
        ]
    }
    assert len(set(said.values())) == len(said)
    assert "ediatric" in said[Because.PEDIATRIC] and "reason" in said[Because.REASON_MISSING]


def test_the_order_itself_is_never_its_own_alternative() -> None:
    told = verdict(alternatives=(Alternative(CT, Rating.APPROPRIATE),))
    card = only_card(answer(told))
    assert "suggestions" not in card
    assert "names no other study" in card["detail"]


# --- suggestions


def test_a_suggestion_is_the_whole_order_with_another_code() -> None:
    sent = draft(code={"coding": [{"system": LOINC, "code": "30620-9"}, {}]}, bodySite=[{"text": "low back"}])
    card = only_card(answer(verdict(), to=request(sent)))
    (suggestion,) = card["suggestions"]
    (action,) = suggestion["actions"]
    resource = action["resource"]
    assert card["selectionBehavior"] == "at-most-one"
    assert suggestion["isRecommended"] and suggestion["label"] == "Change to MRI lumbar spine without contrast"
    assert [(c["system"], c["code"]) for c in resource["code"]["coding"]] == [(CPT, "72148"), (LOINC, "30679-5")]
    assert all(c["display"] == MRI.name for c in resource["code"]["coding"])
    assert resource["bodySite"] == sent["bodySite"] and resource["id"] == "order-1"
    assert resource["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "appropriate"
    assert not faults(resource)


def test_a_body_site_that_contradicts_the_new_study_goes() -> None:
    told = verdict(alternatives=(Alternative(XRAY, Rating.APPROPRIATE),))
    card = only_card(answer(told, to=request(draft(bodySite=[{"text": "low back"}]))))
    assert "bodySite" not in card["suggestions"][0]["actions"][0]["resource"]


def test_a_suggestion_that_still_needs_answers_carries_no_rating() -> None:
    told = verdict(alternatives=(Alternative(MRI, Rating.NEEDS_INFORMATION, ("care.seen",)),))
    (suggestion,) = only_card(answer(told))["suggestions"]
    assert "more to answer" in suggestion["label"]
    assert "extension" not in suggestion["actions"][0]["resource"]


def test_delete_and_create_are_offered_where_the_client_takes_them() -> None:
    told = verdict(
        because=Because.COMBINATION,
        alternatives=(
            Alternative(None, Rating.APPROPRIATE, action="delete"),
            Alternative(XRAY, Rating.APPROPRIATE, action="create"),
        ),
    )
    gone, added = only_card(answer(told))["suggestions"]
    assert gone["actions"][0]["type"] == "delete"
    assert gone["actions"][0]["resourceId"] == "ServiceRequest/order-1"
    new = added["actions"][0]["resource"]
    assert "id" not in new and new["subject"] == {"reference": "Patient/pat-1"} and not faults(new)
    assert "suggestions" not in only_card(answer(told, profile=SANDBOX))


def test_a_study_without_any_code_is_named_but_not_suggested() -> None:
    bare = replace(MRI, codes={})
    card = only_card(answer(verdict(alternatives=(Alternative(bare, Rating.APPROPRIATE),))))
    assert "suggestions" not in card and MRI.name in card["detail"]


def test_a_suggestion_that_is_not_valid_fhir_is_left_out_and_reported() -> None:
    dropped: list[str] = []
    bad = replace(MRI, codes={"cpt": (72148,)})  # type: ignore[dict-item]
    card = only_card(answer(verdict(alternatives=(Alternative(bad, Rating.APPROPRIATE),)), on_drop=dropped.append))
    assert "suggestions" not in card
    assert dropped == ["suggestion"]


# --- links, reasons, ids


def test_links_go_to_the_section_and_to_the_app_with_an_opaque_context() -> None:
    card = only_card(answer(verdict(Rating.NEEDS_INFORMATION, asks=("care.seen",))))
    smart, section, consult = card["links"]
    assert smart["type"] == "smart" and "pat-1" not in smart["appContext"]
    assert section["url"] == "https://cds.example/guidelines/spine#SP-5.1"
    assert "appContext" not in section
    assert consult["url"].startswith("https://cds.example/consults/")
    assert card["extension"][OURS]["consult"].removeprefix("urn:uuid:") not in consult["url"]


@pytest.mark.parametrize("rating", [Rating.NEEDS_INFORMATION, Rating.NOT_APPROPRIATE])
def test_a_crd_client_never_gets_both_kinds_of_links_on_one_card(rating: Rating) -> None:
    card = only_card(answer(verdict(rating, asks=("care.seen",)), profile=CRD_2_0))
    assert len({link["type"] for link in card["links"]}) == 1


def test_without_pages_there_are_no_links() -> None:
    assert "links" not in only_card(answer(verdict(asks=("care.seen",)), site=Site()))


def test_ids_stay_while_nothing_changes_and_differ_between_orders_and_tenants() -> None:
    first = answer(verdict())
    again = answer(verdict(), to=request(answer(verdict())["systemActions"][0]["resource"]))
    assert json.dumps(first["cards"]) == json.dumps(again["cards"])
    uuids = {
        only_card(out)["uuid"]
        for out in (
            first,
            answer(verdict(), keys=Keys("clinic-b", KEYS.secret)),
            answer(verdict(), keys=Keys("clinic-a", b"another secret, long enough")),
            answer(verdict(), to=request(draft(priority="urgent"))),
            answer(verdict(asks=("care.seen",))),
        )
    }
    assert len(uuids) == 5


def test_every_card_names_its_order_by_reference() -> None:
    assert only_card(answer(verdict()))["extension"]["davinci-crd.associated-resource"] == ["ServiceRequest/order-1"]
