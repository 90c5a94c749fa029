"""What is kept of one chart for the next ones has an end, however much a chart says at one place."""

from __future__ import annotations

import copy
import datetime as dt
import gc
import tracemalloc
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from mappings import evidence, units
from mappings.fields import instant, span, target
from mappings.kept import LONG, Kept
from mappings.unmapped import in_chart
from tests.conftest import SERVICE
from tests.requests_loader import load

TIMES, LETTERS = 12, 200_000


def left_behind(what: Callable[[int], object]) -> float:
    """MiB in use after it was done with several numbers that were not in use before."""
    what(0)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(1, TIMES):
            what(number)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / 2**20
    finally:
        tracemalloc.stop()


def test_nothing_is_kept_of_a_report_with_thousands_of_codes(client: FlaskClient) -> None:
    body = load("requests/01_lumbar_mri_after_treatment.json")

    def ask(number: int) -> None:
        sent = copy.deepcopy(body)
        report = sent["prefetch"]["reports"]["entry"][0]["resource"]
        report["code"] = {"coding": [{"system": "http://loinc.org", "code": f"{number}-{n}"} for n in range(5_000)]}
        assert client.post(f"/cds-services/{SERVICE}", json=sent).status_code == 200

    assert left_behind(ask) < 2


@pytest.mark.parametrize(
    "read",
    [
        lambda text: span(text),
        lambda text: instant(text),
        lambda text: target(f"Patient/{text}"),
        lambda text: units.unit_of({"value": 1, "unit": text}),
        lambda text: list(in_chart({"resourceType": "Condition", "code": {"text": text}})),
        lambda text: list(in_chart({"resourceType": "Condition", "code": {"coding": [
            {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": text}]}})),
    ],
    ids=["date", "moment", "reference", "unit", "words", "code"],
)  # fmt: skip
def test_nothing_is_kept_of_what_is_written_at_great_length(read: Callable[[str], object]) -> None:
    assert left_behind(lambda number: read(f"{number}" + "x" * LETTERS)) < 0.5


def test_days_without_end_are_told_and_not_kept() -> None:
    first = dt.date(2026, 1, 1)
    days = [first + dt.timedelta(days=n) for n in range(200)]
    assert left_behind(lambda number: evidence.told("visit", [first] * number + days * 100)) < 0.5


def test_many_empty_parts_are_as_much_as_many_letters() -> None:
    kept: Kept[tuple[None, ...], int] = Kept(len)
    assert kept[(None,) * LONG] == LONG
    assert not kept
    assert kept[None, None] == 2
    assert len(kept) == 1


def test_what_is_full_begins_anew() -> None:
    kept: Kept[str, str] = Kept(str.upper, most=3)
    assert [kept[c] for c in "abcda"] == list("ABCDA")
    assert len(kept) <= 3
