"""Makes of a good hook request what no EHR should send, in the ways in which FHIR goes wrong.

Each way is a function of the request (changed in place) and the chance; `mangle` draws some of them. `spoil` spoils the
bytes instead.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Way = Callable[[Json, random.Random], None]

TEXTS = ["", " ", "\u0000", "a\u0000b", "\u202e\u2066txet", "\ufeff", "é", "e\u0301", "\U0001f9b4" * 500,
         "x" * 100_000, "<script>alert(1)</script>", "{{7*7}}", "'; DROP TABLE consults; --", "%00",
         "../../etc/passwd", "\ud800", "\udfff\ud800", "\u0661\u0662", "ß", "İ", "NaN", "null", "true", "0x10", "1e999",
         "Patient/", "#", "#a", "urn:uuid:", "http://["]  # fmt: skip
NUMBERS: list[Any] = [0, -1, 1, 10**18, -(10**18), 1e308, -1e308, 5e-324, 0.1 + 0.2, -0.0, 2**63, 2**64 - 1, 1e22]
DATES = ["", "2026", "2026-00", "2026-13-45", "2026-02-30", "0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01",
         "2026-03-10T24:00:00Z", "2026-03-10T10:00:60Z", "2026-03-10T10:00:00", "2026-03-10T10:00:00+99:99",
         "2026-03-10T10:00:00.123456789123Z", "20260310", "10/03/2026", "yesterday", "-0044-03-15", "2026-W10",
         "2026-03-10T10:00:00Z/2026-03-11", "\u0662\u0660\u0662\u0666-01-01"]  # fmt: skip
ODD: list[Any] = [None, True, False, 0, -1, 1.5, "", "x", [], {}, [[]], [None], [{}], [[[1]]], {"x": {}}, {"coding": 7},
                  {"coding": [7]}, {"coding": {}}, {"reference": 7}, {"reference": None}, {"value": "many"},
                  {"coding": [{"system": 7, "code": True}]}, {"resourceType": "Bundle"},
                  {"resourceType": 7}]  # fmt: skip
KINDS = ["Patient", "Bundle", "OperationOutcome", "Observation", "Condition", "ServiceRequest", "Nothing", "",
         "patient", "Binary", "Parameters", "List"]  # fmt: skip


# --- where


def nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder (object or list) with a key of it."""
    children = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    for key, child in children:
        yield value, key
        yield from nodes(child)


def somewhere(body: Json, chance: random.Random) -> tuple[Any, Any]:
    """A place in the drafts, in the chart or anywhere; never the one that names hook or body itself."""
    part = chance.choice([body.get("context"), body.get("prefetch"), body.get("prefetch"), body])
    found = list(nodes(part)) or list(nodes(body))
    return chance.choice(found)


def resources(body: Json) -> list[Json]:
    """Every resource of the chart and every draft."""
    found = [
        holder[key]
        for holder, key in nodes(body)
        if key == "resource" and isinstance(holder, dict) and isinstance(holder[key], dict)
    ]
    return found or [body]


def some(body: Json, chance: random.Random) -> Json:
    return chance.choice(resources(body))


def bundles(body: Json) -> list[Json]:
    prefetch = body.get("prefetch")
    held = list(prefetch.values()) if isinstance(prefetch, dict) else []
    context = body.get("context")
    held += [context.get("draftOrders")] if isinstance(context, dict) else []
    return [b for b in held if isinstance(b, dict) and isinstance(b.get("entry"), list)] or [{"entry": []}]


def coded(body: Json, chance: random.Random) -> Json:
    """Some CodeableConcept."""
    found = [h[k] for h, k in nodes(body) if isinstance(h[k], dict) and isinstance(h[k].get("coding"), list)]
    return chance.choice(found) if found else {"coding": []}


# --- how


def drop(body: Json, chance: random.Random) -> None:
    holder, key = somewhere(body, chance)
    del holder[key]


def odd_value(body: Json, chance: random.Random) -> None:
    holder, key = somewhere(body, chance)
    holder[key] = copy.deepcopy(chance.choice(ODD))


def odd_text(body: Json, chance: random.Random) -> None:
    texts = [(h, k) for h, k in nodes(body) if isinstance(h[k], str)]
    holder, key = chance.choice(texts)
    holder[key] = chance.choice(TEXTS)


def odd_number(body: Json, chance: random.Random) -> None:
    numbers = [(h, k) for h, k in nodes(body) if isinstance(h[k], int | float)] or [somewhere(body, chance)]
    holder, key = chance.choice(numbers)
    holder[key] = chance.choice(NUMBERS)


def odd_date(body: Json, chance: random.Random) -> None:
    names = ("date", "Date", "Time", "On", "start", "end", "issued", "recorded")
    dates = [(h, k) for h, k in nodes(body) if isinstance(k, str) and k.endswith(names)] or [somewhere(body, chance)]
    holder, key = chance.choice(dates)
    holder[key] = chance.choice(DATES)


def doubled(body: Json, chance: random.Random) -> None:
    """A list where one is due, or one where a list is due, or everything twice."""
    holder, key = somewhere(body, chance)
    value = holder[key]
    if isinstance(value, list):
        holder[key] = value * 2 if chance.random() < 0.5 else (value[0] if value else {})
    else:
        holder[key] = [value, copy.deepcopy(value)]


def nested(body: Json, chance: random.Random) -> None:
    holder, key = somewhere(body, chance)
    value = holder[key]
    for _ in range(chance.choice([3, 30, 70])):
        value = [value] if chance.random() < 0.5 else {chance.choice(["extension", "value", "x"]): value}
    holder[key] = value


def many_codings(body: Json, chance: random.Random) -> None:
    concept = coded(body, chance)
    one = concept["coding"][0] if concept["coding"] else {"system": "http://loinc.org", "code": "1"}
    count = chance.choice([2, 50, 10_000])
    kept = [{**one, "code": f"{n}"} if isinstance(one, dict) else one for n in range(count)]
    concept["coding"] = kept + concept["coding"] if chance.random() < 0.5 else [one] * count


def odd_system(body: Json, chance: random.Random) -> None:
    for coding in coded(body, chance)["coding"]:
        if isinstance(coding, dict):
            coding["system"] = chance.choice(
                ["http://snomed.info/sct ", "HTTP://LOINC.ORG", 7, None, [], "urn:oid:", ""]
            )


def wrong_type(body: Json, chance: random.Random) -> None:
    some(body, chance)["resourceType"] = chance.choice(KINDS)


def wrong_patient(body: Json, chance: random.Random) -> None:
    some(body, chance)["subject"] = {"reference": chance.choice(["Patient/other", "Patient/", "Group/1", "#p", "", 7])}


def contained(body: Json, chance: random.Random) -> None:
    """Contained resources that refer to one another in a circle, or to themselves."""
    one = some(body, chance)
    one["contained"] = [
        {
            "resourceType": "Condition",
            "id": "a",
            "evidence": [{"detail": [{"reference": "#b"}]}],
            "partOf": {"reference": "#b"},
        },
        {"resourceType": chance.choice(KINDS), "id": "b", "partOf": [{"reference": "#a"}, {"reference": "#"}]},
        chance.choice(ODD),
    ]
    for name in ("reasonReference", "supportingInfo", "basedOn", "hasMember", "partOf", "medicationReference"):
        if chance.random() < 0.5:
            one[name] = [{"reference": chance.choice(["#a", "#b", "#", "#missing"])}]


def circle(body: Json, chance: random.Random) -> None:
    """Resources that refer to one another in a circle."""
    held = [r for r in resources(body) if "id" in r]
    for n, one in enumerate(held):
        other = held[(n + chance.choice([0, 1])) % len(held)]
        name = chance.choice(["basedOn", "reasonReference", "hasMember", "derivedFrom", "partOf", "replaces", "focus"])
        one[name] = [{"reference": f"{other.get('resourceType')}/{other['id']}"}]


def extension(body: Json, chance: random.Random) -> None:
    one = some(body, chance)
    name = chance.choice(["extension", "modifierExtension", "_status", "_code", "_birthDate"])
    value = {
        "url": chance.choice(["http://x", 7, None, ""]),
        chance.choice(["valueString", "valueNothing", "value"]): 7,
    }
    one[name] = chance.choice([[value], value, [{**value, "extension": [value]}], [None], "text", [[value]]])


def values_at_once(body: Json, chance: random.Random) -> None:
    one = some(body, chance)
    one |= {
        "valueBoolean": chance.choice([True, "true", None]),
        "valueQuantity": {"value": chance.choice([*NUMBERS, "7", None]), "unit": chance.choice(["wk", "", 7, "µ"])},
        "valueString": chance.choice(TEXTS),
        "valueCodeableConcept": chance.choice(ODD),
        "dataAbsentReason": chance.choice(ODD),
        "component": chance.choice([[], [{}], [None], {"code": 7}]),
    }


def odd_status(body: Json, chance: random.Random) -> None:
    one = some(body, chance)
    one["status"] = chance.choice(["entered-in-error", "unknown", "", "DRAFT", 7, None, ["draft"], "x" * 1000])
    one["clinicalStatus"] = chance.choice(ODD)
    one["verificationStatus"] = chance.choice([{"coding": [{"code": "refuted"}]}, *ODD])


def odd_period(body: Json, chance: random.Random) -> None:
    period = {"start": chance.choice(DATES), "end": chance.choice(DATES)}
    one = some(body, chance)
    for name in ("effectivePeriod", "performedPeriod", "period", "onsetPeriod", "occurrencePeriod"):
        one[name] = chance.choice([period, [period], {"start": None}, {"end": {}}, 7])


def entries(body: Json, chance: random.Random) -> None:
    """A Bundle whose entries are odd."""
    bundle = chance.choice(bundles(body))
    held = bundle["entry"]
    odd: list[Any] = [None, 7, "x", {}, {"resource": None}, {"resource": []},
                      {"resource": {"resourceType": "OperationOutcome"}}, {"fullUrl": "urn:uuid:x"},
                      {"resource": {"resourceType": "Bundle", "entry": held[:1]}}]  # fmt: skip
    match chance.randrange(4):
        case 0:
            held += [copy.deepcopy(chance.choice(odd)) for _ in range(chance.choice([1, 5, 500]))]
        case 1:
            bundle["entry"] = held * chance.choice([0, 2, 40])
        case 2:
            bundle["total"] = chance.choice([*NUMBERS, "7", None, len(held) + 1])
        case _:
            bundle["link"] = chance.choice([[{"relation": "next", "url": "http://127.0.0.1:1/x"}], [{}], {}, [None], 7])


def prefetch(body: Json, chance: random.Random) -> None:
    """A whole prefetch key is not what it should be, or another one."""
    held = body.get("prefetch")
    if not isinstance(held, dict) or not held:
        body["prefetch"] = chance.choice(ODD)
        return
    key = chance.choice(list(held))
    held[key] = chance.choice([None, *copy.deepcopy(ODD), {"resourceType": "OperationOutcome", "issue": []}])


def odd_names(body: Json, chance: random.Random) -> None:
    holder, key = chance.choice([(h, k) for h, k in nodes(body) if isinstance(h, dict)])
    name = chance.choice(
        [str(key).upper(), f"{key} ", f"_{key}", "__proto__", "\u0000", "", f"{key}\u0301", "x" * 5000]
    )
    holder[name] = holder.pop(key)


def more_orders(body: Json, chance: random.Random) -> None:
    context = body.get("context")
    drafts = context.get("draftOrders") if isinstance(context, dict) else None
    if isinstance(drafts, dict) and isinstance(drafts.get("entry"), list) and drafts["entry"]:
        one = drafts["entry"][0]
        count = chance.choice([1, 3, 12])
        if isinstance(one, dict) and isinstance(one.get("resource"), dict):
            drafts["entry"] += [{"resource": {**one["resource"], "id": f"more-{n}"}} for n in range(count)]


def envelope(body: Json, chance: random.Random) -> None:
    name = chance.choice(
        ["hook", "hookInstance", "fhirServer", "fhirAuthorization", "context", "prefetch", "extension"]
    )
    odd: list[Any] = [
        "http://127.0.0.1:1/fhir",
        "https://ehr.example/fhir",
        "file:///etc/passwd",
        {"davinci-crd.configuration": 7},
        {"davinci-crd.configuration": {"coverage-info": "no", "max-cards": -1}},
        {"access_token": 7},
    ]
    body[name] = copy.deepcopy(chance.choice([*odd, *ODD, *TEXTS[:12]]))


def context_field(body: Json, chance: random.Random) -> None:
    context = body.get("context")
    if isinstance(context, dict):
        name = chance.choice(["userId", "patientId", "encounterId", "selections", "draftOrders"])
        context[name] = copy.deepcopy(chance.choice([*ODD, *TEXTS[:12], ["ServiceRequest/order-1"], "Practitioner/1"]))


WAYS: dict[str, Way] = {
    way.__name__: way
    for way in (
        drop, odd_value, odd_text, odd_number, odd_date, doubled, nested, many_codings, odd_system, wrong_type,
        wrong_patient, contained, circle, extension, values_at_once, odd_status, odd_period, entries, prefetch,
        odd_names, more_orders, envelope, context_field,
    )
}  # fmt: skip


def mangle(good: Json, chance: random.Random) -> tuple[Json, list[str]]:
    """A mangled copy, and the ways that were gone. A way for which there is no place any more changes nothing."""
    body = copy.deepcopy(good)
    gone = chance.choices(list(WAYS), k=chance.choice([1, 1, 1, 2, 3, 5]))
    for name in gone:
        try:
            WAYS[name](body, chance)
        except (IndexError, KeyError, TypeError, AttributeError, ValueError):
            continue  # an earlier way took away what this one wanted to change
    return body, gone


def spoil(text: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Bytes that are hardly JSON any more."""
    at = chance.randrange(len(text))
    ways: dict[str, bytes] = {
        "cut": text[:at],
        "nul": text[:at] + b"\0" + text[at:],
        "not utf-8": text[:at] + b"\xff\xfe\xed\xa0\x80" + text[at:],
        "bom": b"\xef\xbb\xbf" + text,
        "twice": text + text,
        "key twice": b'{"hook":"order-sign","hook":7,' + text[1:],
        "deep": b"[" * 5000 + text + b"]" * 5000,
        "huge number": text.replace(b": 1", b": 1e999", 1),
        "utf-16": text.decode().encode("utf-16"),
        "flipped": text[:at] + bytes([text[at] ^ 1 << chance.randrange(8)]) + text[at + 1 :],
    }
    name = chance.choice(list(ways))
    return ways[name], name


def written(body: Any) -> bytes:
    """As bytes, with lone surrogates as the escapes that a careless client sends."""
    return json.dumps(body, ensure_ascii=True).encode()
