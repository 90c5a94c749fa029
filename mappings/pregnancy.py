"""Pregnancy: the recorded status, and positive tests."""

from __future__ import annotations

from collections.abc import Iterator

from criteria.facts import Fact
from mappings.amounts import amount
from mappings.answers import answers, positive
from mappings.observations import Result, Results, latest

STATUS_DAYS, TEST_DAYS = 280, 60
GONADOTROPIN_POSITIVE = 25
"""International units per litre; under 5 no pregnancy, between the two no answer."""


def pregnancy_facts(results: Results) -> Iterator[Fact]:
    """The newest of the status (280 days) and a positive test (60 days). A negative test overrules no status."""
    status = latest(results, "pregnancy", STATUS_DAYS)
    if status:
        said = answers(status.body) & {"pregnant", "not_pregnant"}
        if len(said) == 1:
            yield status.fact("pregnancy.current", "pregnant" in said)
    for test in (latest(results, "pregnancy_test", TEST_DAYS), latest(results, "hcg", TEST_DAYS)):
        if test and (status is None or test.on > status.on) and _shows(test):
            yield test.fact("pregnancy.current", True)


def _shows(test: Result) -> bool:
    if positive(test.body):
        return True
    held = amount(test.body)
    level = held.within("[IU]/L", bare=False) if held else None
    return level is not None and level.low >= GONADOTROPIN_POSITIVE
