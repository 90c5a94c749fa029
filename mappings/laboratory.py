"""Laboratory results: kidney, blood count, inflammation, cultures, and the course of tumour markers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from criteria.facts import Basis, Fact
from mappings.amounts import Amount, amount
from mappings.answers import answers, positive
from mappings.interpretation import place
from mappings.observations import PRESENT_PROBLEM_DAYS, Result, Results, latest
from mappings.records import SetAside, codes_in
from mappings.units import JUST_BELOW

FILTRATION = "mL/min/{1.73_m2}"
EGFR_INSUFFICIENT = 60
EGFR_TOLD_BELOW = 30
"""``<15`` and the like is a number for us up to here; above, only that it is under 60 may be known."""
COUNTED = ("wbc", "hemoglobin", "platelets")
BLOOD_COUNT = (*COUNTED, "blood_cells")
MARKERS = ("cea", "calcitonin", "calcium", "thyroglobulin")
TREND_STEP = 0.1
PERTINENT = ("crp", "esr", "culture", *BLOOD_COUNT, *MARKERS)


def laboratory_facts(results: Results, patient: Mapping[str, Any], aside: list[SetAside]) -> Iterator[Fact]:
    """Facts of the laboratory results; the newest of a kind decides."""
    yield from _kidney(results, patient, aside)
    yield from _inflammation(results, patient)
    yield from _blood_count(results, patient)
    for name in MARKERS:
        yield from _trend(name, results.get(name, ()))
    recent = [r for kind in PERTINENT if (r := latest(results, kind, PRESENT_PROBLEM_DAYS))]
    if recent:
        yield recent[0].fact("lab.pertinent_results_available", True, Basis.DERIVED, *recent[1:])


def _kidney(results: Results, patient: Mapping[str, Any], aside: list[SetAside]) -> Iterator[Fact]:
    for _, same in itertools.groupby(results.get("egfr", ()), key=lambda r: (r.on, r.at)):
        told = []
        for result in same:
            held = amount(result.body)
            rate = held.within(FILTRATION) if held else None
            if rate is None:
                aside.append(result.aside("renal.egfr_ml_min: no number in a known unit", "egfr"))
            else:
                told.append((result, rate))
        if told:
            yield from _filtration(*min(told, key=lambda pair: (pair[1].high, pair[1].low)))
            break
    for kind, substance in (("bun", None), ("creatinine", "creatinine")):
        for result in results.get(kind, ())[:1]:
            if (above := place(result, patient, substance).above) is not None:
                yield result.fact(f"renal.{kind}_elevated", above)


def _filtration(result: Result, rate: Amount) -> Iterator[Fact]:
    """Of one blood sample the lowest estimate."""
    value = rate.exact
    if value is None and rate.low >= EGFR_INSUFFICIENT:
        value = rate.low
    elif value is None and rate.high <= EGFR_TOLD_BELOW:
        value = rate.high * JUST_BELOW
    if value is not None and value >= 0:
        yield result.fact("renal.egfr_ml_min", value)
    if rate.below(EGFR_INSUFFICIENT):
        yield result.fact("renal.insufficiency", True, Basis.DERIVED)


def _inflammation(results: Results, patient: Mapping[str, Any]) -> Iterator[Fact]:
    """CRP, ESR, white count and cultures of the last 90 days; any raised or positive one points to infection."""
    signs: list[Result] = []
    measured = []
    for kind in ("crp", "esr"):
        newest = latest(results, kind, PRESENT_PROBLEM_DAYS)
        if newest is None:
            continue
        measured.append(newest)
        yield newest.fact(f"lab.{kind}_performed", True)
        held = place(newest, patient)
        raised = held.outside if held.above is None and held.outside else held.above
        if raised is not None:
            yield newest.fact(f"lab.{kind}_abnormal", raised)
            signs += [newest] if raised else []
    if len(measured) == 2:
        yield measured[0].fact("lab.rheumatology_workup_completed", True, Basis.DERIVED, measured[1])
    white = latest(results, "wbc", PRESENT_PROBLEM_DAYS)
    if white and place(white, patient).above:
        signs.append(white)
    signs += [r for r in results.get("culture", ()) if r.ago <= PRESENT_PROBLEM_DAYS and _grew(r)]
    if signs:
        yield signs[0].fact("lab.indicative_of_infection", True, Basis.DERIVED, *signs[1:])


def _grew(result: Result) -> bool:
    """A culture is positive when flagged so, or when its value is an organism of ours or says positive."""
    said = positive(result.body)
    flagged = bool(codes_in(result.body.get("interpretation")) & {"A", "AA"})
    return said is True or (said is None and flagged and "negative" not in answers(result.body))


def _blood_count(results: Results, patient: Mapping[str, Any]) -> Iterator[Fact]:
    """The newest day with any part of a blood count; normal only when its three chief parts all are."""
    white = latest(results, "wbc", PRESENT_PROBLEM_DAYS)
    if white and (outside := place(white, patient).outside) is not None:
        yield white.fact("lab.white_blood_cell_count_abnormal", outside)
    parts = {k: r for k in BLOOD_COUNT if (r := latest(results, k, PRESENT_PROBLEM_DAYS))}
    if not parts:
        return
    day = max(r.on for r in parts.values())
    places = {k: place(r, patient).outside for k, r in parts.items() if r.on == day}
    odd = [parts[k] for k, outside in places.items() if outside]
    if odd:
        yield odd[0].fact("lab.cbc_abnormal", True, Basis.RECORDED, *odd[1:])
    elif all(places.get(k) is False for k in COUNTED):
        yield parts["wbc"].fact("lab.cbc_abnormal", False, Basis.RECORDED, *(parts[k] for k in COUNTED[1:]))


def _trend(name: str, results: Sequence[Result]) -> Iterator[Fact]:
    """From the last result of an earlier day to the newest: more than a tenth is rising or falling, else stable."""
    if not results:
        return
    newest = results[0]
    older = next((r for r in results if r.on < newest.on), None)
    new, old = amount(newest.body), amount(older.body) if older else None
    if older is None or new is None or old is None or (not new.unit) != (not old.unit):
        return
    before = old.within(new.unit, name)
    direction = _direction(before, new) if before else None
    if direction:
        yield newest.fact(f"lab.{name}_trend", direction, Basis.DERIVED, older)


def _direction(old: Amount, new: Amount) -> str | None:
    """None where the limits of detection leave it open; twice under the same limit is stable."""
    if old.high <= 0:
        return None
    if new.low > old.high * (1 + TREND_STEP):
        return "rising"
    if new.high < old.low * (1 - TREND_STEP):
        return "falling"
    same_limit = (new.low, new.high) == (old.low, old.high)
    return "stable" if same_limit or (new.exact is not None and old.exact is not None) else None
