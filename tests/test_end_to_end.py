"""The service as a process, a FHIR server as another, HTTP between them: charts that come whole, in parts or not."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.answers import Json, cards, rating, said
from tests.conftest import BUDGET, Service
from tests.fhir_answers import Fault
from tests.fhir_server import FhirServer, FhirServers
from tests.requests_loader import load, load_lines

TOKEN = "made-up-token"
MakeFhir = Callable[..., FhirServer]
SLACK = 1.5
"""Seconds that a slow test machine may add to the budget."""


def chart() -> list[Json]:
    return load_lines("fetch/lumbar_mri_fetched.ndjson")


def request(fhir: FhirServer | None = None, **changed: Any) -> Json:
    """The order of fixtures/fetch, whose chart lies on ``fhir``."""
    body = load("fetch/lumbar_mri_fetched.json")
    if fhir is not None:
        body["fhirServer"] = fhir.base
        body["fhirAuthorization"] = {
            "access_token": TOKEN,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.rs launch",
            "subject": "imaging-cds",
        }
    return {**body, **changed}


def templates(service: Service) -> dict[str, str]:
    """What is asked of the chart; who is asking is no part of it, and is never fetched."""
    offered: dict[str, str] = service.discovery()[0]["prefetch"]
    return {key: template for key, template in offered.items() if key != "user"}


def prefetch(service: Service, resources: list[Json]) -> Json:
    """Our own templates, resolved against these resources."""
    held: Json = {}
    for key, template in templates(service).items():
        kind = re.split(r"[/?]", template)[0]
        hits = [r for r in resources if r["resourceType"] == kind]
        held[key] = hits[0] if "/" in template.split("?")[0] else bundle(hits)
    return held


def bundle(hits: list[Json], **more: Any) -> Json:
    entries = {"entry": [{"resource": r} for r in hits]} if hits else {}
    return {"resourceType": "Bundle", "type": "searchset", "total": len(hits), **entries, **more}


def kinds(fhir: FhirServer) -> list[str]:
    """The resource types that were asked for, once each."""
    return sorted({re.split(r"[/?]", c["path"])[0] for c in fhir.calls})


# --- where the chart comes from


def test_a_chart_that_is_only_prefetched(service: Service) -> None:
    answer = service.answer(request(prefetch=prefetch(service, chart())))
    assert rating(answer, "order-1") == "appropriate"


def test_a_chart_that_is_only_fetched(service: Service, make_fhir: MakeFhir) -> None:
    fhir = make_fhir(chart(), token=TOKEN)
    answer = service.answer(request(fhir))
    assert rating(answer, "order-1") == "appropriate"
    assert kinds(fhir) == sorted({re.split(r"[/?]", t)[0] for t in templates(service).values()})
    assert {c["authorization"] for c in fhir.calls} == {f"Bearer {TOKEN}"}


def test_fetched_or_prefetched_makes_no_difference(service: Service, make_fhir: MakeFhir) -> None:
    fhir = make_fhir(chart(), token=TOKEN)
    fetched = service.answer(request(fhir))
    given = service.answer(request(prefetch=prefetch(service, chart())))
    assert fetched == given


def test_a_mixed_chart_fetches_only_what_is_absent(service: Service, make_fhir: MakeFhir) -> None:
    fhir = make_fhir(chart(), token=TOKEN)
    given = prefetch(service, chart())
    for key in ("observations", "procedures"):
        del given[key]
    answer = service.answer(request(fhir, prefetch=given))
    assert rating(answer, "order-1") == "appropriate"
    assert kinds(fhir) == ["Observation", "Procedure"]


def test_a_search_of_many_pages_is_read_to_its_end(service: Service, make_fhir: MakeFhir) -> None:
    resources = chart()
    fhir = make_fhir(list(reversed(resources)), token=TOKEN, largest_page=5)
    answer = service.answer(request(fhir))
    assert rating(answer, "order-1") == "appropriate"
    assert sum("_getpages" in c["path"] for c in fhir.calls) >= 5


def test_the_rest_of_a_prefetched_first_page_is_fetched(service: Service, make_fhir: MakeFhir) -> None:
    facts = [r for r in chart() if r["resourceType"] == "Observation"]
    others = [r for r in chart() if r["resourceType"] != "Observation"]
    fhir = make_fhir(chart(), token=TOKEN)
    given = prefetch(service, others)
    following = {"relation": "next", "url": f"{fhir.base}/Observation?patient=patient-kerr&_count=500"}
    given["observations"] = bundle(facts[:1], link=[following], total=len(facts))
    answer = service.answer(request(fhir, prefetch=given))
    assert rating(answer, "order-1") == "appropriate"
    assert kinds(fhir) == ["Observation"]


def test_a_public_server_is_asked_without_a_token(service: Service, make_fhir: MakeFhir) -> None:
    fhir = make_fhir(chart())
    body = request(fhir)
    del body["fhirAuthorization"]
    assert rating(service.answer(body), "order-1") == "appropriate"
    assert {c["authorization"] for c in fhir.calls} == {None}


@pytest.mark.parametrize(
    "scope", ["patient/Patient.read patient/Condition.read", "patient/Patient.rs patient/Condition.s"]
)
def test_only_what_the_token_allows_is_asked_for(service: Service, make_fhir: MakeFhir, scope: str) -> None:
    fhir = make_fhir(chart(), token=TOKEN)
    body = request(fhir)
    body["fhirAuthorization"]["scope"] = scope
    given = prefetch(service, chart())
    for key in ("conditions", "observations"):
        del given[key]
    answer = service.answer({**body, "prefetch": given})
    assert kinds(fhir) == ["Condition"]
    assert rating(answer, "order-1") is None, "what could not be asked for is unknown, not absent"
    assert cards(answer, "order-1")


# --- a FHIR server that fails

BROKEN = [
    Fault("^Observation", "status", code=500),
    Fault("^Observation", "status", code=403),
    Fault("^Observation", "status", code=404),
    Fault("^Observation", "truncated"),
    Fault("^Observation", "html"),
    Fault("^Observation", "empty"),
    Fault("^Observation", "array"),
    Fault("^Observation", "outcome"),
    Fault("^Observation", "wrong_patient"),
    Fault("^Observation", "redirect", location="http://127.0.0.1:9/fhir/Observation"),
]


@pytest.mark.parametrize("fault", BROKEN, ids=lambda f: f"{f.kind}-{f.code}")
def test_observations_that_cannot_be_had_are_unknown(service: Service, make_fhir: MakeFhir, fault: Fault) -> None:
    """Without them nobody knows whether the treatment helped: the order may be neither passed nor refused."""
    answer = service.answer(request(make_fhir(chart(), token=TOKEN, faults=[fault])))
    assert rating(answer, "order-1") is None
    assert cards(answer, "order-1")


def test_the_card_names_what_could_not_be_had(service: Service, make_fhir: MakeFhir) -> None:
    answer = service.answer(request(make_fhir(chart(), token=TOKEN, faults=[Fault("^Observation", "status")])))
    assert re.search("observation", said(answer), re.IGNORECASE)


def test_the_name_of_a_strange_device_is_on_the_card_and_nowhere_else(service: Service, make_fhir: MakeFhir) -> None:
    name = "Zorbatron mark seven"
    patient = next(r["id"] for r in chart() if r["resourceType"] == "Patient")
    device = {"resourceType": "Device", "id": "strange", "status": "active", "deviceName": [
        {"name": name, "type": "user-friendly-name"}], "patient": {"reference": f"Patient/{patient}"}}  # fmt: skip
    resources = [r for r in chart() if r["resourceType"] != "Observation"]  # so that the order needs a card
    answer = service.answer(request(make_fhir([*resources, device], token=TOKEN)))
    assert any(name in card["detail"] for card in answer["cards"])
    kept = [service.log, *service.log.parent.glob("journal.sqlite*")]
    assert len(kept) > 1
    for file in kept:
        assert b"Zorbatron" not in file.read_bytes(), file.name


@pytest.mark.parametrize("kind", ["status", "wrong_patient", "html", "truncated", "outcome", "array", "empty"])
def test_without_the_patient_there_is_no_answer(service: Service, make_fhir: MakeFhir, kind: str) -> None:
    response = service.call(request(make_fhir(chart(), token=TOKEN, faults=[Fault("^Patient", kind)])))
    assert response.status_code == 412
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert "patient" in outcome["issue"][0]["diagnostics"]


def test_a_wrong_token_means_no_patient(service: Service, make_fhir: MakeFhir) -> None:
    assert service.call(request(make_fhir(chart(), token="another"))).status_code == 412


def test_resources_of_somebody_else_never_count(service: Service, make_fhir: MakeFhir) -> None:
    """A server that answers every search with the neighbour's chart."""
    types = "Condition|Observation|Procedure|MedicationRequest|Encounter|Coverage"
    fhir = make_fhir(chart(), token=TOKEN, faults=[Fault(f"^({types})", "wrong_patient")])
    answer = service.answer(request(fhir))
    assert rating(answer, "order-1") != "appropriate"
    assert cards(answer, "order-1")


# --- a FHIR server that takes its time


ENDLESS = [
    Fault("^Observation", "delay", seconds=8),
    Fault("^Observation", "drip", seconds=0.05),
    Fault("^Observation", "endless"),
    Fault("^Observation", "loop"),
]


@pytest.mark.parametrize("fault", ENDLESS, ids=lambda f: f.kind)
def test_a_server_that_never_ends_does_not_hold_up_the_answer(
    service: Service, make_fhir: MakeFhir, fault: Fault
) -> None:
    fhir = make_fhir(chart(), token=TOKEN, faults=[fault], largest_page=3)
    began = time.monotonic()
    answer = service.answer(request(fhir))
    assert time.monotonic() - began < BUDGET + SLACK
    assert cards(answer, "order-1") or rating(answer, "order-1")


def test_what_arrived_before_a_slow_search_still_counts(service: Service, make_fhir: MakeFhir) -> None:
    """Communications are late; all that the pathway needs is there."""
    fhir = make_fhir(chart(), token=TOKEN, faults=[Fault("^Communication", "delay", seconds=8)])
    answer = service.answer(request(fhir))
    assert rating(answer, "order-1") == "appropriate"


def test_a_patient_who_does_not_come_in_time_is_missing(service: Service, make_fhir: MakeFhir) -> None:
    fhir = make_fhir(chart(), token=TOKEN, faults=[Fault("^Patient", "delay", seconds=8)])
    began = time.monotonic()
    assert service.call(request(fhir)).status_code == 412
    assert time.monotonic() - began < BUDGET + SLACK


def test_searches_run_side_by_side(service: Service, make_fhir: MakeFhir) -> None:
    """Fifteen searches of a third of a second each fit into the budget only together."""
    fhir = make_fhir(chart(), token=TOKEN, faults=[Fault(".", "delay", seconds=BUDGET / 4)])
    assert rating(service.answer(request(fhir)), "order-1") == "appropriate"


# --- a FHIR server that may not be called


def test_a_base_that_is_not_allowed_is_never_called(service: Service, forbidden_fhir_servers: FhirServers) -> None:
    fhir = forbidden_fhir_servers.make("not-allowed", chart())
    assert service.call(request(fhir)).status_code == 412
    answer = service.answer(request(fhir, prefetch={"patient": chart()[0]}))
    assert cards(answer, "order-1")
    assert fhir.calls == []


def test_a_token_never_leaves_for_another_server(
    service: Service, make_fhir: MakeFhir, forbidden_fhir_servers: FhirServers
) -> None:
    trap = forbidden_fhir_servers.make("trap", chart())
    faults = [Fault("^Observation", "elsewhere", location=f"{trap.base}/Observation?patient=patient-kerr"),
              Fault("^Condition", "redirect", location=f"{trap.base}/Condition?patient=patient-kerr")]  # fmt: skip
    fhir = make_fhir(chart(), token=TOKEN, faults=faults)
    service.answer(request(fhir))
    following = {"relation": "next", "url": f"{trap.base}/Observation?patient=patient-kerr"}
    given = {**prefetch(service, chart()), "observations": bundle([], link=[following])}
    service.answer(request(fhir, prefetch=given))
    assert trap.calls == []


def test_a_base_is_not_allowed_because_it_begins_like_one(service: Service, fhir_servers: FhirServers) -> None:
    host, port = fhir_servers.url.rsplit(":", 1)
    for base in (f"{host}.example:{port}/x/fhir", f"{host}:{port}@127.0.0.1:9/x/fhir"):
        began = time.monotonic()
        body = request(prefetch={"patient": chart()[0]}, fhirServer=base)
        assert service.call(body).status_code in (200, 400)
        assert time.monotonic() - began < BUDGET + SLACK
