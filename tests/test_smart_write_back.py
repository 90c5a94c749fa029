"""Answers into the EHR's chart: where it was allowed, in the clinician's name, and once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from hooks.validate import faults
from service.smart.scopes import may_create, version_1
from tests.ehr_frame import Frame, ehr_frame
from tests.service_examples import parts_of
from tests.smart_examples import Clock, Site, clock, context_of, form_of, make_site
from tests.smart_server import V1

__all__ = ["clock"]

TRAN: dict[str, Any] = {
    "patient": "patient-tran",
    "user": "Practitioner/practitioner-1",
    "encounter": "encounter-today",
}
BOTH = ["patient/QuestionnaireResponse.c", "patient/Observation.c"]


@pytest.fixture
def ehr(clock: Clock) -> Iterator[Frame]:
    with ehr_frame(now=lambda: clock.now.timestamp()) as double:
        yield double


@pytest.fixture
def site(tmp_path: Path, ehr: Frame, clock: Clock) -> Iterator[Site]:
    made = make_site(tmp_path, ehr, clock, {"scopes": BOTH})
    yield made
    parts_of(made.app).journal.engine.dispose()


def opened(site: Site, *answers: str) -> str:
    path = site.launched(context_of(site.hook()), **TRAN)
    for said in answers or ("3", "no"):
        assert site.answer(path, said).status_code == 303
    return path


def write(site: Site, path: str) -> str:
    """The page after writing."""
    form = form_of(site.page(f"{path}/done"), "/write-back")
    return again(site, path, form)


def again(site: Site, path: str, form: Any) -> str:
    done = site.post(f"{path}/write-back", form)
    assert done.status_code == 303
    return site.page(done.headers["Location"].removeprefix("https://cds.example.org"))


def kinds(ehr: Frame) -> list[str]:
    return [r["resourceType"] for r in ehr.chart]


def test_a_form_and_each_answer_are_written_for_this_patient_visit_and_order(site: Site, ehr: Frame) -> None:
    assert "Your answers are in the chart." in write(site, opened(site))
    assert kinds(ehr) == ["QuestionnaireResponse", "Observation", "Observation"]
    for resource in ehr.chart:
        assert not faults({"id": "1", **resource})
        assert resource["subject"] == {"reference": "Patient/patient-tran"}
        assert resource["encounter"] == {"reference": "Encounter/encounter-today"}
        assert "id" not in resource
    form, visit, treated = ehr.chart
    assert form["author"] == visit["performer"][0] == {"reference": "Practitioner/practitioner-1"}
    assert form["basedOn"] == treated["focus"] == [{"reference": "ServiceRequest/order-1"}]
    assert [item["linkId"] for item in form["item"]] == [r["code"]["coding"][0]["code"] for r in ehr.chart[1:]]
    assert (visit["valueQuantity"]["value"], treated["valueBoolean"]) == (3, False)
    assert form["item"][1]["answer"] == [{"valueBoolean": False}]


@pytest.mark.parametrize("conditional", [True, False])
def test_nothing_is_written_twice(site: Site, ehr: Frame, conditional: bool) -> None:
    ehr.knows_conditions = conditional
    path = opened(site)
    form = form_of(site.page(f"{path}/done"), "/write-back")
    again(site, path, form)
    assert "Nothing was written again." in again(site, path, form)
    assert len(ehr.chart) == ehr.writes == 3


def test_another_launch_of_the_same_link_writes_nothing_again(site: Site, ehr: Frame) -> None:
    context = context_of(site.hook())
    for _ in range(2):
        path = site.launched(context, **TRAN)
        if not ehr.chart:
            site.answer(path, "3")
        page = write(site, path)
    assert "Nothing was written again." in page and len(ehr.chart) == 2


def test_an_answer_that_comes_later_is_written_with_a_form_that_holds_all(site: Site, ehr: Frame) -> None:
    path = opened(site, "3")
    write(site, path)
    site.answer(path, "no")
    write(site, path)
    assert kinds(ehr) == ["QuestionnaireResponse", "Observation", "QuestionnaireResponse", "Observation"]
    assert len(ehr.chart[2]["item"]) == 2


@pytest.mark.parametrize("status", [400, 403, 412, 500])
def test_a_refusal_is_said_and_can_be_tried_again(site: Site, ehr: Frame, status: int) -> None:
    path = opened(site)
    ehr.refuses = status
    with structlog.testing.capture_logs() as logs:
        page = write(site, path)
    assert "The chart did not take your answers." in page
    assert {entry["reason"] for entry in logs if entry["event"] == "not_written"} == {f"http-{status}"}
    ehr.refuses = 0
    assert "Your answers are in the chart." in write(site, path)
    assert len(ehr.chart) == 3


def test_what_was_not_granted_is_not_tried(tmp_path: Path, ehr: Frame, clock: Clock) -> None:
    site = make_site(tmp_path, ehr, clock, {"scopes": ["patient/Observation.crs"]})
    assert "Your answers are in the chart." in write(site, opened(site))
    assert kinds(ehr) == ["Observation", "Observation"] and ehr.writes == 2
    parts_of(site.app).journal.engine.dispose()


def test_without_leave_the_page_offers_no_writing(tmp_path: Path, ehr: Frame, clock: Clock) -> None:
    site = make_site(tmp_path, ehr, clock)
    path = opened(site)
    page = site.page(f"{path}/done")
    assert "/write-back" not in page
    mark = form_of(page, "/close")
    assert "The chart did not take your answers." in again(site, path, mark)
    assert ehr.writes == 0
    parts_of(site.app).journal.engine.dispose()


def test_an_ehr_of_the_older_scopes_is_written_to_as_well(tmp_path: Path, clock: Clock) -> None:
    with ehr_frame(now=lambda: clock.now.timestamp(), scopes=(*V1, "patient/*.write")) as ehr:
        site = make_site(tmp_path, ehr, clock, {"scopes": [*BOTH, "messaging/ui"]})
        assert "Your answers are in the chart." in write(site, opened(site))
        assert "patient/Observation.write" in ehr.asked[0]["scope"].split()
        assert "messaging/ui" in ehr.asked[0]["scope"].split()
        assert len(ehr.chart) == 3
        parts_of(site.app).journal.engine.dispose()


def test_tokens_that_have_run_out_are_renewed_first(site: Site, ehr: Frame, clock: Clock) -> None:
    path = opened(site)
    clock.later(minutes=10)
    assert "Your answers are in the chart." in write(site, path)


@pytest.mark.parametrize(
    ("granted", "may"),
    [
        ("patient/Observation.c", True),
        ("user/*.cruds", True),
        ("patient/*.write", True),
        ("patient/Observation.*", True),
        ("patient/Observation.cu?category=survey", True),
        ("patient/Observation.rs", False),
        ("patient/Observation.read", False),
        ("system/Observation.c", False),
        ("patient/Condition.c", False),
        ("messaging/scratchpad", False),
        ("", False),
    ],
)
def test_only_what_was_granted_is_written(granted: str, may: bool) -> None:
    assert may_create(granted, "Observation") is may


def test_the_scopes_of_messaging_are_the_same_in_both_versions() -> None:
    assert list(version_1("messaging/scratchpad")) == ["messaging/scratchpad"]
