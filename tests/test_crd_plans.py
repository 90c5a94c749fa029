"""What a site's own table says of its plans, in coverage information."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from criteria.errors import DataError
from criteria.ratings import Rating
from hooks import Insured, Site
from hooks.plans import ANSWERS, load_plans
from hooks.validate import faults
from tests.hook_examples import (
    CRD_2_0,
    request,
    verdict,
)
from tests.test_crd import TWO, Json, statements, told

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


@pytest.mark.parametrize("rating", [*Rating, None])
def test_of_a_coverage_that_is_not_in_force_2_2_says_that_alone(rating: Rating | None, plans: Site) -> None:
    lapsed = [Insured("Coverage/1", "Example Health", until=dt.date(2026, 1, 31), in_force=False)]
    out = told(verdict(rating), coverages=lapsed, site=plans)
    (one,) = statements(out)
    assert one["covered"] == "not-covered" and one["reason"]["coding"][0]["code"] == "no-active-coverage"
    assert one.keys() == {"coverage", "covered", "reason", "date", "coverage-assertion-id"}
    assert not faults(out["systemActions"][0]["resource"])
