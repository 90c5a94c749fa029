"""FHIR R4 search, as far as imaging-cds asks for it: which resources does a query find, and in what order?

For tests only. Semantics follow https://hl7.org/fhir/R4/search.html; where a part is left out the query is refused or
ignored as that page says, never answered wrongly.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

# resource type -> search parameter -> (kind, elements)
PARAMETERS: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {
    "Patient": {
        "identifier": ("token", ("identifier",)),
        "birthdate": ("date", ("birthDate",)),
        "gender": ("token", ("gender",)),
        "active": ("token", ("active",)),
    },
    "Condition": {
        "code": ("token", ("code",)),
        "category": ("token", ("category",)),
        "clinical-status": ("token", ("clinicalStatus",)),
        "verification-status": ("token", ("verificationStatus",)),
        "recorded-date": ("date", ("recordedDate",)),
        "onset-date": ("date", ("onsetDateTime", "onsetPeriod")),
        "encounter": ("reference", ("encounter",)),
    },
    "Observation": {
        "code": ("token", ("code",)),
        "category": ("token", ("category",)),
        "status": ("token", ("status",)),
        "date": ("date", ("effectiveDateTime", "effectivePeriod", "effectiveInstant")),
        "based-on": ("reference", ("basedOn",)),
        "focus": ("reference", ("focus",)),
        "encounter": ("reference", ("encounter",)),
    },
    "Procedure": {
        "code": ("token", ("code",)),
        "category": ("token", ("category",)),
        "status": ("token", ("status",)),
        "date": ("date", ("performedDateTime", "performedPeriod")),
        "encounter": ("reference", ("encounter",)),
    },
    "MedicationRequest": {
        "code": ("token", ("medicationCodeableConcept",)),
        "status": ("token", ("status",)),
        "intent": ("token", ("intent",)),
        "authoredon": ("date", ("authoredOn",)),
        "medication": ("reference", ("medicationReference",)),
    },
    "MedicationStatement": {
        "code": ("token", ("medicationCodeableConcept",)),
        "status": ("token", ("status",)),
        "effective": ("date", ("effectiveDateTime", "effectivePeriod")),
    },
    "AllergyIntolerance": {
        "code": ("token", ("code", "reaction.substance")),
        "clinical-status": ("token", ("clinicalStatus",)),
        "verification-status": ("token", ("verificationStatus",)),
        "category": ("token", ("category",)),
        "criticality": ("token", ("criticality",)),
        "date": ("date", ("recordedDate",)),
    },
    "Device": {"status": ("token", ("status",)), "type": ("token", ("type",))},
    "Encounter": {
        "class": ("token", ("class",)),
        "type": ("token", ("type",)),
        "status": ("token", ("status",)),
        "date": ("date", ("period",)),
    },
    "DiagnosticReport": {
        "code": ("token", ("code",)),
        "category": ("token", ("category",)),
        "status": ("token", ("status",)),
        "date": ("date", ("effectiveDateTime", "effectivePeriod")),
        "issued": ("date", ("issued",)),
    },
    "ImagingStudy": {
        "status": ("token", ("status",)),
        "modality": ("token", ("series.modality",)),
        "started": ("date", ("started",)),
    },
    "ServiceRequest": {
        "code": ("token", ("code",)),
        "category": ("token", ("category",)),
        "status": ("token", ("status",)),
        "intent": ("token", ("intent",)),
        "authored": ("date", ("authoredOn",)),
        "encounter": ("reference", ("encounter",)),
    },
    "Communication": {
        "category": ("token", ("category",)),
        "status": ("token", ("status",)),
        "sent": ("date", ("sent",)),
        "received": ("date", ("received",)),
    },
    "Coverage": {
        "status": ("token", ("status",)),
        "type": ("token", ("type",)),
        "beneficiary": ("reference", ("beneficiary",)),
        "payor": ("reference", ("payor",)),
    },
    "QuestionnaireResponse": {
        "status": ("token", ("status",)),
        "authored": ("date", ("authored",)),
        "based-on": ("reference", ("basedOn",)),
    },
    "Medication": {"code": ("token", ("code",)), "status": ("token", ("status",))},
    "Practitioner": {"identifier": ("token", ("identifier",))},
    "PractitionerRole": {"practitioner": ("reference", ("practitioner",)), "specialty": ("token", ("specialty",))},
    "Organization": {"identifier": ("token", ("identifier",)), "name": ("string", ("name",))},
}
for _type, _element in (
    *((t, "subject") for t in ("Condition", "Observation", "Procedure", "MedicationRequest", "MedicationStatement",
                               "Encounter", "DiagnosticReport", "ImagingStudy", "ServiceRequest", "Communication",
                               "QuestionnaireResponse")),
    ("AllergyIntolerance", "patient"), ("Device", "patient"), ("Coverage", "beneficiary"),
):  # fmt: skip
    PARAMETERS[_type]["patient"] = ("patient", (_element,))
    if _element == "subject":
        PARAMETERS[_type]["subject"] = ("reference", (_element,))
for _parameters in PARAMETERS.values():
    _parameters["_id"] = ("token", ("id",))
    _parameters["_lastUpdated"] = ("date", ("meta.lastUpdated",))

MODIFIERS = {"token": {"not", "text", "missing"}, "date": {"missing"}, "reference": {"missing"}, "patient": {"missing"},
             "string": {"exact", "contains", "missing"}}  # fmt: skip


class BadQuery(Exception):
    """A query that must be refused; the text says why."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One ``name:modifier=value`` of a query, understood."""

    kind: str
    elements: tuple[str, ...]
    modifier: str
    alternatives: tuple[str, ...]


def read_parameter(resource_type: str, name: str, value: str) -> Parameter | None:
    """The parameter; None when this server does not know it. Raises `BadQuery`."""
    plain, _, modifier = name.partition(":")
    known = PARAMETERS[resource_type].get(plain)
    if known is None:
        return None
    kind, elements = known
    if kind == "reference" and modifier[:1].isupper():  # subject:Patient=1
        value, modifier = ",".join(f"{modifier}/{v}" for v in split(value)), ""
    if modifier and modifier not in MODIFIERS[kind]:
        raise BadQuery(f"modifier :{modifier} is not supported on {plain}")
    if modifier == "missing" and value not in ("true", "false"):
        raise BadQuery(f"{name} must be true or false")
    alternatives = split(value)
    if kind == "date" and not modifier:
        for alternative in alternatives:
            read_date(alternative)
    return Parameter(kind, elements, modifier, alternatives)


def split(value: str, at: str = ",") -> tuple[str, ...]:
    """Parts of a value; a backslash protects what follows it."""
    return tuple(re.sub(r"\\([,|$\\])", r"\1", part) for part in re.split(rf"(?<!\\){re.escape(at)}", value))


def matches(resource: Json, parameter: Parameter, base: str) -> bool:
    """Whether the resource is found by one parameter: any alternative of any element will do."""
    held = [value for path in parameter.elements for value in at(resource, path)]
    if parameter.modifier == "missing":
        return (not held) is (parameter.alternatives == ("true",))
    if parameter.modifier == "not":  # also true of a resource without any value
        return not any(_token(v, a) for v in held for a in parameter.alternatives)
    test: Callable[[Any, str], bool] = {
        "token": _text if parameter.modifier == "text" else _token,
        "date": _date,
        "reference": lambda v, a: _reference(v, a, base),
        "patient": lambda v, a: _patient(v, a, base),
        "string": _string_test(parameter.modifier),
    }[parameter.kind]
    return any(test(v, a) for v in held for a in parameter.alternatives)


def at(value: Any, path: str) -> Iterator[Any]:
    """Every value at a dotted path, lists taken apart."""
    if isinstance(value, list):
        for item in value:
            yield from at(item, path)
    elif not path:
        if value is not None:
            yield value
    elif isinstance(value, dict):
        head, _, tail = path.partition(".")
        if head in value:
            yield from at(value[head], tail)


# --- tokens


def _codings(value: Any) -> Iterator[tuple[str | None, str]]:
    """(system, code) of a CodeableConcept, Coding, Identifier, code or boolean; system "*" where a code implies it."""
    if isinstance(value, bool):
        yield "*", str(value).lower()
    elif isinstance(value, str):
        yield "*", value
    elif isinstance(value, dict):
        for coding in value["coding"] if isinstance(value.get("coding"), list) else [value]:
            code = coding.get("code", coding.get("value")) if isinstance(coding, dict) else None
            if isinstance(code, str):
                yield coding.get("system"), code


def _token(value: Any, wanted: str) -> bool:
    parts = re.split(r"(?<!\\)\|", wanted)
    if len(parts) > 2:
        raise BadQuery("a token has at most one |")
    system, code = (None, parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    for held_system, held_code in _codings(value):
        if code and held_code != code:
            continue
        if system is None and code:
            return True
        if system == "" and held_system is None and code:  # |code: explicitly without a system
            return True
        if system and (held_system == system or (held_system == "*" and system.startswith("http://hl7.org/fhir/"))):
            return True
    return False


def _text(value: Any, wanted: str) -> bool:
    """:text - the display or the concept's text begins with the wanted words."""
    texts = [*at(value, "text"), *at(value, "coding.display"), *at(value, "display")]
    return any(isinstance(t, str) and t.lower().startswith(wanted.lower()) for t in texts)


def _string_test(modifier: str) -> Callable[[Any, str], bool]:
    def test(value: Any, wanted: str) -> bool:
        if not isinstance(value, str):
            return False
        if modifier == "exact":
            return value == wanted
        here, there = value.lower(), wanted.lower()
        return there in here if modifier == "contains" else here.startswith(there)

    return test


# --- references


def _plain(reference: str, base: str) -> str:
    """Type/id for our own resources, whatever form the reference has; others stay whole."""
    local = reference.removeprefix(f"{base}/") if reference.startswith(f"{base}/") else reference
    return local.split("/_history/")[0]


def _reference(value: Any, wanted: str, base: str) -> bool:
    held = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(held, str):
        return False
    held, wanted = _plain(held, base), _plain(wanted, base)
    if "/" in wanted or wanted.startswith("urn:"):
        return held == wanted
    return held.count("/") == 1 and held.split("/")[1] == wanted


def _patient(value: Any, wanted: str, base: str) -> bool:
    """The parameter `patient`: only references to a Patient."""
    held = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(held, str) or not re.search(r"(^|/)Patient/[^/]+$", _plain(held, base)):
        return False
    return _reference(value, wanted, base)


# --- dates

Span = tuple[dt.datetime, dt.datetime]
FIRST = dt.datetime.min.replace(tzinfo=dt.UTC)
LAST = dt.datetime.max.replace(tzinfo=dt.UTC)
PREFIXES = ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb")
_FORM = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?")


def span_of(text: str) -> Span:
    """First moment and the moment after the last of a date of any precision; without a zone it is UTC.

    Raises `BadQuery`.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise BadQuery("not a date of FHIR")
    year, month, day, hour, minute, second, fraction, zone = form.groups()
    try:
        offset = dt.UTC
        if zone and zone != "Z":
            ahead = dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
            offset = dt.timezone(ahead if zone[0] == "+" else -ahead)
        micro = int((fraction or "0").ljust(6, "0")[:6])
        start = dt.datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0),
                            int(second or 0), micro, offset)  # fmt: skip
        if month is None:
            end = start.replace(year=start.year + 1)
        elif day is None:
            end = (start + dt.timedelta(days=31)).replace(day=1)
        elif hour is None:
            end = start + dt.timedelta(days=1)
        elif second is None:
            end = start + dt.timedelta(minutes=1)
        elif fraction is None:
            end = start + dt.timedelta(seconds=1)
        else:
            end = start + dt.timedelta(microseconds=10 ** max(0, 6 - len(fraction)))
    except (ValueError, OverflowError):
        raise BadQuery("no such day or time") from None
    return start, end


def read_date(wanted: str) -> tuple[str, Span]:
    """The prefix and the span of a date parameter. Raises `BadQuery`."""
    prefix = wanted[:2] if wanted[:2].isalpha() else "eq"
    if prefix not in PREFIXES:
        raise BadQuery(f"date prefix {prefix} is not supported")
    return prefix, span_of(wanted.removeprefix(prefix) if wanted[:2].isalpha() else wanted)


def held_span(value: Any) -> Span | None:
    """The span of an element; a Period open at one end reaches to the end of time. None when it is no date."""
    try:
        if isinstance(value, str):
            return span_of(value)
        if isinstance(value, dict) and (value.get("start") or value.get("end")):
            start = span_of(value["start"])[0] if value.get("start") else FIRST
            end = span_of(value["end"])[1] if value.get("end") else LAST
            return start, end
    except (BadQuery, TypeError, AttributeError):
        return None
    return None


def _date(value: Any, wanted: str) -> bool:
    prefix, (low, high) = read_date(wanted)
    held = held_span(value)
    if held is None:
        return False
    start, end = held
    inside = low <= start and end <= high
    return {
        "eq": inside,
        "ne": not inside,
        "gt": end > high,
        "lt": start < low,
        "ge": end > high or inside,
        "le": start < low or inside,
        "sa": start >= high,
        "eb": end <= low,
    }[prefix]


# --- order


def sort(resource_type: str, resources: Sequence[Json], value: str) -> list[Json]:
    """In the order of `_sort`; resources without a value come last. Raises `BadQuery`."""
    found = list(resources)
    for rule in reversed(value.split(",")):
        name, down = rule.removeprefix("-"), rule.startswith("-")
        known = PARAMETERS[resource_type].get(name)
        if known is None:
            raise BadQuery(f"cannot sort by {name}")
        kind, elements = known

        def key(resource: Json, kind: str = kind, elements: tuple[str, ...] = elements, down: bool = down) -> Any:
            held = [v for path in elements for v in at(resource, path)]
            if kind == "date":
                spans = [s for s in map(held_span, held) if s]
                return (max(s[1] for s in spans) if down else min(s[0] for s in spans)) if spans else None
            return next((c for v in held for _, c in _codings(v)), None)

        with_value = [r for r in found if key(r) is not None]
        found = sorted(with_value, key=key, reverse=down) + [r for r in found if key(r) is None]
    return found
