"""The answer for Da Vinci CRD clients: coverage information in both versions, cards, links and what a call asks for."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from criteria.ratings import Alternative, Because, Rating
from hooks import Insured, Profile, Site, compose_failed
from hooks.actions import PAMA
from hooks.coverage import COVERAGE_INFORMATION
from hooks.request import read_request
from hooks.validate import faults
from tests.hook_examples import (
    BOTH,
    CRD_2_0,
    CRD_2_2,
    CT,
    KEYS,
    MRI,
    SITE,
    answer,
    body,
    draft,
    only_card,
    order,
    request,
    verdict,
)

TODAY = dt.date(2026, 3, 4)
TWO = (Insured("Coverage/1", "Example Health"), Insured("Coverage/2", "Second Health"))
BOTH_VERSIONS = pytest.mark.parametrize("profile", [CRD_2_0, CRD_2_2], ids=lambda p: p.name)
FORMS = Site(questionnaires="https://cds.example/fhir/Questionnaire")
Json = dict[str, Any]


def told(*verdicts: Any, profile: Profile = CRD_2_2, coverages: Any = TWO[:1], today: Any = TODAY, **more: Any) -> Json:
    return answer(*verdicts, profile=profile, coverages=coverages, today=today, **more)


def statements(out: Json) -> list[dict[str, Any]]:
    """Each statement: part -> value, or a list of values where the part stands several times."""
    found = []
    for action in out.get("systemActions", []):
        for extension in action["resource"]["extension"]:
            if extension["url"] == COVERAGE_INFORMATION:
                parts: dict[str, Any] = {}
                for part in extension["extension"]:
                    value = next(v for k, v in part.items() if k != "url")
                    held = parts.get(part["url"])
                    parts[part["url"]] = (
                        value if held is None else [*(held if isinstance(held, list) else [held]), value]
                    )
                found.append(parts)
    return found


def asking(**configuration: Any) -> Any:
    sent = body() | {"extension": {"davinci-crd.configuration": configuration}}
    return read_request(sent, BOTH)


# --- coverage information


@BOTH_VERSIONS
@pytest.mark.parametrize("rating", [*Rating, None])
def test_every_order_gets_one_statement_per_coverage_on_one_update(rating: Rating | None, profile: Profile) -> None:
    out = told(verdict(rating), profile=profile, coverages=TWO)
    (action,) = out["systemActions"]
    assert action["type"] == "update"
    first, second = statements(out)
    assert (first["covered"], first["pa-needed"], first["date"]) == ("conditional", "conditional", "2026-03-04")
    assert first["coverage"] == {"reference": "Coverage/1"}
    assert first["reason"]["text"]
    assert first["coverage-assertion-id"] != second["coverage-assertion-id"]
    assert not faults(action["resource"])


@BOTH_VERSIONS
@pytest.mark.parametrize("rating", [*Rating, None])
def test_nothing_but_extensions_changes_on_the_order(rating: Rating | None, profile: Profile) -> None:
    (action,) = told(verdict(rating), profile=profile)["systemActions"]
    assert {k: v for k, v in action["resource"].items() if k != "extension"} == draft()


def test_crd_2_2_adds_nothing_but_coverage_information() -> None:
    foreign = {"url": "https://ehr.example/x", "valueBoolean": True}
    rated = {"url": PAMA, "valueCodeableConcept": {"text": "an earlier rating of somebody"}}
    sent = draft(extension=[foreign, rated])
    (action,) = told(verdict(), to=request(sent))["systemActions"]
    assert action["resource"]["extension"][:2] == [foreign, rated]
    assert [e["url"] for e in action["resource"]["extension"][2:]] == [COVERAGE_INFORMATION]


@BOTH_VERSIONS
def test_what_was_said_is_not_said_again_until_something_is_new(profile: Profile) -> None:
    (action,) = told(verdict(), profile=profile)["systemActions"]
    later = dt.date(2026, 3, 9)
    again = told(verdict(), profile=profile, to=request(action["resource"]), today=later)
    assert again["systemActions"] == []
    changed = told(verdict(Rating.APPROPRIATE), profile=profile, to=request(action["resource"]), today=later)
    (one,) = statements(changed)
    assert one["date"] == "2026-03-09"


ODD: list[Any] = [
    {"url": COVERAGE_INFORMATION},
    {"url": COVERAGE_INFORMATION, "extension": [{"url": "coverage", "valueReference": {"display": "by name"}}]},
    {"url": COVERAGE_INFORMATION, "extension": [{"url": "coverage-assertion-id", "valueString": "of somebody else"}]},
]


@pytest.mark.parametrize("odd", ODD)
def test_what_others_said_of_coverage_stays(odd: Json) -> None:
    (action,) = told(verdict(), to=request(draft(extension=[odd])))["systemActions"]
    assert action["resource"]["extension"][0] == odd
    assert len(action["resource"]["extension"]) == 2


@BOTH_VERSIONS
def test_without_a_coverage_there_is_no_statement_and_still_a_list(profile: Profile) -> None:
    out = told(verdict(None), profile=profile, coverages=())
    assert out["systemActions"] == []


def test_other_clients_never_get_a_word_on_coverage() -> None:
    assert not statements(answer(verdict(), coverages=TWO, today=TODAY))
    assert only_card(answer(verdict(), coverages=TWO, today=TODAY))["source"]["label"] != "Example Health"


@BOTH_VERSIONS
def test_open_questions_ask_for_clinical_documents_and_name_the_form(profile: Profile) -> None:
    out = told(verdict(Rating.NEEDS_INFORMATION, asks=("care.seen",)), profile=profile, site=FORMS)
    (one,) = statements(out)
    assert one["doc-needed"] == "clinical"
    assert one["questionnaire"] == "https://cds.example/fhir/Questionnaire/spine/sp-5.1"


def test_without_a_place_for_forms_none_is_named() -> None:
    (one,) = statements(told(verdict(Rating.NEEDS_INFORMATION, asks=("care.seen",)), site=Site()))
    assert one["doc-needed"] == "clinical" and "questionnaire" not in one


@BOTH_VERSIONS
def test_while_an_order_is_being_chosen_no_document_is_asked_for(profile: Profile) -> None:
    open_question = verdict(Rating.NEEDS_INFORMATION, asks=("care.seen",))
    site = Site(questionnaires=FORMS.questionnaires, app_launch=SITE.app_launch)
    out = told(open_question, profile=profile, site=site, to=request(hook="order-select"))
    (one,) = statements(out)
    assert not {"doc-needed", "doc-purpose", "questionnaire"} & one.keys()
    assert "links" not in only_card(out), "the app would collect documentation"
    signing = told(open_question, profile=profile, site=site)
    assert [link["type"] for link in only_card(signing)["links"]] == ["smart"]


def test_the_versions_differ_in_structure() -> None:
    (old,) = statements(told(verdict(), profile=CRD_2_0))
    (new,) = statements(told(verdict(), profile=CRD_2_2))
    assert "info-needed" not in old
    assert new["info-needed"] == "OTH", "2.2 wants a word with whatever is conditional"


def test_records_that_could_not_be_read_make_a_coverage_undetermined_in_2_2() -> None:
    lacking = verdict(Rating.NEEDS_INFORMATION, asks=("care.seen",))
    (new,) = statements(told(lacking, unread=["Condition"]))
    assert (new["covered"], new["pa-needed"]) == ("indeterminate", "indeterminate")
    assert new["reason"]["coding"][0]["code"] == "technical" and new["reason"]["text"]
    (old,) = statements(told(lacking, profile=CRD_2_0, unread=["Condition"]))
    assert old["covered"] == "conditional"


def test_our_own_trouble_is_a_coverage_that_could_not_be_determined() -> None:
    out = compose_failed(request(), profile=CRD_2_2, site=SITE, keys=KEYS, coverages=TWO, today=TODAY)
    assert out["cards"] == []
    assert [s["covered"] for s in statements(out)] == ["indeterminate", "indeterminate"]
    assert len({s["coverage-assertion-id"] for s in statements(out)}) == 2
    assert not faults(out["systemActions"][0]["resource"])


def test_a_statement_holds_no_longer_than_the_coverage_and_2_0_1_has_no_place_for_that() -> None:
    ends = [Insured("Coverage/1", "Example Health", until=dt.date(2026, 12, 31))]
    assert statements(told(verdict(), coverages=ends))[0]["expiry-date"] == "2026-12-31"
    assert "expiry-date" not in statements(told(verdict(), coverages=ends, profile=CRD_2_0))[0]
    assert "expiry-date" not in statements(told(verdict()))[0]


# --- cards


@BOTH_VERSIONS
def test_cards_come_in_the_insurers_name(profile: Profile) -> None:
    coverages = [Insured("Coverage/0"), Insured("Coverage/1", "Example <b>Health</b>")]
    card = only_card(told(verdict(), profile=profile, coverages=coverages))
    assert card["source"]["label"] == "Example (b)Health(/b)"
    assert "url" not in card["source"]
    assert "Example Spine Guideline" in card["detail"]


def test_each_version_has_its_own_code_system_of_card_types() -> None:
    systems = {only_card(told(verdict(), profile=p))["source"]["topic"]["system"] for p in (CRD_2_0, CRD_2_2)}
    assert systems == {
        "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp",
        "http://terminology.hl7.org/CodeSystem/cdshooks-card-type",
    }


@BOTH_VERSIONS
def test_an_instruction_has_neither_links_nor_suggestions_and_a_reference_only_absolute_links(profile: Profile) -> None:
    lacking = verdict(Rating.NEEDS_INFORMATION, because=Because.REASON_MISSING, asks=("care.seen",))
    instruction = only_card(told(lacking, profile=profile))
    assert not {"links", "suggestions"} & instruction.keys()
    reference = only_card(told(verdict(), profile=profile))
    assert {link["type"] for link in reference["links"]} == {"absolute"}


def test_a_change_and_a_withdrawal_do_not_stand_side_by_side() -> None:
    offers = (Alternative(None, Rating.APPROPRIATE, action="delete"), Alternative(MRI, Rating.APPROPRIATE))
    both = verdict(because=Because.COMBINATION, alternatives=offers)
    suggested = only_card(told(both))["suggestions"]
    assert [s["actions"][0]["type"] for s in suggested] == ["update"]
    assert suggested[0]["isRecommended"] is True
    assert len(only_card(answer(both))["suggestions"]) == 2, "other clients may choose"


# --- what a call asks for


def test_a_type_of_card_that_is_switched_off_stays_away() -> None:
    assert told(verdict(), to=asking(**{"off-guideline": False}))["cards"] == []
    assert told(verdict(), to=asking(guideline=False))["cards"]


def test_coverage_information_can_be_switched_off() -> None:
    out = told(verdict(), to=asking(**{"coverage-info": False}))
    assert not statements(out) and out["cards"]


def test_of_too_many_cards_the_gravest_stay() -> None:
    drafts = [draft("order-1"), draft("order-2")]
    verdicts = [verdict(Rating.NEEDS_INFORMATION, "order-1", asks=("care.seen",)), verdict(identity="order-2")]
    sent = body(*drafts) | {"extension": {"davinci-crd.configuration": {"max-cards": 1}}}
    out = told(*verdicts, to=read_request(sent, BOTH), orders=(order(CT, "order-1"), order(CT, "order-2")))
    assert only_card(out)["indicator"] == "warning"
    assert len(out["systemActions"]) == 2, "the limit is for cards"


@pytest.mark.parametrize(
    "configuration",
    [{"cost": False}, {"off-guideline": "no"}, {"max-cards": -1}, {"max-cards": True}, {"max-cards": "1"}, {}],
)
def test_what_is_not_known_or_makes_no_sense_is_ignored(configuration: Json) -> None:
    assert told(verdict(), to=asking(**configuration)) == told(verdict())


@pytest.mark.parametrize("extension", [{"davinci-crd.configuration": []}, {"davinci-crd.configuration": None}, {}])
def test_no_configuration_is_ever_required(extension: Json) -> None:
    assert told(verdict(), to=read_request(body() | {"extension": extension}, BOTH)) == told(verdict())
