"""Orders that come as text alone: the study is told where the words say it, and doubt is kept where they do not."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from criteria.catalogue import load_studies
from criteria.orders import Kind, Order
from mappings.orders import read_orders
from mappings.records import Records

LIST = Path(__file__).parent / "data" / "order_texts.csv"
LINES = [line for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
ROWS = [(row["text"], row["expected"], (row["among"] or "").split()) for row in csv.DictReader(LINES)]


def read(text: str, **more: Any) -> Order:
    draft = {"resourceType": "ServiceRequest", "id": "o1", "code": {"text": text}, **more}
    (order,) = read_orders([draft], Records({}))
    return order


def certain(order: Order) -> str | None:
    """The study that is taken for certain."""
    alone = order.kind is Kind.STUDY and order.study is not None and len(order.candidates) < 2
    return order.study.id if alone and order.study else None


def test_the_list_names_studies_of_the_catalogue_and_no_text_twice() -> None:
    named = {i for _, expected, among in ROWS for i in (expected, *among)} - {"doubt", "not imaging"}
    assert named <= set(load_studies().studies)
    assert len({text for text, _, _ in ROWS}) == len(ROWS) > 150


@pytest.mark.parametrize(("text", "expected", "among"), ROWS)
def test_a_text_names_its_study_or_leaves_the_doubt(text: str, expected: str, among: list[str]) -> None:
    order = read(text)
    if expected == "not imaging":
        assert order.kind is Kind.NOT_IMAGING
    elif expected == "doubt":
        assert certain(order) is None and order.kind in (Kind.STUDY, Kind.UNRECOGNISED)
        assert set(among) <= {c.id for c in order.candidates}
    else:
        assert certain(order) == expected
