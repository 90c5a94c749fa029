"""Code systems under other names: accepted, and logged with the name that our own table gives them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from criteria.errors import DataError
from mappings.codings import SYSTEMS, short_name, systems, watch_aliases
from mappings.concepts import CONCEPTS, LISTS
from mappings.medications import supplies
from mappings.reasons import indications_of
from mappings.records import Records
from tests.conftest import SERVICE
from tests.requests_loader import load


@pytest.mark.parametrize(
    ("system", "name", "logged"),
    [
        ("http://www.ama-assn.org/go/cpt", "cpt", []),
        ("http://snomed.info/sct|http://snomed.info/sct/731000124108", "snomed", []),
        ("urn:oid:2.16.840.1.113883.6.12", "cpt", ["urn:oid:2.16.840.1.113883.6.12"]),
        ("2.16.840.1.113883.6.12", "cpt", ["urn:oid:2.16.840.1.113883.6.12"]),
        ("CPT", "cpt", ["CPT"]),
        ("cpt4", "cpt", ["CPT4"]),
        ("C4", "cpt", ["C4"]),
        ("LN", "loinc", ["LN"]),
        ("SCT", "snomed", ["SCT"]),
        ("I10", "icd10cm", ["I10"]),
        ("icd-10", "icd10cm", ["ICD-10"]),
        ("icd-10-cm", "icd10cm", ["ICD-10-CM"]),
        ("http://hl7.org/fhir/sid/icd-10", "icd10cm", ["http://hl7.org/fhir/sid/icd-10"]),
        ("https://loinc.org", "loinc", ["https://loinc.org"]),
        ("http://loinc.org/", "loinc", ["http://loinc.org (another spelling)"]),
        ("HTTP://LOINC.ORG", "loinc", ["http://loinc.org (another spelling)"]),
        ("http://hospital.example/orders", "", []),
        ("", "", []),
    ],
)
def test_a_system_is_known_under_its_other_names_and_their_use_is_noted(
    system: str, name: str, logged: list[str]
) -> None:
    met = watch_aliases()
    assert short_name(system) == name
    assert sorted(met) == logged


def test_the_service_logs_the_aliases_of_a_request_once_each(client: FlaskClient) -> None:
    body = load("requests/02_lumbar_mri_no_word_on_treatment.json")
    text = {
        "http://www.ama-assn.org/go/cpt": "CPT4",
        "http://hl7.org/fhir/sid/icd-10-cm": "urn:oid:2.16.840.1.113883.6.90",
    }
    changed = _renamed(body, text)
    with capture_logs() as lines:
        answer = client.post(f"/cds-services/{SERVICE}", json=changed)
    assert answer.status_code == 200
    aliases = [line["alias"] for line in lines if line["event"] == "system_alias"]
    assert aliases == ["CPT4", "urn:oid:2.16.840.1.113883.6.90"]
    plain = client.post(f"/cds-services/{SERVICE}", json=body)
    rating = [c["extension"]["io.github.imaging-cds"]["rating"] for r in (answer, plain) for c in r.get_json()["cards"]]
    assert len(set(rating)) == 1


def test_what_is_known_from_another_chart_still_tells_its_alias() -> None:
    """A concept is read once for all charts that write it so."""
    medicine = CONCEPTS[b'{"coding":[{"system":"RXN","code":"140587"}]}']
    reason = LISTS[b'[{"coding":[{"system":"I10","code":"M54.50"}]}]']
    request = {"resourceType": "MedicationRequest", "id": "1", "status": "active", "authoredOn": "2026-11-01",
               "medicationCodeableConcept": medicine}  # fmt: skip
    visit = {"resourceType": "Encounter", "id": "1", "reasonCode": reason}
    for _ in range(2):
        chart = Records({}, {"MedicationRequest": (request,), "Encounter": (visit,)})
        met = watch_aliases()
        assert ["nsaid" in s.classes for s in supplies(chart, dt.date(2026, 11, 29))] == [True]
        assert indications_of(visit, chart)
        assert sorted(met) == ["I10", "RXN"]


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            k: names.get(v, v) if k == "system" and isinstance(v, str) else _renamed(v, names) for k, v in value.items()
        }
    return [_renamed(v, names) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("uri,name,kind,source", "uri,name,source", "the first line must be"),
        ("LN,loinc,alias", "LN,loinc,other", "is none of canonical, alias"),
        ("LN,loinc,alias", "CPT,loinc,alias", "stands twice"),
        ("LN,loinc,alias", "LN,,alias", "filled cells"),
    ],
)
def test_a_slip_in_the_table_names_line_and_mend(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = SYSTEMS.read_text(encoding="utf-8")
    assert old in text
    broken = tmp_path / "systems.csv"
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=says) as caught:
        systems(broken)
    assert caught.value.line
