"""For whom a Da Vinci CRD call is answered: one payer, where CRD 2.2 asks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hooks import Insured
from hooks.errors import CoverageMissing, PayerUnclear
from hooks.payer import spoken_for

TWO = (Insured("Coverage/1", "Example Health"), Insured("Coverage/2", "Second Health"))
PAYER = ("https://example.org/payers|1",)
ONE = Insured("Coverage/1", "Example Health", payers=PAYER)
ENDED = Insured("Coverage/9", "Old Health", payers=PAYER, in_force=False)


@pytest.mark.parametrize(
    ("coverages", "kept"),
    [([ONE], [ONE]), ([ONE, ENDED], [ONE]), ([ENDED], [ENDED])],
    ids=["one in force", "beside one that ended", "only one that ended"],
)
def test_crd_2_2_answers_for_the_one_coverage_that_it_finds(coverages: list[Insured], kept: list[Insured]) -> None:
    assert spoken_for("2.2", coverages, False, ()) == kept
    assert spoken_for("2.2", coverages, False, PAYER) == kept


@pytest.mark.parametrize(
    ("coverages", "payers", "says"),
    [
        ([], (), "no Coverage was found"),
        ([ONE, replace(ONE, reference="Coverage/2")], (), "several Coverages"),
        ([ENDED, replace(ENDED, reference="Coverage/8")], (), "several Coverages"),
        ([replace(ONE, payers=())], (), "no identifier"),
        ([ONE], ("https://example.org/payers|2",), "none that is answered for here"),
    ],
)
def test_crd_2_2_refuses_what_names_no_payer_of_its_own(coverages: list[Insured], payers: Any, says: str) -> None:
    with pytest.raises(PayerUnclear, match=says) as caught:
        spoken_for("2.2", coverages, False, payers)
    assert caught.value.status == 400


def test_a_coverage_that_could_not_be_read_is_not_taken_for_none() -> None:
    with pytest.raises(CoverageMissing) as caught:
        spoken_for("2.2", [], True, ())
    assert caught.value.status == 412


@pytest.mark.parametrize("version", ["", "2.0.1"])
def test_nobody_else_is_refused_for_the_payer(version: str) -> None:
    assert spoken_for(version, [], True, PAYER) == []
    assert spoken_for(version, [*TWO, ENDED], False, PAYER) == list(TWO)
