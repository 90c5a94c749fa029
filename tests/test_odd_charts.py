"""Any JSON in the fields that the readers of treatment, plans and cancer reach into: nothing stops the reading."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chart_examples import code, condition, day, facts, resource
from tests.test_cancer_history import BRAIN, REASON
from tests.test_records import JSON

ODD = (
    "priority", "occurrencePeriod", "occurrenceDateTime", "performer", "participant", "serviceType", "type", "category",
    "extension", "outcome", "bodySite", "basedOn", "encounter", "focus", "component", "specimen", "stage", "location",
    "reasonReference", "reasonCode", "imagingStudy", "intent", "valueInteger", "valueCodeableConcept", "valueQuantity",
)  # fmt: skip
KINDS: tuple[dict[str, Any], ...] = (
    resource("ServiceRequest", "x", status="active", code=code(cpt="63030"), authoredOn=day(3)),
    resource("Procedure", "x", status="completed", code=code(cpt="61510"), performedDateTime=day(30), **REASON),
    resource("Procedure", "x", status="completed", code=code(cpt="97110"), performedDateTime=day(30)),
    resource("Encounter", "x", status="planned", period={"start": day(-3)}),
    resource("Observation", "x", status="final", code=code(loinc="21889-1"), effectiveDateTime=day(9)),
    resource("Observation", "x", status="final", code=code(loinc="72514-3"), effectiveDateTime=day(9)),
    resource("DiagnosticReport", "x", status="final", code=code(cpt="70553"), effectiveDateTime=day(9)),
    resource("Condition", "x", code=code(icd10="C71.1")),
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(KINDS),
    odd=st.dictionaries(st.sampled_from(ODD), JSON | st.lists(JSON, max_size=2), max_size=5),
)
def test_odd_fields_never_stop_the_reading(kind: dict[str, Any], odd: dict[str, Any]) -> None:
    facts(condition("M54.59", 60), {**kind, **odd})
    facts(condition("C71.1", 900), {**kind, **odd}, **BRAIN)
