"""The PAMA screen of the public CDS Hooks sandbox, walked as in docs/sandbox.md but without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.app import create_app
from service.journal.models import FeedbackRow
from service.settings import read_settings
from tests.fhir_answers import Held
from tests.requests_loader import load
from tests.sandbox_charts import chart
from tests.sandbox_screen import Screen, reason, study
from tests.service_examples import parts_of

BACK_PAIN, NECK_ROOT, TOOTHACHE = reason("279039007"), reason("54404000"), reason("27355003")
CT_LUMBAR, MRI_LUMBAR, MRA_HEAD = study("72131"), study("72148"), study("70544")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder: Path = tmp_path_factory.mktemp("sandbox")
    made = create_app(read_settings({}, open=True, data_dir=str(folder)))
    yield made
    parts_of(made).journal.engine.dispose()


def opened(app: Flask, story: str, **more: Any) -> Screen:
    """The screen on the patient of a stored request."""
    request = load(f"requests/{story}.json")
    held = Held("http://127.0.0.1:1/fhir", chart(request))
    return Screen(app.test_client(), held, request["context"]["patientId"], **more)


def feedback(app: Flask) -> list[FeedbackRow]:
    with Session(parts_of(app).journal.engine) as database:
        return list(database.scalars(select(FeedbackRow).order_by(FeedbackRow.id)))


def test_the_sandbox_keeps_one_service_per_address_and_that_one_answers_the_screen(app: Flask) -> None:
    screen = opened(app, "08_lumbar_ct_as_first_study")
    assert [s["hook"] for s in screen.services.values()] == ["order-select"]


def test_the_rating_follows_the_order(app: Flask) -> None:
    screen = opened(app, "08_lumbar_ct_as_first_study")
    assert (screen.rating, screen.cards) == ("needs-information", [])
    screen.choose(CT_LUMBAR)
    assert screen.rating == "needs-information"
    screen.give_reasons(BACK_PAIN)
    assert screen.rating == "not-appropriate"
    screen.choose(MRI_LUMBAR)
    assert (screen.rating, screen.cards) == ("appropriate", [])
    screen.choose(MRA_HEAD)
    screen.give_reasons(TOOTHACHE)
    assert (screen.rating, screen.cards) == ("no-criteria-apply", [])
    screen.choose({})
    assert screen.rating == "needs-information"


@pytest.mark.parametrize(
    ("story", "ordered", "why"),
    [
        ("08_lumbar_ct_as_first_study", CT_LUMBAR, BACK_PAIN),
        ("09_cervical_radiculopathy_with_contrast", study("72156"), NECK_ROOT),
        ("07_pacemaker_and_mri", MRI_LUMBAR, BACK_PAIN),
        ("03_lumbar_ct_argonaut", study("72133"), BACK_PAIN),
    ],
)
def test_every_suggestion_can_be_taken_and_is_rated_as_promised(
    app: Flask, story: str, ordered: dict[str, Any], why: dict[str, Any]
) -> None:
    screen = opened(app, story)
    screen.choose(ordered)
    screen.give_reasons(why)
    (card,) = screen.cards
    assert card["suggestions"]
    for suggestion in card["suggestions"]:
        (action,) = suggestion["actions"]
        before = len(feedback(app))
        screen.take(card, suggestion)
        (promised,) = [
            e["valueCodeableConcept"]["coding"][0]["code"]
            for e in action["resource"]["extension"]
            if e["url"].endswith("pama-rating")
        ]
        assert screen.study["display"] in suggestion["label"]
        assert screen.reasons == [why]
        assert screen.rating == promised
        assert [f.suggestions for f in feedback(app)[before:]] == [[suggestion["uuid"]]]
        screen.choose(ordered)


def test_a_card_is_dismissed_with_one_of_its_reasons(app: Flask) -> None:
    screen = opened(app, "02_lumbar_mri_no_word_on_treatment")
    screen.choose(MRI_LUMBAR)
    screen.give_reasons(BACK_PAIN)
    assert screen.rating == "needs-information"
    (card,) = screen.cards
    why = card["overrideReasons"][0]
    assert why["display"]
    screen.dismiss(card, why)
    sent = feedback(app)[-1]
    assert (sent.card, sent.outcome) == (card["uuid"], "overridden")
    assert (sent.reason_code, sent.reason_system) == (why["code"], why["system"])


def test_a_discovery_address_with_a_slash_and_without_the_hook_is_answered_too(app: Flask) -> None:
    screen = opened(app, "04_head_mra_for_toothache", discovery="/cds-services/", hook="patient-view")
    screen.choose(MRA_HEAD)
    screen.give_reasons(TOOTHACHE)
    assert screen.rating == "no-criteria-apply"


def test_cards_hold_nothing_that_the_sandbox_would_run(app: Flask) -> None:
    """It shows the detail as Markdown with raw HTML, and the words of an order are anybody's."""
    screen = opened(app, "02_lumbar_mri_no_word_on_treatment")
    screen.choose({**MRI_LUMBAR, "display": '<iframe srcdoc="<script>alert(1)</script>">'})
    screen.give_reasons({**BACK_PAIN, "display": "<img src=x onerror=alert(1)>"})
    assert screen.cards
    for card in screen.cards:
        assert "<" not in card["detail"]
