"""Judging a file: a Bundle as tools and public repositories write it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from service.cli import main
from service.trial import from_bundle, judge_file
from tests.chart_examples import code
from tests.replay_runs import ROOT

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


def judged(*words: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(main, ["judge", *map(str, words)], env=environment)


def test_the_sites_overlay_judges_as_it_does_in_the_service(tmp_path: Path) -> None:
    overlay = tmp_path / "our.yaml"
    overlay.write_text(
        "- silence: evicore-preface-2021/implant_that_forbids_mri\n  author: a\n  date: 2026-01-01\n  reason: Ours.\n"
    )
    file = ROOT / "fixtures" / "requests" / "07_pacemaker_and_mri.json"
    assert "not-appropriate" in judged(file).output.splitlines()[0]
    assert "not-appropriate" not in judged(file, IMAGING_CDS_OVERLAY_FILE=str(overlay)).output.splitlines()[0]


def test_a_setting_that_there_is_not_is_refused() -> None:
    file = ROOT / "fixtures" / "requests" / "07_pacemaker_and_mri.json"
    said = judged(file, IMAGING_CDS_NONSENSE="1")
    assert said.exit_code == 1 and "IMAGING_CDS_NONSENSE is no setting" in said.output


def test_a_type_that_the_bundle_lacks_is_not_known_rather_than_absent(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(bundle()))
    request = from_bundle(bundle(), "order-sign")
    assert {"patient", "conditions", "service_requests"} == set(request["prefetch"])
    assert "devices" in from_bundle(bundle(), "order-sign", complete=True)["prefetch"]
    assert "devices" not in judged(file, "--complete", "--json").output
    lacking = json.loads(judged(file, "--json").output)["cards"][0]["detail"]
    whole = json.loads(judged(file, "--complete", "--json").output)["cards"][0]["detail"]
    assert lacking != whole
