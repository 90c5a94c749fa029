"""Measured findings: laboratory results, vital signs, pain scores, weight and pregnancy status."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from criteria.facts import Basis, Fact, Value
from mappings.fields import first_span, instant, mapping, number, objects, reference_of
from mappings.records import Records, SetAside, codes_in
from mappings.tables import read_table
from mappings.units import convert, measured, unit_of

DONE = frozenset({"final", "amended", "corrected"})
DATES = ("effectiveDateTime", "effectiveInstant", "effectivePeriod", "issued")
HIGH = frozenset({"H", "HH", "HU", ">"})
LOW = frozenset({"L", "LL", "LU", "<"})
ODD = frozenset({"A", "AA", "POS"})
PRESENT_PROBLEM_DAYS = 90
FEVER_CELSIUS, FEVER_DAYS = 38.0, 14
PAIN_DAYS, WEIGHT_DAYS, WEIGHT_SPAN_DAYS = 30, 60, 183
PREGNANCY_DAYS, PREGNANCY_TEST_DAYS, COMA_DAYS = 280, 60, 2
EGFR_INSUFFICIENT = 60
TREND_STEP = 0.1
TRENDS = ("cea", "calcitonin", "calcium", "thyroglobulin")


@dataclass(frozen=True, slots=True)
class Result:
    """One usable Observation with its day; ``ago`` in days."""

    resource: Mapping[str, Any]
    on: dt.date
    ago: int

    def fact(self, name: str, value: Value, basis: Basis = Basis.RECORDED, *others: Result) -> Fact:
        sources = tuple(reference_of(dict(r.resource)) for r in (self, *others))
        return Fact(name, value, basis, sources, self.on)


def finding_facts(
    records: Records, today: dt.date, site: Mapping[str, Any] | None = None, aside: list[SetAside] | None = None
) -> Iterator[Fact]:
    """Facts of the Observations; the newest result of a kind decides.

    What has an unknown or unreadable unit goes to ``aside``.
    """
    notes = aside if aside is not None else []
    results = _results(records, today, notes)
    yield from _kidney(results, notes)
    yield from _infection(results)
    yield from _vitals(results, notes, site or {})
    yield from _weight(results)
    yield from _pregnancy(results)
    for name in TRENDS:
        yield from _trend(name, results.get(name, []))


def _results(records: Records, today: dt.date, aside: list[SetAside]) -> dict[str, list[Result]]:
    """Usable results by kind, newest first. Future and undated ones are left out."""
    found: dict[str, list[tuple[float, Result]]] = {}
    for resource in records.of("Observation"):
        held = first_span(resource, *DATES)
        if resource.get("status") not in DONE or held is None or held.first > today + dt.timedelta(days=1):
            continue
        kinds = read_table("findings").means(resource.get("code"))
        if kinds and unit_of(mapping(resource.get("valueQuantity"))) is None:
            aside.append(SetAside(reference_of(resource), "the unit of its value cannot be read"))
            continue
        on = min(held.last, today)
        at = max(instant(resource.get(f)) for f in ("effectiveDateTime", "effectiveInstant", "issued"))
        for kind in kinds:
            found.setdefault(kind, []).append((at, Result(resource, on, (today - on).days)))
    return {
        kind: [r for _, r in sorted(held, key=lambda pair: (pair[1].on, pair[0]), reverse=True)]
        for kind, held in found.items()
    }


def level(observation: Mapping[str, Any]) -> str | None:
    """high | low | odd | normal, by the interpretation, else by the one reference range; None when neither tells."""
    marks = codes_in(observation.get("interpretation"))
    for name, codes in (("high", HIGH), ("low", LOW), ("odd", ODD), ("normal", frozenset({"N", "NEG"}))):
        if marks & codes:
            return name
    ranges = objects(observation.get("referenceRange"))
    quantity = mapping(observation.get("valueQuantity"))
    value = number(quantity.get("value"))
    if value is None or len(ranges) != 1:
        return None
    bounds = [_bound(ranges[0].get(end), unit_of(quantity)) for end in ("low", "high")]
    if bounds[1] is not None and value > bounds[1]:
        return "high"
    if bounds[0] is not None and value < bounds[0]:
        return "low"
    return "normal" if bounds[1] is not None else None


def _bound(quantity: Any, unit: str | None) -> float | None:
    held = mapping(quantity)
    value, own = number(held.get("value")), unit_of(held)
    if own is None:
        return None
    if value is None or not own or not unit or own == unit:
        return value
    return convert(value, own, unit)


def _kidney(results: Mapping[str, Sequence[Result]], aside: list[SetAside]) -> Iterator[Fact]:
    for result in results.get("egfr", ()):
        value = measured(result.resource.get("valueQuantity"), "mL/min/{1.73_m2}")
        if value is None:
            aside.append(SetAside(reference_of(dict(result.resource)), "renal.egfr_ml_min: no number in a known unit"))
            continue
        yield result.fact("renal.egfr_ml_min", value)
        if value < EGFR_INSUFFICIENT:
            yield result.fact("renal.insufficiency", True, Basis.DERIVED)
        break
    for kind in ("bun", "creatinine"):
        for result in results.get(kind, ()):
            if (found := level(result.resource)) is not None and found != "odd":
                yield result.fact(f"renal.{kind}_elevated", found == "high")
            break


def _infection(results: Mapping[str, Sequence[Result]]) -> Iterator[Fact]:
    """Blood count, CRP and ESR of the last 90 days; any of white count, CRP and ESR above range points to infection."""
    raised: list[Result] = []
    for kind, name in (("crp", "lab.crp"), ("esr", "lab.esr")):
        latest = _latest(results, kind, PRESENT_PROBLEM_DAYS)
        if latest is None:
            continue
        yield latest.fact(f"{name}_performed", True)
        if (found := level(latest.resource)) is not None:
            yield latest.fact(f"{name}_abnormal", found in ("high", "odd"))
            raised += [latest] if found in ("high", "odd") else []
    white = _latest(results, "wbc", PRESENT_PROBLEM_DAYS)
    if white and (found := level(white.resource)) is not None:
        yield white.fact("lab.white_blood_cell_count_abnormal", found != "normal")
        raised += [white] if found == "high" else []
    counted = [r for r in (white, *(_latest(results, k, PRESENT_PROBLEM_DAYS) for k in ("cbc",))) if r]
    if any(level(r.resource) not in (None, "normal") for r in counted):
        yield counted[0].fact("lab.cbc_abnormal", True)
    if raised:
        yield raised[0].fact("lab.indicative_of_infection", True, Basis.DERIVED, *raised[1:])


def _vitals(results: Mapping[str, Sequence[Result]], aside: list[SetAside], site: Mapping[str, Any]) -> Iterator[Fact]:
    for result in results.get("temperature", ()):
        if result.ago > FEVER_DAYS:
            break
        value = measured(result.resource.get("valueQuantity"), "Cel", bare=False)
        if value is None:
            why = "symptom.fever: no temperature in Cel or [degF]"
            aside.append(SetAside(reference_of(dict(result.resource)), why))
        elif value >= FEVER_CELSIUS:
            yield result.fact("symptom.fever", True, Basis.DERIVED)
            break
    scores = [(r, s) for r in results.get("pain", ()) if (s := _score(r.resource)) is not None]
    if scores and scores[0][0].ago <= PAIN_DAYS:
        newest, now = scores[0]
        yield newest.fact("pain.severity_vas", now)
        older = next(((r, s) for r, s in scores if r.on < newest.on and r.ago <= PRESENT_PROBLEM_DAYS), None)
        if older and now > older[1]:
            yield newest.fact("pain.worsening", True, Basis.DERIVED, older[0])
    coma = _latest(results, "gcs", COMA_DAYS)
    score = _whole(coma.resource) if coma else None
    if coma and score is not None and 3 <= score <= 15:
        yield coma.fact("exam.glasgow_coma_scale_score", score)
        if score == 15:
            yield coma.fact("exam.consciousness", "alert", Basis.DERIVED)
    limit, bulk = site.get("scanner_bmi_limit"), _latest(results, "bmi", 365)
    if bulk and isinstance(limit, int | float):
        value = number(mapping(bulk.resource.get("valueQuantity")).get("value"))
        if value is not None and value > limit:
            yield bulk.fact("patient.exceeds_scanner_size_limit", True, Basis.DERIVED)


def _score(observation: Mapping[str, Any]) -> float | None:
    """Pain on the 0 to 10 scale; millimetres and numbers over 10 are on the 0 to 100 scale."""
    quantity = mapping(observation.get("valueQuantity"))
    value = number(quantity.get("value"))
    if value is None:
        value = number(observation.get("valueInteger"))
    if value is None or not 0 <= value <= 100 or unit_of(quantity) not in ("", "1", "mm", "{score}", "/10", "{#}"):
        return None
    return value / 10 if unit_of(quantity) == "mm" or value > 10 else value


def _weight(results: Mapping[str, Sequence[Result]]) -> Iterator[Fact]:
    """The largest fall to the newest weight within half a year."""
    weights = [(r, w) for r in results.get("weight", ()) if (w := _kilograms(r.resource))]
    if len(weights) < 2 or weights[0][0].ago > WEIGHT_DAYS:
        return
    newest, now = weights[0]
    earlier = [(r, w) for r, w in weights[1:] if 0 < (newest.on - r.on).days <= WEIGHT_SPAN_DAYS]
    if not earlier:
        return
    then, most = max(earlier, key=lambda pair: pair[1])
    if most > now:
        yield newest.fact("symptom.weight_loss_percent", round((most - now) / most * 100, 1), Basis.DERIVED, then)
        yield newest.fact("symptom.weight_loss_period_days", (newest.on - then.on).days, Basis.DERIVED, then)


def _kilograms(observation: Mapping[str, Any]) -> float | None:
    value = measured(observation.get("valueQuantity"), "kg", bare=False)
    return value if value and value > 0 else None


def _pregnancy(results: Mapping[str, Sequence[Result]]) -> Iterator[Fact]:
    """The newest of pregnancy status (280 days) and pregnancy test (60 days, positive only)."""
    answers = read_table("answers")
    status, test = _latest(results, "pregnancy", PREGNANCY_DAYS), _latest(results, "hcg", PREGNANCY_TEST_DAYS)
    if status:
        said = answers.means(status.resource.get("valueCodeableConcept"))
        if said & {"pregnant", "not_pregnant"}:
            yield status.fact("pregnancy.current", "pregnant" in said)
    if test and (status is None or test.on > status.on):
        said = answers.means(test.resource.get("valueCodeableConcept"))
        if "positive" in said or "POS" in codes_in(test.resource.get("interpretation")):
            yield test.fact("pregnancy.current", True, Basis.RECORDED)


def _trend(name: str, results: Sequence[Result]) -> Iterator[Fact]:
    """Rising or falling by more than a tenth between the last two results in the same unit, else stable."""
    if len(results) < 2:
        return
    quantities = [mapping(r.resource.get("valueQuantity")) for r in results[:2]]
    new, old = (number(q.get("value")) for q in quantities)
    if new is None or old is None or old <= 0 or unit_of(quantities[0]) != unit_of(quantities[1]):
        return
    change = (new - old) / old
    direction = "rising" if change > TREND_STEP else "falling" if change < -TREND_STEP else "stable"
    yield results[0].fact(f"lab.{name}_trend", direction, Basis.DERIVED, results[1])


def _latest(results: Mapping[str, Sequence[Result]], kind: str, days: int) -> Result | None:
    return next((r for r in results.get(kind, ()) if r.ago <= days), None)


def _whole(observation: Mapping[str, Any]) -> int | None:
    value = number(mapping(observation.get("valueQuantity")).get("value"))
    if value is None:
        value = number(observation.get("valueInteger"))
    return int(value) if value is not None and value == int(value) else None
