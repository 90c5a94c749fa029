"""The FHIR server that other tests rely on must itself be right: search semantics after the FHIR R4 search page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests

from tests.fhir_answers import Fault, Held, Refused, page, search
from tests.fhir_search import BadQuery, held_span, span_of
from tests.fhir_server import FhirServers

BASE = "http://127.0.0.1:1/x/fhir"
SCT, LOINC = "http://snomed.info/sct", "http://loinc.org"


def observation(identity: str, at: Any = "2026-03-10", subject: str = "Patient/1", **more: Any) -> dict[str, Any]:
    when = {"effectivePeriod": at} if isinstance(at, dict) else {"effectiveDateTime": at}
    return {"resourceType": "Observation", "id": identity, "status": "final", "subject": {"reference": subject},
            "code": {"coding": [{"system": LOINC, "code": "1988-5", "display": "C reactive protein"}]},
            **when, **more}  # fmt: skip


def found(resources: list[dict[str, Any]], query: str, kind: str = "Observation", **more: Any) -> list[str]:
    bundle = search(Held(BASE, resources, **more), kind, parse_qsl(query, keep_blank_values=True), strict=True)
    return [e["resource"]["id"] for e in bundle.get("entry", ()) if e["search"]["mode"] == "match"]


# --- references


@pytest.mark.parametrize("query", ["patient=1", "patient=Patient/1", f"patient={BASE}/Patient/1", "subject=Patient/1",
                                   "subject=1", f"subject={BASE}/Patient/1", "subject:Patient=1"])  # fmt: skip
def test_a_patient_is_found_by_bare_id_typed_id_and_absolute_url(query: str) -> None:
    held = [
        observation("mine"),
        observation("mine-absolute", subject=f"{BASE}/Patient/1"),
        observation("mine-versioned", subject="Patient/1/_history/3"),
        observation("longer-id", subject="Patient/11"),
        observation("suffix", subject="Patient/x-1"),
        observation("elsewhere", subject="https://other.example/fhir/Patient/1"),
    ]
    assert found(held, query) == ["mine", "mine-absolute", "mine-versioned"]


def test_patient_means_patients_only_and_subject_any_type() -> None:
    held = [observation("person"), observation("group", subject="Group/1")]
    assert found(held, "patient=1") == ["person"]
    assert found(held, "subject=1") == ["person", "group"]
    assert found(held, "subject:Group=1") == ["group"]


def test_another_server_is_found_by_its_whole_url_only() -> None:
    held = [observation("elsewhere", subject="https://other.example/fhir/Patient/1")]
    assert found(held, "patient=https://other.example/fhir/Patient/1") == ["elsewhere"]


def test_a_reference_by_identifier_alone_is_not_found() -> None:
    assert found([{**observation("a"), "subject": {"identifier": {"value": "1"}}}], "patient=1") == []


@pytest.mark.parametrize(("kind", "element"), [("Device", "patient"), ("AllergyIntolerance", "patient"),
                                               ("Coverage", "beneficiary"), ("Communication", "subject"),
                                               ("QuestionnaireResponse", "subject")])  # fmt: skip
def test_patient_works_for_types_that_name_the_patient_differently(kind: str, element: str) -> None:
    held = [{"resourceType": kind, "id": "a", element: {"reference": "Patient/1"}},
            {"resourceType": kind, "id": "b", element: {"reference": "Patient/2"}}]  # fmt: skip
    assert found(held, "patient=1", kind) == ["a"]


# --- tokens

CODED = [
    observation("loinc"),
    observation("sct", code={"coding": [{"system": SCT, "code": "1988-5"}]}),
    observation("bare", code={"coding": [{"code": "1988-5"}]}),
    observation("other", code={"coding": [{"system": LOINC, "code": "33914-3"}], "text": "eGFR"}),
    observation("two", code={"coding": [{"system": SCT, "code": "1"}, {"system": LOINC, "code": "1988-5"}]}),
    observation("text-only", code={"text": "1988-5"}),
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("code=1988-5", ["loinc", "sct", "bare", "two"]),
        (f"code={LOINC}|1988-5", ["loinc", "two"]),
        ("code=|1988-5", ["bare"]),
        (f"code={LOINC}|", ["loinc", "other", "two"]),
        (f"code={LOINC}|1988-5,{LOINC}|33914-3", ["loinc", "other", "two"]),
        (f"code={SCT}|1&code={LOINC}|1988-5", ["two"]),
        ("code:not=1988-5", ["other", "text-only"]),
        ("code:not=1988-5,33914-3", ["text-only"]),
        ("code:text=egfr", ["other"]),
        ("code:text=c react", ["loinc"]),
        ("code=1988", []),
    ],
)
def test_tokens(query: str, expected: list[str]) -> None:
    assert found(CODED, query) == expected


def test_status_and_category_and_what_lacks_them() -> None:
    held = [observation("final"), observation("amended", status="amended"),
            observation("lab", category=[{"coding": [{"code": "laboratory"}]}])]  # fmt: skip
    assert found(held, "status=final,amended") == ["final", "amended", "lab"]
    assert found(held, "status:not=amended") == ["final", "lab"]
    assert found(held, "status=http://hl7.org/fhir/observation-status|final") == ["final", "lab"]
    assert found(held, "category=laboratory") == ["lab"]
    assert found(held, "category:missing=true") == ["final", "amended"]
    assert found(held, "category:not=laboratory") == ["final", "amended"]


def test_ids_are_whole() -> None:
    held = [observation("order-1"), observation("order-12")]
    assert found(held, "_id=order-1") == ["order-1"]
    assert found(held, "_id=order-1,order-12") == ["order-1", "order-12"]


# --- dates

DATED = [
    observation("day", "2026-03-10"),
    observation("moment", "2026-03-10T23:30:00-05:00"),  # the 11th in UTC
    observation("month", "2026-03"),
    observation("year", "2026"),
    observation("later", "2026-04-01"),
    observation("period", {"start": "2026-03-01", "end": "2026-03-12"}),
    observation("open", {"start": "2026-03-01"}),
    observation("since-ever", {"end": "2026-03-05"}),
    observation("nothing", {}),
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("date=2026-03-10", ["day"]),
        ("date=eq2026-03", ["day", "moment", "month", "period"]),
        ("date=ne2026-03", ["year", "later", "open", "since-ever"]),
        ("date=gt2026-03-10", ["moment", "month", "year", "later", "period", "open"]),
        ("date=ge2026-03-10", ["day", "moment", "month", "year", "later", "period", "open"]),
        ("date=lt2026-03-10", ["month", "year", "period", "open", "since-ever"]),
        ("date=le2026-03-10", ["day", "month", "year", "period", "open", "since-ever"]),
        ("date=sa2026-03-10", ["moment", "later"]),
        ("date=eb2026-03-10", ["since-ever"]),
        ("date=ge2026-03-10&date=le2026-03-31", ["day", "moment", "month", "year", "period", "open"]),
        ("date=2026-03-10,2026-04-01", ["day", "later"]),
        ("date=gt2026-03-11T04:29:59Z&date=lt2026-03-11T04:30:01Z", ["moment", "month", "year", "period", "open"]),
        ("date:missing=true", []),
    ],
)
def test_dates(query: str, expected: list[str]) -> None:
    assert found(DATED, query) == expected


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026", "2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
        ("2026-12", "2026-12-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
        ("2024-02", "2024-02-01T00:00:00+00:00", "2024-03-01T00:00:00+00:00"),
        ("2024-02-29", "2024-02-29T00:00:00+00:00", "2024-03-01T00:00:00+00:00"),
        ("2026-03-10T10:00", "2026-03-10T10:00:00+00:00", "2026-03-10T10:01:00+00:00"),
        ("2026-03-10T10:00:00+02:00", "2026-03-10T10:00:00+02:00", "2026-03-10T10:00:01+02:00"),
        ("2026-03-10T10:00:00.5Z", "2026-03-10T10:00:00.500000+00:00", "2026-03-10T10:00:00.600000+00:00"),
    ],
)
def test_a_partial_date_spans_all_it_could_mean(text: str, low: str, high: str) -> None:
    start, end = span_of(text)
    assert (start.isoformat(), end.isoformat()) == (low, high)


@pytest.mark.parametrize(
    "text", ["", "26", "2026-13", "2026-02-30", "2026-3-1", "tomorrow", "2026-03-10T25:00", "0000"]
)
def test_what_is_no_date_is_refused_in_a_query_and_skipped_in_a_resource(text: str) -> None:
    with pytest.raises(BadQuery):
        span_of(text)
    assert held_span(text) is None
    if text:
        with pytest.raises(Refused):
            found(DATED, f"date=ge{text}")
    assert found([observation("odd", text)], "date=ge2000") == []


def test_last_updated() -> None:
    held = [observation("new", meta={"lastUpdated": "2026-03-10T00:00:00Z"}), observation("unknown")]
    assert found(held, "_lastUpdated=ge2026-03-01") == ["new"]


# --- results


def test_sorting_puts_what_has_no_date_last() -> None:
    assert found(DATED[:1] + DATED[4:5] + DATED[8:], "_sort=date") == ["day", "later", "nothing"]
    assert found(DATED[8:] + DATED[:1] + DATED[4:5], "_sort=-date") == ["later", "day", "nothing"]
    assert found(DATED[4:5] + DATED[:1], "_sort=status,date") == ["day", "later"]


def test_pages_hold_everything_once_and_in_order() -> None:
    held = Held(BASE, [observation(f"o{n}") for n in range(45)])
    bundle = search(held, "Observation", [("patient", "1"), ("_count", "20")], strict=True)
    seen, pages = [], 0
    while True:
        pages += 1
        assert bundle["total"] == 45
        seen += [e["resource"]["id"] for e in bundle["entry"]]
        link = next((x["url"] for x in bundle["link"] if x["relation"] == "next"), None)
        if link is None:
            break
        asked = dict(parse_qsl(link.partition("?")[2]))
        bundle = page(held, asked["_getpages"], int(asked["_getpagesoffset"]), int(asked["_count"]))
    assert pages == 3
    assert seen == [f"o{n}" for n in range(45)]


def test_the_server_may_give_smaller_pages_than_asked_for() -> None:
    bundle = search(Held(BASE, CODED, largest_page=2), "Observation", [("_count", "500")], strict=True)
    assert len(bundle["entry"]) == 2
    assert bundle["total"] == len(CODED)


def test_a_count_of_zero_only_counts() -> None:
    bundle = search(Held(BASE, CODED), "Observation", [("_count", "0")], strict=True)
    assert (bundle["total"], "entry" in bundle) == (len(CODED), False)


def test_a_search_that_finds_nothing_is_a_bundle_without_entries() -> None:
    bundle = search(Held(BASE, []), "Observation", [("patient", "1")], strict=True)
    assert (bundle["type"], bundle["total"], "entry" in bundle) == ("searchset", 0, False)


def test_entries_say_where_they_are_from_and_why_they_are_there() -> None:
    medicine = {"resourceType": "Medication", "id": "m"}
    order = {"resourceType": "MedicationRequest", "id": "r", "subject": {"reference": "Patient/1"},
             "medicationReference": {"reference": "Medication/m"}}  # fmt: skip
    held = Held(BASE, [medicine, order])
    bundle = search(held, "MedicationRequest", [("_include", "MedicationRequest:medication")], strict=True)
    assert [(e["fullUrl"], e["search"]["mode"]) for e in bundle["entry"]] == [
        (f"{BASE}/MedicationRequest/r", "match"),
        (f"{BASE}/Medication/m", "include"),
    ]
    assert bundle["total"] == 1


def test_an_unknown_parameter_is_refused_when_strict_and_named_when_lenient() -> None:
    with pytest.raises(Refused) as refused:
        search(Held(BASE, CODED), "Observation", [("colour", "red")], strict=True)
    assert refused.value.status == 400
    bundle = search(Held(BASE, CODED), "Observation", [("colour", "red")], strict=False)
    remark = bundle["entry"][-1]
    assert (remark["search"]["mode"], remark["resource"]["resourceType"]) == ("outcome", "OperationOutcome")
    assert "colour" not in bundle["link"][0]["url"]
    assert bundle["total"] == len(CODED)


@pytest.mark.parametrize(
    "query",
    ["code:below=1", "date:not=2026", "_count=x", "_sort=colour", "date=ap2026", "code=a|b|c", "code:missing=perhaps"],
)
def test_what_is_not_supported_is_refused(query: str) -> None:
    with pytest.raises(Refused) as refused:
        found(CODED, query)
    assert refused.value.status == 400


# --- over HTTP


@pytest.fixture(scope="module")
def servers() -> Iterator[FhirServers]:
    with FhirServers() as running:
        yield running


PATIENT = {"resourceType": "Patient", "id": "1"}


def test_reads_searches_and_says_what_it_can(servers: FhirServers) -> None:
    fhir = servers.make("plain", [PATIENT, *CODED])
    assert requests.get(f"{fhir.base}/Patient/1", timeout=5).json() == PATIENT
    by_get = requests.get(f"{fhir.base}/Observation", params={"patient": "1"}, timeout=5)
    by_post = requests.post(f"{fhir.base}/Observation/_search", data={"patient": "1"}, timeout=5)
    assert by_get.headers["Content-Type"] == "application/fhir+json"
    assert by_get.json()["entry"] == by_post.json()["entry"]
    statement = requests.get(f"{fhir.base}/metadata", timeout=5).json()
    assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    lines = [(c["method"], c["path"].split("?")[0]) for c in fhir.calls]
    assert lines == [("GET", "Patient/1"), ("GET", "Observation"), ("POST", "Observation/_search"), ("GET", "metadata")]


@pytest.mark.parametrize(("path", "status"), [("Patient/2", 404), ("Nonsense", 404), ("Nonsense?patient=1", 404),
                                              ("Observation?_format=xml", 406), ("", 404),
                                              ("?_getpages=x&_getpagesoffset=0&_count=1", 410)])  # fmt: skip
def test_errors_are_operation_outcomes(servers: FhirServers, path: str, status: int) -> None:
    fhir = servers.make("errors", [PATIENT])
    response = requests.get(f"{fhir.base}/{path}", timeout=5)
    assert response.status_code == status
    assert response.json()["resourceType"] == "OperationOutcome"


def test_strict_by_header(servers: FhirServers) -> None:
    fhir = servers.make("strict", CODED)
    url = f"{fhir.base}/Observation?colour=red"
    assert requests.get(url, timeout=5).status_code == 200
    assert requests.get(url, timeout=5, headers={"Prefer": "handling=strict"}).status_code == 400


def test_next_links_work_as_they_are(servers: FhirServers) -> None:
    fhir = servers.make("paged", [observation(f"o{n}") for n in range(5)], page_size=2, token="t")
    headers = {"Authorization": "Bearer t"}
    url, seen = f"{fhir.base}/Observation?patient=1", []
    while url:
        bundle = requests.get(url, timeout=5, headers=headers).json()
        seen += [e["resource"]["id"] for e in bundle["entry"]]
        url = next((x["url"] for x in bundle["link"] if x["relation"] == "next"), "")
    assert seen == ["o0", "o1", "o2", "o3", "o4"]


def test_without_the_right_token_there_is_only_the_capability_statement(servers: FhirServers) -> None:
    fhir = servers.make("locked", [PATIENT], token="right")
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "right"}):
        response = requests.get(f"{fhir.base}/Patient/1", timeout=5, headers=headers)
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert requests.get(f"{fhir.base}/metadata", timeout=5).status_code == 200
    assert [c["authorization"] for c in fhir.calls] == [None, "Bearer wrong", "right", None]


def test_faults(servers: FhirServers) -> None:
    faults = [
        Fault("^Condition", "status", code=500),
        Fault("^Procedure", "redirect", location="http://127.0.0.1:9/"),
        Fault("^Device", "html"),
        Fault("^Encounter", "truncated"),
        Fault("^Coverage", "outcome"),
        Fault("^Observation", "endless"),
        Fault("^Patient", "wrong_patient"),
        Fault("^Communication", "delay", seconds=0.3),
        Fault("^ImagingStudy", "elsewhere", location="http://127.0.0.1:9/fhir?page=2"),
        Fault("^DiagnosticReport", "lost_link"),
    ]
    reports = [{**observation(f"r{n}"), "resourceType": "DiagnosticReport"} for n in range(3)]
    fhir = servers.make("faults", [PATIENT, *CODED, *reports], faults=faults, page_size=2)

    def get(path: str, **more: Any) -> requests.Response:
        return requests.get(f"{fhir.base}/{path}", timeout=5, **more)

    assert get("Condition?patient=1").status_code == 500
    assert get("Procedure?patient=1", allow_redirects=False).headers["Location"] == "http://127.0.0.1:9/"
    assert get("Device?patient=1").headers["Content-Type"] == "text/html"
    with pytest.raises(requests.JSONDecodeError):
        get("Encounter?patient=1").json()
    assert get("Coverage?patient=1").json()["resourceType"] == "OperationOutcome"
    assert get("Patient/1").json()["id"] == "somebody-else"
    assert get("Communication?patient=1").elapsed.total_seconds() >= 0.3
    assert get("ImagingStudy?patient=1").json()["link"][-1]["url"] == "http://127.0.0.1:9/fhir?page=2"
    lost = get("DiagnosticReport?patient=1").json()
    assert (lost["total"], len(lost["entry"]), [x["relation"] for x in lost["link"]]) == (3, 2, ["self"])
    url, seen = "Observation?patient=1", set()
    for _ in range(5):
        url = get(url).json()["link"][-1]["url"].removeprefix(f"{fhir.base}/")
        seen.add(url)
    assert len(seen) == 5, "every page has a next page that was not there before"
