"""What follows for certain from a number, the patient's age or the order's only reason, whoever stated them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from criteria.facts import Basis, Fact
from criteria.orders import Order
from criteria.studies import Study

FULL_STRENGTH = 5
INSUFFICIENT_BELOW = 60
"""Glomerular filtration rate in mL/min/1.73 m2 (facts.yaml, renal.insufficiency)."""
NECK_PAIN = "neck_pain"
BESIDE_NECK_PAIN = ("trauma.present", "exam.neurologic_deficit", "symptom.neurologic_features")
"""What would be another main complaint."""
BONY = frozenset({"brain", "head", "spine", "cervical_spine", "thoracic_spine", "lumbar_spine"})


def consequences(order: Order, study: Study, facts: Mapping[str, Fact]) -> Iterator[Fact]:
    """Read after everything else, since the number may be attested."""
    yield from _below("exam.motor_strength_grade", FULL_STRENGTH, "exam.extremity_weakness", facts)
    yield from _below("renal.egfr_ml_min", INSUFFICIENT_BELOW, "renal.insufficiency", facts)
    tried, failed = (facts.get(f"trial_of_treatment.{name}") for name in ("provider_directed", "failed"))
    if failed is not None and failed.value is False and tried is not None and tried.value is True:
        yield _because("trial_of_treatment.significant_improvement", failed)
    age = facts.get("patient.age_group")
    if age is not None and age.value == "adult" and study.region in BONY:
        yield _because("anatomy.region_obscured_by_dense_bone", age)
    pain = facts.get("pain.neck")
    if pain is not None and pain.value is True and _only_neck_pain(order, facts):
        yield _because("pain.neck_isolated", pain)


def _below(number: str, limit: float, name: str, facts: Mapping[str, Fact]) -> Iterator[Fact]:
    held = facts.get(number)
    if held is not None and isinstance(held.value, int | float) and held.value < limit:
        yield _because(name, held)


def _only_neck_pain(order: Order, facts: Mapping[str, Fact]) -> bool:
    """True when every reason of the order is neck pain, and nothing on record is a complaint of its own."""
    reasons = order.reasons
    if not reasons or any(reason.indications != (NECK_PAIN,) for reason in reasons):
        return False
    return not any(name in facts and facts[name].value is True for name in BESIDE_NECK_PAIN)


def _because(name: str, held: Fact) -> Fact:
    return Fact(name, True, Basis.DERIVED, held.sources, held.on, held.note)
