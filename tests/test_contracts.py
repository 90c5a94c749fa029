"""Each client profile over HTTP: the contracts of fixtures/contracts, and the rules that hold for every answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from hooks.actions import PAMA
from hooks.coverage import COVERAGE_INFORMATION
from service.app import create_app
from service.clients import load_profiles
from service.settings import read_settings
from tests.requests_loader import FIXTURES, good_requests, load
from tests.response_rules import faults
from tests.service_examples import SERVICE, parts_of

CONTRACTS = yaml.safe_load((FIXTURES / "contracts" / "contracts.yaml").read_text(encoding="utf-8"))
PROFILES = sorted(load_profiles())
Json = dict[str, Any]
Answer = Callable[[str, Json], Json]


@pytest.fixture(scope="module")
def answer_to(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    """answer_to(profile, body): the answer of a service whose clients all have that profile."""
    apps: dict[str, Flask] = {}

    def answer(profile: str, body: Json) -> Json:
        if profile not in apps:
            folder = str(tmp_path_factory.mktemp(profile))
            settings = {
                "open": True, "data_dir": folder, "default_profile": profile, "base_url": "https://cds.example.org",
                "app_launch": "https://cds.example.org/launch",
                "questionnaires": "https://cds.example.org/fhir/Questionnaire",
            }  # fmt: skip
            apps[profile] = create_app(read_settings({}, **settings))
        if load_profiles()[profile].shows.crd == "2.2":
            body = insured(body)
        response = apps[profile].test_client().post(SERVICE, json=body)
        assert response.status_code == 200, response.text
        held: Json = response.get_json()
        return held

    yield answer
    for app in apps.values():
        parts_of(app).journal.engine.dispose()


def insured(body: Json) -> Json:
    """With the one Coverage that a call under CRD 2.2 needs, where it has none."""
    if body["prefetch"].get("coverages", {}).get("entry"):
        return body
    payor = {"identifier": {"system": "https://example.org/payers", "value": "1"}, "display": "Example health plan"}
    patient = {"reference": f"Patient/{body['context']['patientId']}"}
    coverage = {"resourceType": "Coverage", "id": "c1", "status": "active", "beneficiary": patient, "payor": [payor]}
    held = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": coverage}]}
    return {**body, "prefetch": {**body["prefetch"], "coverages": held}}


def under(hook: str, body: Json) -> Json:
    """The same orders under another hook, all selected."""
    drafts = drafts_of(body)
    chosen = {"selections": [f"{d['resourceType']}/{d['id']}" for d in drafts]} if hook == "order-select" else {}
    context = {k: v for k, v in body["context"].items() if k != "selections"}
    return {**body, "hook": hook, "context": {**context, **chosen}}


def drafts_of(body: Json) -> list[Json]:
    return [entry["resource"] for entry in body["context"]["draftOrders"]["entry"]]


def test_every_profile_has_a_contract() -> None:
    assert {c["profile"] for c in CONTRACTS} == set(PROFILES)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: f"{c['profile']}-{Path(c['request']).stem}")
def test_a_contract_holds(answer_to: Answer, contract: Json) -> None:
    body = load(contract["request"])
    body = under(contract["hook"], body) if "hook" in contract else body
    if "asks" in contract:
        body["extension"] = contract["asks"]
    answer = answer_to(contract["profile"], body)
    told = facts_of(answer)
    expected = dict(contract["expect"])
    says = expected.pop("says", {})
    assert {k: told[k] for k in expected} == expected
    assert {k: told["says"].get(k) for k in says} == says


def facts_of(answer: Json) -> Json:
    cards = answer["cards"]
    actions = answer.get("systemActions")
    extensions = [e for a in actions or () for e in a["resource"].get("extension", ())]
    rating: list[Json] = next((e["valueCodeableConcept"]["coding"] for e in extensions if e["url"] == PAMA), [])
    codes = [*(c["code"] for c in rating), None, None]
    statement: list[Json] = next((e["extension"] for e in extensions if e["url"] == COVERAGE_INFORMATION), [])
    labels = {c["source"]["label"] for c in cards}
    return {
        "rating": codes[0],
        "score": codes[1],
        "extension": "extension" in answer,
        "actions": None if actions is None else len(actions),
        "cards": [c["source"]["topic"]["code"] for c in cards],
        "label": next(iter(labels)) if len(labels) == 1 else labels,
        "links": sorted({link["type"] for c in cards for link in c.get("links", ())}),
        "suggests": any("suggestions" in c for c in cards),
        "overrides": any("overrideReasons" in c for c in cards),
        "says": {p["url"]: next(v for k, v in p.items() if k != "url") for p in statement},
    }


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
@pytest.mark.parametrize("profile", PROFILES)
def test_every_answer_of_every_profile_keeps_the_rules(answer_to: Answer, profile: str, hook: str) -> None:
    """CDS Hooks 2.0 and 3.0, FHIR, and for CRD clients the public server tests."""
    crd = bool(load_profiles()[profile].shows.crd)
    for name, request in good_requests().items():
        body = under(hook, request)
        answer = answer_to(profile, body)
        assert faults(answer, drafts_of(body), crd, hook == "order-sign") == [], name


def test_a_suggestion_is_one_action_so_that_nothing_is_half_done(answer_to: Answer) -> None:
    suggestions = [
        s for r in good_requests().values() for c in answer_to("full", r)["cards"] for s in c.get("suggestions", ())
    ]
    assert suggestions
    assert {len(s["actions"]) for s in suggestions} == {1}


def test_the_rules_notice_what_is_wrong(answer_to: Answer) -> None:
    body = load("requests/08_lumbar_ct_as_first_study.json")
    drafts = drafts_of(body)
    for profile, spoil, says in SPOILT:
        answer = answer_to(profile, body)
        spoil(answer)
        found = faults(answer, drafts, profile.startswith("crd"), True)
        assert any(says in fault for fault in found), (says, found)


def _first(answer: Json) -> Json:
    card: Json = answer["cards"][0]
    return card


SPOILT: list[tuple[str, Callable[[Json], Any], str]] = [
    ("full", lambda a: _first(a).update(summary="x" * 140), "less than 140"),
    ("full", lambda a: _first(a).update(indicator="hard-stop"), "indicator"),
    ("full", lambda a: _first(a).update(note=None), "is empty"),
    ("full", lambda a: _first(a).pop("selectionBehavior"), "belong together"),
    ("full", lambda a: _first(a)["overrideReasons"][0].pop("display"), "display is missing"),
    ("full", lambda a: _first(a)["links"][-1].update(appContext="x"), "appContext"),
    ("full", lambda a: _first(a)["source"].pop("topic") and _first(a)["source"].update(topic={"code": "x"}), "system"),
    ("full", lambda a: _first(a)["suggestions"][0]["actions"][0]["resource"].pop("subject"), "loses"),
    ("full", lambda a: a["systemActions"][0]["resource"].update(priority="stat"), "more than extensions"),
    ("full", lambda a: a["extension"].update(systemActions=[{}]), "something else"),
    ("crd-2.2", lambda a: a.pop("systemActions"), "no systemActions"),
    ("crd-2.2", lambda a: _first(a)["links"].append({"label": "x", "url": "https://x", "type": "smart"}), "mixes"),
]
