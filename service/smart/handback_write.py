"""The answers into the EHR's chart: a QuestionnaireResponse, and an Observation for each, where the scopes allow.

Nothing is written twice: what was written is noted with the consult before it is sent, and each resource carries an
identifier of its own that the EHR may know it by (If-None-Exist).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from enum import StrEnum
from urllib.parse import quote

import orjson
import structlog

from criteria.vocabulary import LASTING
from service.outgoing import Unavailable
from service.smart.answers import Json, observation
from service.smart.consults import OpenConsult
from service.smart.models import AppAnswer
from service.smart.parts import SmartParts
from service.smart.scopes import may_create
from service.smart.sessions import Launched

log = structlog.get_logger("imaging_cds.app")

IDENTIFIERS = "https://imaging-cds.github.io/fhir/NamingSystem/answer"
FHIR = "application/fhir+json"
FORM = "QuestionnaireResponse"
KINDS = (FORM, "Observation")


class Wrote(StrEnum):
    """What became of it; each is a key of words.yaml."""

    ALL = "written"
    BEFORE = "written-before"
    PARTLY = "written-partly"
    NOTHING = "not-written"


def may_write(scope: str) -> bool:
    return any(may_create(scope, kind) for kind in KINDS)


def write_back(
    smart: SmartParts,
    launched: Launched,
    secret: str,
    consult: OpenConsult,
    answers: Sequence[AppAnswer],
    now: dt.datetime,
) -> Wrote:
    """Raises `SessionOver`."""
    launched = smart.chart.fresh(launched, secret)
    made = [r for r in resources(smart, launched, consult, answers) if _may(launched, r)]
    left = [r for r in made if _name(r) not in consult.written]
    if not left:
        return Wrote.BEFORE if made else Wrote.NOTHING
    noted = smart.consults.note_written(consult, [*consult.written, *(_name(r) for r in left)], now)
    if noted is None:
        return Wrote.BEFORE  # a second click was quicker, and writes it
    failed = [r for r in left if not _sent(smart, launched, r)]
    if failed:
        kept = [name for name in noted.written if name not in {_name(r) for r in failed}]
        smart.consults.note_written(noted, kept, now)
    return Wrote.ALL if not failed else Wrote.NOTHING if len(failed) == len(made) else Wrote.PARTLY


def resources(
    smart: SmartParts, launched: Launched, consult: OpenConsult, answers: Sequence[AppAnswer]
) -> Iterator[Json]:
    """The form, then its answers one by one; about this order, unless an answer is about what lasts."""
    vocabulary, marks = consult.kept.library.vocabulary, list[str]()
    items: list[Json] = []
    single: list[Json] = []
    for row in answers:
        fact = vocabulary[row.fact]
        said = observation(row, fact, consult.reference, launched.patient, consult.user)
        del said["id"]
        if fact.name.startswith(LASTING):
            del said["focus"]
        if launched.encounter:
            said["encounter"] = {"reference": f"Encounter/{launched.encounter}"}
        marks.append(smart.store.hashed(row.tenant, "written", row.mark, repr(row.value), row.answered.isoformat()))
        single.append({**said, "identifier": [{"system": IDENTIFIERS, "value": marks[-1]}]})
        value = {k.replace("CodeableConcept", "Coding"): v for k, v in said.items() if k.startswith("value")}
        if "valueCoding" in value:
            [value["valueCoding"]] = value["valueCoding"]["coding"]
        items.append({"linkId": fact.name, "text": said["code"]["text"], "answer": [value]})
    if not items:
        return
    whole = smart.store.hashed(consult.row.tenant, "written", *sorted(marks))
    form: Json = {
        "resourceType": FORM,
        "identifier": {"system": IDENTIFIERS, "value": whole},
        "status": "completed",
        "basedOn": [{"reference": consult.reference}],
        "subject": {"reference": f"Patient/{launched.patient}"},
        "authored": max(a.answered for a in answers).isoformat(timespec="seconds"),
        "author": {"reference": consult.user},
        "item": items,
    }
    if launched.encounter:
        form["encounter"] = {"reference": f"Encounter/{launched.encounter}"}
    yield form
    yield from single


def _may(launched: Launched, resource: Json) -> bool:
    return may_create(launched.tokens.scope, resource["resourceType"])


def _name(resource: Json) -> str:
    held = resource["identifier"]
    return str((held[0] if isinstance(held, list) else held)["value"])


def _sent(smart: SmartParts, launched: Launched, resource: Json) -> bool:
    settings, kind = smart.chart.settings, resource["resourceType"]
    base, named = smart.chart.below(launched.iss)
    headers = {
        "Accept": FHIR,
        "Authorization": f"Bearer {launched.tokens.access}",
        "Content-Type": FHIR,
        "If-None-Exist": f"identifier={quote(IDENTIFIERS, safe='')}|{_name(resource)}",
        "Prefer": "return=minimal",
    }
    try:
        status, _ = smart.chart.calls.post(
            f"{launched.iss}/{kind}", base, headers, orjson.dumps(resource).decode(), settings.fhir_timeout_seconds,
            settings.fhir_max_bytes, named,
        )  # fmt: skip
    except Unavailable as error:
        log.warning("not_written", kind=kind, reason=error.reason)
        return False
    if status not in (200, 201):
        log.warning("not_written", kind=kind, reason=f"http-{status}")
    return status in (200, 201)
