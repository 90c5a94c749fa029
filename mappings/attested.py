"""Facts that a clinician stated: Observations and questionnaire answers in the guideline-fact code system."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from criteria.facts import Basis, Fact, FactDefinition, Value
from criteria.orders import Order
from criteria.vocabulary import FACT_SYSTEM, LASTING, load_vocabulary
from mappings.fields import Span, first_span, instant, mapping, number, objects, reference_of, span, targets, words
from mappings.observed import observed
from mappings.records import Records, SetAside
from mappings.telling import ATTESTED
from mappings.units import measured

VALID_DAYS = 30
ANY_IMPLANT = "implant.any"
"""That there is none was true on its day: one may have come since. Other answers about implants last."""
DONE = frozenset({"final", "amended", "corrected"})
ANSWERED = frozenset({"completed", "amended"})
DATES = ("effectiveDateTime", "effectiveInstant", "effectivePeriod", "issued", "authored")

vocabulary = functools.cache(load_vocabulary)

SIGNED = frozenset({"deg", "%"})
"""Units of what may be less than nothing: an angle to the other side, a loss that is a gain."""
LARGEST = 2**53
"""From here on a number of JSON is no exact whole number any more."""


class Unreadable(Exception):
    """A value that does not fit its fact; the message says why, without the value."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One stated fact; ``orders`` are the orders that it is about (empty: all); ``at`` sorts answers by time."""

    fact: Fact
    orders: frozenset[str]
    at: float


@dataclass(frozen=True, slots=True)
class Attested:
    """Every usable answer of the chart, oldest first, and what could not be used."""

    answers: tuple[Answer, ...]
    set_aside: tuple[SetAside, ...]

    def facts(self, order: Order | None) -> dict[str, Fact]:
        """The newest answer per fact that counts for ``order``; None = those that count for all orders."""
        mine = (a for a in self.answers if not a.orders or (order is not None and order.reference in a.orders))
        return {a.fact.name: a.fact for a in mine}


def attested_facts(records: Records, order: Order | None, today: dt.date) -> Iterable[Fact]:
    """The newest stated value per fact for this order."""
    return read_attested(records, today).facts(order).values()


def read_attested(records: Records, today: dt.date) -> Attested:
    """Every answer that counts today: at most 30 days old (what lasts: any age), not from the future."""
    answers: list[Answer] = []
    aside: list[SetAside] = []
    for resource, name, values in _stated(records, today):
        reference = reference_of(resource)
        if name not in vocabulary():
            aside.append(SetAside(reference, "it names no fact of the vocabulary"))
            continue
        on = _valid_on(name, resource, today)
        if on is None:
            continue
        try:
            value = _value(vocabulary()[name], values, on, today)
        except Unreadable as why:
            aside.append(SetAside(reference, f"{name}: {why}"))
            continue
        if value is False and name == ANY_IMPLANT and (today - on).days > VALID_DAYS:
            continue
        orders = frozenset(
            t for field in ("basedOn", "focus") for t in targets(resource.get(field)) if t.startswith("ServiceRequest/")
        )
        at = max((instant(resource.get(f)) for f in DATES if isinstance(resource.get(f), str)), default=0.0)
        answers.append(Answer(Fact(name, value, Basis.ATTESTED, (reference,), on), orders, at))
    answers.sort(key=lambda a: (a.fact.on or today, a.at, bool(a.orders)))
    return Attested(tuple(answers), tuple(aside))


def _stated(records: Records, today: dt.date) -> Iterator[tuple[dict[str, Any], str, list[tuple[str, Any]]]]:
    """(resource, fact name, the value[x] fields) of each final Observation and each questionnaire answer."""
    for observation in observed(records, today).of.get(ATTESTED, ()):
        if observation.get("status") not in DONE or observation.get("dataAbsentReason"):
            continue
        for name in _fact_codes(observation.get("code")):
            yield observation, name, [(k, v) for k, v in observation.items() if k.startswith("value")]
    for form in records.of("QuestionnaireResponse"):
        if form.get("status") not in ANSWERED:
            continue
        items = objects(form.get("item"))
        while items:
            item = items.pop()
            answers = objects(item.get("answer"))
            items += objects(item.get("item")) + [i for a in answers for i in objects(a.get("item"))]
            values = [(k, v) for a in answers for k, v in a.items() if k.startswith("value")]
            if words(item.get("linkId")) in vocabulary() and values:
                yield form, item["linkId"].strip(), values


def _fact_codes(concept: Any) -> list[str]:
    codings = objects(mapping(concept).get("coding"))
    return list(dict.fromkeys(words(c.get("code")) for c in codings if c.get("system") == FACT_SYSTEM))


def _valid_on(name: str, resource: dict[str, Any], today: dt.date) -> dt.date | None:
    """The day the statement held; None when it is too old or lies more than a day ahead."""
    held = first_span(resource, *DATES) or Span(today, today)
    on = min(held.last, today) if held.first <= today + dt.timedelta(days=1) else None
    if on is None or name.startswith(LASTING):
        return on
    return on if (today - on).days <= VALID_DAYS else None


def _value(fact: FactDefinition, values: list[tuple[str, Any]], on: dt.date, today: dt.date) -> Value:
    """The value by the fact's type. Raises `Unreadable`."""
    if fact.type == "string_list":
        return tuple(dict.fromkeys(code for field, v in values for code in _codes(fact, field, v)))
    if len(values) != 1:
        raise Unreadable("it has no value" if not values else "it has several values")
    field, value = values[0]
    if fact.type == "boolean":
        if field != "valueBoolean" or not isinstance(value, bool):
            raise Unreadable("a boolean is expected")
        return value
    if fact.type == "code":
        codes = _codes(fact, field, value)
        if len(codes) != 1:
            raise Unreadable("one code is expected")
        return codes[0]
    return _amount(fact, field, value, on, today)


def _codes(fact: FactDefinition, field: str, value: Any) -> list[str]:
    if field == "valueString":
        codes = [words(value)]
    else:
        codings = objects(mapping(value).get("coding")) if field == "valueCodeableConcept" else objects(value)
        codes = list(
            dict.fromkeys(words(c.get("code")) for c in codings if c.get("system", FACT_SYSTEM) == FACT_SYSTEM)
        )
    if not codes or not all(codes):
        raise Unreadable("a code of the guideline-fact system is expected")
    if fact.values is not None and not set(codes) <= set(fact.values):
        raise Unreadable("the code is none of the fact's values")
    return codes


def _amount(fact: FactDefinition, field: str, value: Any, on: dt.date, today: dt.date) -> Value:
    """A number in the fact's unit; of `*_days_ago` also the day itself, and days that passed since are added."""
    since = fact.name.endswith("days_ago")
    if field in ("valueDateTime", "valueDate"):
        held = span(value)
        if not since or held is None or held.day is None or held.day > today:
            raise Unreadable("a number is expected")
        return (today - held.day).days
    if field == "valueQuantity":
        amount = measured(value, fact.unit)
        if amount is None:
            raise Unreadable("the number or its unit is not known")
    elif field in ("valueInteger", "valueDecimal"):
        amount = number(value)
        if amount is None:
            raise Unreadable("a number is expected")
    else:
        raise Unreadable("a number is expected")
    if abs(amount) >= LARGEST:
        raise Unreadable("the number is larger than anything that is measured")
    if amount < 0 and fact.unit not in SIGNED:
        raise Unreadable("it cannot be negative")
    ended = fact.name.endswith("ended_days_ago") and amount == 0  # 0 = still going on, not ended on that day
    if since and not ended:
        amount += (today - on).days
    if fact.type == "integer":
        days_or_years = fact.unit in ("d", "mo", "a")
        if not days_or_years and amount != int(amount):
            raise Unreadable("a whole number is expected")
        return int(amount + 1e-9)
    return int(amount) if amount == int(amount) else amount
