"""Judging a file: a Bundle as tools and public repositories write it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from service.trial import judge_file
from tests.test_chart_readers import code

PATIENT, REASON, ORDER = (f"urn:uuid:00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
SUBJECT = {"reference": PATIENT}


def bundle() -> dict[str, Any]:
    """Its parts refer to each other by fullUrl."""
    today = dt.date.today().isoformat()
    patient = {"resourceType": "Patient", "id": "p1", "birthDate": "1970-01-01"}
    pain = {
        "resourceType": "Condition", "id": "c1", "subject": SUBJECT, "code": code(icd10="M54.50"),
        "onsetDateTime": today,
    }  # fmt: skip
    order = {
        "resourceType": "ServiceRequest", "id": "o1", "status": "draft", "intent": "order", "subject": SUBJECT,
        "code": code(cpt="72148"), "reasonReference": [{"reference": REASON}],
    }  # fmt: skip
    held = ((PATIENT, patient), (REASON, pain), (ORDER, order))
    entries = [{"fullUrl": url, "resource": resource} for url, resource in held]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def test_the_parts_of_a_bundle_may_refer_to_each_other_by_full_url(tmp_path: Path) -> None:
    by_url, by_id = tmp_path / "by_url.json", tmp_path / "by_id.json"
    text = json.dumps(bundle())
    by_url.write_text(text)
    by_id.write_text(text.replace(f'"reference": "{PATIENT}"', '"reference": "Patient/p1"').replace(
        f'"reference": "{REASON}"', '"reference": "Condition/c1"'))  # fmt: skip
    told = list(judge_file(by_url))
    assert told == list(judge_file(by_id))
    assert not any(line.startswith("set aside") for line in told)
