"""The answer for Da Vinci CRD clients: coverage information in both versions, cards, links and what a call asks for."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from criteria.errors import DataError
from criteria.ratings import Alternative, Because, Rating
from hooks import Insured, Profile, Site, compose_failed
from hooks.actions import PAMA
from hooks.coverage import COVERAGE_INFORMATION
from hooks.errors import CoverageMissing, PayerUnclear
from hooks.payer import spoken_for
from hooks.plans import ANSWERS, load_plans
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


@pytest.mark.parametrize("rating", [*Rating, None])
def test_of_a_coverage_that_is_not_in_force_2_2_says_that_alone(rating: Rating | None, plans: Site) -> None:
    lapsed = [Insured("Coverage/1", "Example Health", until=dt.date(2026, 1, 31), in_force=False)]
    out = told(verdict(rating), coverages=lapsed, site=plans)
    (one,) = statements(out)
    assert one["covered"] == "not-covered" and one["reason"]["coding"][0]["code"] == "no-active-coverage"
    assert one.keys() == {"coverage", "covered", "reason", "date", "coverage-assertion-id"}
    assert not faults(out["systemActions"][0]["resource"])


# --- for whom a call is answered

PAYER = ("https://example.org/payers|1",)
ONE = Insured("Coverage/1", "Example Health", payers=PAYER)
ENDED = Insured("Coverage/9", "Old Health", payers=PAYER, in_force=False)


@pytest.mark.parametrize(
    ("coverages", "kept"),
    [([ONE], [ONE]), ([ONE, ENDED], [ONE]), ([ENDED], [ENDED])],
    ids=["one in force", "beside one that ended", "only one that ended"],
)
def test_crd_2_2_answers_for_the_one_coverage_that_it_finds(coverages: list[Insured], kept: list[Insured]) -> None:
    assert spoken_for("2.2", coverages, False, ()) == kept
    assert spoken_for("2.2", coverages, False, PAYER) == kept


@pytest.mark.parametrize(
    ("coverages", "payers", "says"),
    [
        ([], (), "no Coverage was found"),
        ([ONE, replace(ONE, reference="Coverage/2")], (), "several Coverages"),
        ([ENDED, replace(ENDED, reference="Coverage/8")], (), "several Coverages"),
        ([replace(ONE, payers=())], (), "no identifier"),
        ([ONE], ("https://example.org/payers|2",), "none that is answered for here"),
    ],
)
def test_crd_2_2_refuses_what_names_no_payer_of_its_own(coverages: list[Insured], payers: Any, says: str) -> None:
    with pytest.raises(PayerUnclear, match=says) as caught:
        spoken_for("2.2", coverages, False, payers)
    assert caught.value.status == 400


def test_a_coverage_that_could_not_be_read_is_not_taken_for_none() -> None:
    with pytest.raises(CoverageMissing) as caught:
        spoken_for("2.2", [], True, ())
    assert caught.value.status == 412


@pytest.mark.parametrize("version", ["", "2.0.1"])
def test_nobody_else_is_refused_for_the_payer(version: str) -> None:
    assert spoken_for(version, [], True, PAYER) == []
    assert spoken_for(version, [*TWO, ENDED], False, PAYER) == list(TWO)


# --- the site's own table

ROWS: Json = {
    "appropriate": {"covered": "covered", "pa-needed": "satisfied"},
    "appropriate-provisional": {"covered": "covered", "pa-needed": "auth-needed"},
    "not-appropriate": {
        "covered": "conditional", "pa-needed": "auth-needed", "doc-needed": ["clinical", "admin"],
        "doc-purpose": ["withpa"],
    },
    "no-criteria-apply": {"covered": "conditional", "pa-needed": "conditional", "info-needed": ["performer"]},
    "needs-information": {"covered": "conditional", "pa-needed": "conditional", "doc-needed": ["clinical"]},
    "unrated": {"covered": "not-covered"},
}  # fmt: skip
REVIEWED = {"by": "a committee", "date": dt.date(2026, 1, 1)}


def table(folder: Path, rows: Any = None, **more: Any) -> Path:
    file = folder / "plans.yaml"
    held = {"reviewed": REVIEWED, "plans": {"default": ROWS if rows is None else rows}, **more}
    file.write_text(yaml.safe_dump(held))
    return file


@pytest.fixture
def plans(tmp_path: Path) -> Site:
    return Site(plans=load_plans(table(tmp_path), ["default"]))


def test_the_plan_says_what_it_makes_of_our_answer(plans: Site) -> None:
    (one,) = statements(told(verdict(Rating.APPROPRIATE), site=plans))
    assert (one["covered"], one["pa-needed"]) == ("covered", "satisfied")
    assert one["satisfied-pa-id"] and "info-needed" not in one
    assert [c["code"] for c in [one["billingCode"]]] == ["72131"]
    (one,) = statements(told(verdict(None), site=plans))
    assert one["covered"] == "not-covered" and "pa-needed" not in one
    (one,) = statements(told(verdict(Rating.NO_CRITERIA), site=plans))
    assert one["info-needed"] == "performer"


CONTACT = {"name": "Imaging desk", "phone": "800-555-0100", "url": "https://payer.example/imaging"}


def test_the_plan_says_whom_to_ask_as_each_version_says_it(tmp_path: Path) -> None:
    site = Site(plans=load_plans(table(tmp_path, {**ROWS, "contact": CONTACT}), ["default"]))
    ways = [{"system": "phone", "value": CONTACT["phone"]}, {"system": "url", "value": CONTACT["url"]}]
    out = told(verdict(), site=site)
    assert statements(out)[0]["contact"] == {"name": "Imaging desk", "telecom": ways}
    assert statements(told(verdict(), site=site, profile=CRD_2_0))[0]["contact"] == ways
    assert not faults(out["systemActions"][0]["resource"])


def test_a_statement_holds_for_as_long_as_the_plan_says_and_is_then_made_anew(tmp_path: Path) -> None:
    site = Site(plans=load_plans(table(tmp_path, {**ROWS, "valid-days": 30}), ["default"]))
    (action,) = told(verdict(), site=site)["systemActions"]
    (one,) = statements({"systemActions": [action]})
    assert (one["date"], one["expiry-date"]) == ("2026-03-04", "2026-04-03")
    held = request(action["resource"])
    assert told(verdict(), site=site, to=held, today=dt.date(2026, 4, 3))["systemActions"] == []
    (anew,) = statements(told(verdict(), site=site, to=held, today=dt.date(2026, 4, 4)))
    assert (anew["date"], anew["expiry-date"]) == ("2026-04-04", "2026-05-04")
    until = [replace(TWO[0], until=dt.date(2026, 3, 20))]
    assert statements(told(verdict(), site=site, coverages=until))[0]["expiry-date"] == "2026-03-20"


@pytest.mark.parametrize(
    ("beside", "says"),
    [
        ({"contact": {"name": "Imaging desk"}}, "at least one of phone"),
        ({"contact": {"phone": 8005550100}}, "has texts"),
        ({"contact": {"phone": "1", "pager": "2"}}, "has texts"),
        ({"contact": "800-555-0100"}, "has texts"),
        ({"valid-days": 0}, "a number of days"),
        ({"valid-days": "30"}, "a number of days"),
        ({"valid-days": True}, "a number of days"),
        ({"valid-day": 30}, "Did you mean `valid-days`"),
    ],
)
def test_a_slip_beside_the_answers_is_named_too(tmp_path: Path, beside: Json, says: str) -> None:
    with pytest.raises(DataError, match=r"plans\.yaml line \d+") as caught:
        load_plans(table(tmp_path, {**ROWS, **beside}), ["default"])
    assert says in str(caught.value)


def test_two_coverages_never_share_an_authorization(plans: Site) -> None:
    first, second = statements(told(verdict(Rating.APPROPRIATE), coverages=TWO, site=plans))
    assert first["satisfied-pa-id"] != second["satisfied-pa-id"]


def test_what_rests_on_a_presumption_is_never_authorized(plans: Site) -> None:
    provisional = verdict(Rating.APPROPRIATE, provisional=True, presumes=("flag.fever",))
    (one,) = statements(told(provisional, site=plans))
    assert one["pa-needed"] == "auth-needed" and "satisfied-pa-id" not in one


def test_a_coverage_under_another_policy_is_not_spoken_for(plans: Site) -> None:
    (one,) = statements(
        told(verdict(Rating.APPROPRIATE), site=plans, coverages=[Insured("Coverage/1", "", "medicare")])
    )
    assert (one["covered"], one["pa-needed"]) == ("conditional", "conditional")


def test_documents_of_two_kinds_are_said_as_each_version_says_them(plans: Site) -> None:
    (old,) = statements(told(verdict(), profile=CRD_2_0, site=plans))
    (new,) = statements(told(verdict(), site=plans))
    assert (old["doc-needed"], new["doc-needed"]) == ("both", ["clinical", "admin"])


@pytest.mark.parametrize(
    ("answer_", "row", "says"),
    [
        ("appropriate", {"pa-needed": "no-auth"}, "at least `covered`"),
        ("appropriate", {"covered": "covered"}, "`pa-needed` is missing"),
        ("appropriate", {"covered": "perhaps", "pa-needed": "no-auth"}, "one of covered"),
        ("appropriate", {"covered": ["covered"], "pa-needed": "no-auth"}, "one of covered"),
        ("appropriate", {"covered": "covered", "pa-needed": "no-auth", "doc-needed": "clinical"}, "a list of clinical"),
        ("appropriate", {"covered": "covered", "pa-neded": "no-auth"}, "Did you mean `pa-needed`"),
        ("unrated", {"covered": "not-covered", "pa-needed": "no-auth"}, "leave out `pa-needed`"),
        ("appropriate-provisional", {"covered": "covered", "pa-needed": "satisfied"}, "nothing was presumed"),
        ("not-appropriate", {"covered": "covered", "pa-needed": "satisfied"}, "only where the order is appropriate"),
        ("appropriate", {"covered": "covered", "pa-needed": "no-auth", "info-needed": ["OTH"]}, "conditional"),
        ("appropriate", {"covered": "covered", "pa-needed": "no-auth", "doc-purpose": ["withclaim"]}, "`doc-needed`"),
        ("appropriate",
         {"covered": "covered", "pa-needed": "no-auth", "doc-needed": ["admin"], "doc-purpose": ["withpa"]}, "withpa"),
    ],
)  # fmt: skip
def test_a_slip_in_the_table_is_named_with_its_mend(tmp_path: Path, answer_: str, row: Json, says: str) -> None:
    with pytest.raises(DataError, match=r"plans\.yaml line \d+") as caught:
        load_plans(table(tmp_path, {**ROWS, answer_: row}), ["default"])
    assert says in str(caught.value)


def test_a_table_is_complete_reviewed_and_of_policies_that_exist(tmp_path: Path) -> None:
    for lacking in ANSWERS:
        with pytest.raises(DataError, match=f"says nothing of {lacking}"):
            load_plans(table(tmp_path, {k: v for k, v in ROWS.items() if k != lacking}), ["default"])
    with pytest.raises(DataError, match="is no policy"):
        load_plans(table(tmp_path), ["defaults"])
    with pytest.raises(DataError, match="is no answer"):
        load_plans(table(tmp_path, {**ROWS, "perhaps": ROWS["unrated"]}), ["default"])
    with pytest.raises(DataError, match="who looked"):
        load_plans(table(tmp_path, reviewed={"by": "", "date": "today"}), ["default"])
    with pytest.raises(DataError, match="exactly the keys"):
        load_plans(table(tmp_path, extra=1), ["default"])


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
