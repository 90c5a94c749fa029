"""Da Vinci CRD coverage information, for CRD clients only.

The criteria say whether a guideline supports a study, not what a plan pays. So the statement is always `conditional`,
for coverage and for prior authorization, with the guideline's answer as its reason.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from criteria.ratings import Rating
from hooks.consult import Consult
from hooks.ids import stable_uuid

Json = dict[str, Any]
COVERAGE_INFORMATION = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"


def coverage_information(consult: Consult, coverage: str, today: dt.date) -> Json:
    """One statement for one ``Coverage/<id>``; its assertion id stays while the answer stays, and is never shared."""
    setting = consult.setting
    rating = (consult.verdict.rating or Rating.NO_CRITERIA).value
    reason = setting.words.say(f"coverage.{rating}")
    parts: list[Json] = [
        {"url": "coverage", "valueReference": {"reference": coverage}},
        {"url": "covered", "valueCode": "conditional"},
        {"url": "pa-needed", "valueCode": "conditional"},
        {"url": "reason", "valueCodeableConcept": {"text": reason}},
        {"url": "date", "valueDate": today.isoformat()},
        {
            "url": "coverage-assertion-id",
            "valueString": stable_uuid(setting.keys, f"coverage {coverage}", consult.content),
        },
    ]
    return {"url": COVERAGE_INFORMATION, "extension": parts}


def without_coverage_information(draft: Json, coverages: Collection[str]) -> Json:
    """The order without what was said earlier about these coverages; ``draft`` itself is not changed."""
    held = draft.get("extension")
    if not coverages or not isinstance(held, list):
        return draft
    kept = [e for e in held if not _about(e, coverages)]
    return {**{k: v for k, v in draft.items() if k != "extension"}, **({"extension": kept} if kept else {})}


def _about(extension: Any, coverages: Collection[str]) -> bool:
    if not isinstance(extension, dict) or extension.get("url") != COVERAGE_INFORMATION:
        return False
    parts = extension.get("extension")
    for part in parts if isinstance(parts, list) else []:
        reference = part.get("valueReference") if isinstance(part, dict) else None
        if isinstance(reference, dict) and reference.get("reference") in coverages:
            return True
    return False
