"""Staff may not answer for the clinician: they are told whom to ask, and get no answer to tap."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from criteria.errors import DataError
from criteria.ratings import Because, Rating
from hooks import HookRequest, Profile, read_request
from hooks.roles import ROLES, SYSTEMS, is_staff, roles
from tests.hook_examples import BOTH, answer, body, draft, only_card, verdict
from tests.service_examples import make_app, parts_of

DAY = dt.date(2026, 3, 4)
ASKS: Any = {"because": Because.FACTS_MISSING, "asks": ("care.seen",), "presumes": ("flag.fever", "plan.change")}
ASSISTANT = {"system": SYSTEMS["snomed"], "code": "22515006"}
DOCTOR = {"system": SYSTEMS["hl7"], "code": "doctor"}


def by(*codings: Any, user: str = "PractitionerRole/r1", role: Any = ...) -> HookRequest:
    if role is ...:
        role = {"resourceType": "PractitionerRole", "id": "r1", "code": [{"coding": list(codings)}]}
    return read_request({**body(draft(), userId=user), "prefetch": {"user": role}}, BOTH)


def card_for(to: HookRequest, language: str = "en", rating: Rating = Rating.NEEDS_INFORMATION) -> dict[str, Any]:
    more = ASKS if rating is Rating.NEEDS_INFORMATION else {}
    return only_card(answer(verdict(rating, **more), to=to, today=DAY, profile=Profile(language=language)))


@pytest.mark.parametrize(
    ("language", "lead", "never"),
    [("en", "Ask the ordering clinician", "you state"), ("es", "Pregunte al clínico", "usted declara")],
)
def test_staff_are_told_to_ask_the_clinician_and_state_nothing(language: str, lead: str, never: str) -> None:
    clinician, staff = card_for(by(DOCTOR), language), card_for(by(ASSISTANT), language)
    assert staff["summary"].startswith(lead) and not clinician["summary"].startswith(lead)
    assert lead in staff["detail"]
    assert never in clinician["detail"] and never not in staff["detail"]


@pytest.mark.parametrize("language", ["en", "es"])
def test_only_a_clinician_gets_answers_to_tap(language: str) -> None:
    assert len(card_for(by(DOCTOR), language)["suggestions"]) == 2
    assert "suggestions" not in card_for(by(ASSISTANT), language)


def test_staff_may_still_change_the_order_and_are_told_to_ask_first() -> None:
    card = card_for(by(ASSISTANT), rating=Rating.NOT_APPROPRIATE)
    assert card["summary"].startswith("Ask the ordering clinician: change ")
    assert [s["actions"][0]["type"] for s in card["suggestions"]] == ["update"]


def test_another_reader_gets_another_card_and_a_clinician_the_same_as_ever() -> None:
    clinician = card_for(by(DOCTOR))
    assert clinician == card_for(by(role=None))
    others = [card_for(by(ASSISTANT)), card_for(by(DOCTOR), "es"), card_for(by(ASSISTANT), "es")]
    assert len({c["uuid"] for c in [clinician, *others]}) == 4


@pytest.mark.parametrize(
    "to",
    [
        by(DOCTOR, ASSISTANT),
        by({"system": SYSTEMS["snomed"], "code": "1"}),
        by(ASSISTANT, user="PractitionerRole/r2"),
        by(ASSISTANT, user="Practitioner/r1"),
        by({"system": "http://example.org/roles", "code": "22515006"}),
        by({"system": [], "code": {}}),
        by(role=None),
        by(role={"resourceType": "OperationOutcome"}),
        by(role={"resourceType": "Practitioner", "id": "r1", "code": [{"coding": [ASSISTANT]}]}),
        by(role={"resourceType": "PractitionerRole", "id": "r1", "code": "nurse"}),
        by(role=[1]),
    ],
)  # fmt: skip
def test_whoever_is_not_known_as_staff_counts_as_a_clinician(to: HookRequest) -> None:
    assert not is_staff(to)


def test_a_users_role_may_be_named_by_its_whole_address() -> None:
    assert is_staff(by(ASSISTANT, user="https://ehr.example/fhir/PractitionerRole/r1"))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("hl7,nurse,staff,", "hl7,nurse,stuff,", "Did you mean `staff`"),
        ("snomed,22515006,", "snomedct,22515006,", "Did you mean `snomed`"),
        ("hl7,nurse,", "hl7,doctor,", "stands twice"),
        ("hl7,nurse,staff,fhir-r4-roles", "hl7,nurse,staff,", "4 filled cells"),
        ("system,code,reader,source", "system,code,reader", "first line must be"),
    ],
)
def test_a_slip_in_the_roles_names_file_line_and_mend(tmp_path: Path, old: str, new: str, says: str) -> None:
    file = tmp_path / "roles.csv"
    file.write_text(ROLES.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=r"roles\.csv") as caught:
        roles(file)
    assert says in str(caught.value)


def test_discovery_asks_for_the_users_role_only_where_the_site_says_so(tmp_path: Path) -> None:
    def asked(app: Flask) -> list[str | None]:
        listed = app.test_client().get("/cds-services").get_json()["services"]
        parts_of(app).journal.engine.dispose()
        return [service["prefetch"].get("user") for service in listed]

    assert asked(make_app(tmp_path / "a")) == [None, None]
    assert asked(make_app(tmp_path / "b", user_role=True)) == ["PractitionerRole/{{userPractitionerRoleId}}"] * 2
