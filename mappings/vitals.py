"""Vital signs and measures of the body: fever, loss of weight, body mass index, bone density."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from criteria.facts import Basis, Fact
from mappings.amounts import amount
from mappings.observations import Result, Results, latest
from mappings.patient import age_years
from mappings.records import SetAside

FEVER_CELSIUS, FEVER_DAYS = 38.0, 14
WEIGHT_DAYS = 60
WEIGHT_LOSSES = ((61, 5), (183, 10))
"""The two losses that guidelines ask for: days, and percent that counts within them."""
BUILD_DAYS = 365
LOW_BONE_DENSITY, BONE_DENSITY_AGE = -1.0, 50


def vital_facts(
    results: Results, patient: Mapping[str, Any], site: Mapping[str, Any], aside: list[SetAside]
) -> Iterator[Fact]:
    """``site["scanner_bmi_limit"]`` is the body mass index that the scanner takes."""
    yield from _fever(results, aside)
    yield from _weight_loss(results)
    yield from _size(results, site.get("scanner_bmi_limit"))
    yield from _bone_density(results, patient)


def _fever(results: Results, aside: list[SetAside]) -> Iterator[Fact]:
    for result in results.get("temperature", ()):
        if result.ago > FEVER_DAYS:
            break
        held = amount(result.body)
        degrees = held.within("Cel", bare=False) if held else None
        if degrees is None:
            aside.append(result.aside("symptom.fever: no temperature in Cel or [degF]"))
        elif degrees.low >= FEVER_CELSIUS:
            yield result.fact("symptom.fever", True, Basis.DERIVED)
            break


def _measure(result: Result, unit: str, *, bare: bool = False) -> float | None:
    """The exact positive number in the unit."""
    held = amount(result.body)
    value = held.within(unit, bare=bare) if held else None
    return value.exact if value and value.exact and value.exact > 0 else None


def _weight_loss(results: Results) -> Iterator[Fact]:
    """From an earlier weight to the newest: of all falls the one that is most, measured by what guidelines ask for."""
    lately = (r for r in results.get("weight", ()) if r.ago <= WEIGHT_DAYS + WEIGHT_LOSSES[-1][0])
    weights = [(r, w) for r in lately if (w := _measure(r, "kg"))]
    if len(weights) < 2 or weights[0][0].ago > WEIGHT_DAYS:
        return
    newest, now = weights[0]
    falls = []
    for earlier, then in weights[1:]:
        days, percent = (newest.on - earlier.on).days, (then - now) / then * 100
        counts = next((least for limit, least in WEIGHT_LOSSES if days <= limit), None)
        if counts and days > 0 and percent > 0:
            falls.append((percent / counts, percent, days, earlier))
    if falls:
        _, percent, days, earlier = max(falls, key=lambda fall: fall[:3])
        yield newest.fact("symptom.weight_loss_percent", round(percent, 1), Basis.DERIVED, earlier)
        yield newest.fact("symptom.weight_loss_period_days", days, Basis.DERIVED, earlier)


def _size(results: Results, limit: Any) -> Iterator[Fact]:
    """The measured body mass index, else that of the newest weight and height."""
    if not isinstance(limit, int | float) or isinstance(limit, bool):
        return
    bulk, weight, height = (latest(results, kind, BUILD_DAYS) for kind in ("bmi", "weight", "height"))
    if bulk:
        index, sources = _measure(bulk, "kg/m2", bare=True), [bulk]
    elif weight and height:
        mass, length = _measure(weight, "kg"), _measure(height, "m")
        index, sources = mass / length**2 if mass and length else None, [weight, height]
    else:
        return
    if index is not None and index > limit:
        yield sources[0].fact("patient.exceeds_scanner_size_limit", True, Basis.DERIVED, *sources[1:])


def _bone_density(results: Results, patient: Mapping[str, Any]) -> Iterator[Fact]:
    """The lowest T-score of the newest day, under -1 (WHO); below 50 years T-scores are not how bone is judged."""
    scores = [(r, s) for r in results.get("bone_density", ()) if (s := _t_score(r)) is not None]
    scores = [(r, s) for r, s in scores if r.on == scores[0][0].on]
    if not scores:
        return
    result, score = min(scores, key=lambda pair: pair[1])
    years = age_years(patient, result.on)
    if score < LOW_BONE_DENSITY and years is not None and years >= BONE_DENSITY_AGE:
        yield result.fact("condition.low_bone_mineral_density", True, Basis.DERIVED)


def _t_score(result: Result) -> float | None:
    held = amount(result.body)
    score = held.within("1") if held else None
    return score.exact if score and score.exact is not None and -10 < score.exact < 10 else None
