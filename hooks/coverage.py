"""Da Vinci CRD coverage information, for CRD clients only: one statement per order and coverage.

The criteria say whether a guideline supports a study, not what a plan pays. So the statement is `conditional`, for
coverage and for prior authorization, unless the site's own table (plans.py) says what the plan makes of our answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import astuple
from typing import Any

from criteria.ratings import Rating, Verdict
from hooks.actions import SYSTEMS, codings
from hooks.consult import Consult
from hooks.ids import stable_uuid
from hooks.plans import Contact, Plan, Terms
from hooks.site import CRD_TEMP, Insured, Site

Json = dict[str, Any]
COVERAGE_INFORMATION = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"
CRD_2_0 = "2.0.1"


def answer_of(verdict: Verdict) -> str:
    """The kind of answer, as a plan's table names it."""
    if verdict.rating is None:
        return "unrated"
    provisional = verdict.rating is Rating.APPROPRIATE and verdict.provisional
    return "appropriate-provisional" if provisional else verdict.rating.value


def coverage_information(consult: Consult, insured: Insured, today: dt.date, held: Json, may_ask: bool) -> Json:
    """One statement for one coverage; its assertion id stays while the answer stays, and no two coverages share one.

    ``held`` is the order as it came, with what was said earlier. ``may_ask``: documents may be asked for (not while the
    order is still being chosen).
    """
    setting, verdict = consult.setting, consult.verdict
    answer = answer_of(verdict)
    failed = bool(setting.unread) and verdict.rating is Rating.NEEDS_INFORMATION
    version, plan = setting.profile.crd, _plan(consult, insured)
    terms = _terms(consult, plan, answer)
    lapsed = not insured.in_force
    beside = [plan and plan.contact, plan and plan.valid_days, insured.until if version != CRD_2_0 else None, lapsed]
    ids = f"{insured.reference} {astuple(terms)}{f' {beside}' if any(beside) else ''}"
    parts: list[Json] = [{"url": "coverage", "valueReference": {"reference": insured.reference}}]
    if lapsed:
        parts += _not_in_force(setting.words.say("coverage.lapsed"))
    elif failed and version != CRD_2_0:
        parts += _undetermined(setting.words.say("coverage.technical"))
    else:
        parts += [{"url": k, "valueCode": v} for k, v in _codes(terms, version, may_ask)]
        parts += [{"url": "billingCode", "valueCoding": c} for c in _billed(consult, terms)]
        parts.append({"url": "reason", "valueCodeableConcept": {"text": setting.words.say(f"coverage.{answer}")}})
        if may_ask and terms.doc_needed:
            canonicals = questionnaires(setting.site, verdict)
            parts += [{"url": "questionnaire", "valueCanonical": c} for c in canonicals]
    assertion = stable_uuid(setting.keys, f"coverage {ids}", consult.content)
    if terms.pa_needed == "satisfied" and not lapsed:
        number = stable_uuid(setting.keys, f"authorization {ids}", consult.content)
        parts.append({"url": "satisfied-pa-id", "valueString": number})
    said, ends = _said_and_ends(_said_before(held, assertion), today, plan)
    parts.append({"url": "date", "valueDate": said.isoformat()})
    parts.append({"url": "coverage-assertion-id", "valueString": assertion})
    parts += _contact(plan.contact, version) if plan and plan.contact else []
    last = min((day for day in (ends, insured.until) if day), default=None)
    if last and version != CRD_2_0 and not lapsed:
        parts.append({"url": "expiry-date", "valueDate": last.isoformat()})
    return {"url": COVERAGE_INFORMATION, "extension": parts}


def undetermined(insured: Insured, assertion: str, today: dt.date, reason: str) -> Json:
    """The statement of CRD 2.2 where our own trouble kept us from answering."""
    parts: list[Json] = [
        {"url": "coverage", "valueReference": {"reference": insured.reference}},
        *_undetermined(reason),
        {"url": "date", "valueDate": today.isoformat()},
        {"url": "coverage-assertion-id", "valueString": assertion},
    ]
    return {"url": COVERAGE_INFORMATION, "extension": parts}


def questionnaires(site: Site, verdict: Verdict) -> list[str]:
    """The canonicals of the forms that ask what the deciding criteria still need; none where the site has no forms."""
    if not site.questionnaires or not verdict.asks:
        return []
    return [f"{site.questionnaires}/{criterion}" for criterion in verdict.criteria]


def without_coverage_information(draft: Json, coverages: Collection[str]) -> Json:
    """The order without what was said earlier about these coverages; ``draft`` itself is not changed."""
    held = draft.get("extension")
    if not coverages or not isinstance(held, list):
        return draft
    about = [_part(e, "coverage", "valueReference", "reference") for e in held]
    kept = [e for e, whose in zip(held, about, strict=True) if not (isinstance(whose, str) and whose in coverages)]
    return {**{k: v for k, v in draft.items() if k != "extension"}, **({"extension": kept} if kept else {})}


def _plan(consult: Consult, insured: Insured) -> Plan | None:
    """The verdict was made under one policy: it says nothing of a coverage that is under another."""
    setting = consult.setting
    return setting.site.plans.get(insured.policy) if insured.policy == setting.view.policy else None


def _terms(consult: Consult, plan: Plan | None, answer: str) -> Terms:
    """The plan's own; else conditional, with the questions that are open as documents."""
    if plan is not None:
        return plan.terms[answer]
    asks = consult.verdict.rating is Rating.NEEDS_INFORMATION and bool(consult.verdict.asks)
    return Terms(doc_needed=("clinical",) if asks else ())


def _codes(terms: Terms, version: str, may_ask: bool) -> Iterator[tuple[str, str]]:
    """The terms in one version's structure: 2.0.1 has one doc-needed, 2.2 wants a word with whatever is conditional."""
    yield "covered", terms.covered
    if terms.pa_needed:
        yield "pa-needed", terms.pa_needed
    if may_ask:
        both = version == CRD_2_0 and len(terms.doc_needed) > 1
        yield from (("doc-needed", code) for code in (("both",) if both else terms.doc_needed))
        yield from (("doc-purpose", code) for code in terms.doc_purpose)
    needed: Sequence[str] = terms.info_needed
    if version != CRD_2_0 and not needed and "conditional" in (terms.covered, terms.pa_needed):
        needed = ("OTH",)
    yield from (("info-needed", code) for code in needed)


def _undetermined(reason: str) -> list[Json]:
    technical = {"coding": [{"system": CRD_TEMP, "code": "technical"}], "text": reason}
    codes = [{"url": url, "valueCode": "indeterminate"} for url in ("covered", "pa-needed")]
    return [*codes, {"url": "reason", "valueCodeableConcept": technical}]


def _not_in_force(reason: str) -> list[Json]:
    """What CRD 2.2 wants said of a coverage that has ended or not begun (cards.html, resp-45)."""
    ended = {"coding": [{"system": CRD_TEMP, "code": "no-active-coverage"}], "text": reason}
    return [{"url": "covered", "valueCode": "not-covered"}, {"url": "reason", "valueCodeableConcept": ended}]


def _contact(contact: Contact, version: str) -> list[Json]:
    """Whom to ask: 2.0.1 has one part for each way to reach them, 2.2 one for all."""
    ways = [{"system": way, "value": value} for way, value in contact.ways]
    if version == CRD_2_0:
        return [{"url": "contact", "valueContactPoint": way} for way in ways]
    name = {"name": contact.name} if contact.name else {}
    return [{"url": "contact", "valueContactDetail": {**name, "telecom": ways}}]


def _billed(consult: Consult, terms: Terms) -> Iterator[Json]:
    """What must be billed for a firm statement to hold: the codes that were judged."""
    if terms.covered != "covered" or terms.pa_needed == "conditional":
        return
    for coding in codings(consult.draft.get("code")):
        system, code = coding.get("system"), coding.get("code")
        if isinstance(system, str) and isinstance(code, str) and SYSTEMS.get(system) in ("cpt", "hcpcs"):
            yield {"system": system, "code": code}


def _said_and_ends(before: str | None, today: dt.date, plan: Plan | None) -> tuple[dt.date, dt.date | None]:
    """The day of the statement and the last on which it holds; one that holds no more is made anew."""
    try:
        said = dt.date.fromisoformat(before) if before else today
    except ValueError:
        said = today
    if plan is None or plan.valid_days is None:
        return said, None
    days = dt.timedelta(days=plan.valid_days)
    said = said if said + days >= today else today
    return said, said + days


def _said_before(draft: Json, assertion: str) -> str | None:
    """The date on which the order's own copy of this statement was made."""
    held = draft.get("extension")
    for extension in held if isinstance(held, list) else []:
        if coverage_assertion(extension) == assertion:
            date = _part(extension, "date", "valueDate")
            return date if isinstance(date, str) else None
    return None


def coverage_assertion(extension: Any) -> str | None:
    """The assertion id of a coverage information extension; None for any other."""
    found = _part(extension, "coverage-assertion-id", "valueString")
    return found if isinstance(found, str) else None


def _part(extension: Any, url: str, *path: str) -> Any:
    """A value inside a coverage information extension of any shape."""
    if not isinstance(extension, dict) or extension.get("url") != COVERAGE_INFORMATION:
        return None
    parts = extension.get("extension")
    held = [p for p in parts if isinstance(p, dict)] if isinstance(parts, list) else []
    found: Any = next((p for p in held if p.get("url") == url), None)
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found
