"""What the catalogue says of a study settles a trigger before any fact is gathered for that study."""

from __future__ import annotations

from pathlib import Path

import pytest

import criteria
from criteria import load_library
from criteria.facts import Basis, Fact, Facts
from criteria.logic import ALWAYS, Node, Reader
from criteria.orders import Kind, Order, Reason
from criteria.studies import Study
from criteria.triggers import NEVER, settled_for
from tests.rule_home import DAY, library, rule

LIBRARY = load_library()
CT, MRI = "ct_lumbar_spine.without", "mri_lumbar_spine.without"
LISTED = rule("indications: [low_back_pain]\nwhen: [pain.low_back, trial_of_treatment.provider_directed]\n", study=MRI)
TRIGGERED = rule(
    "trigger:\n  any:\n    - order.procedure_type == post_discography_ct\n    - discography.lumbar_approved\n"
    "when: pain.low_back\n",
    study=CT,
)


def read(text: object) -> Node:
    return Reader(Path("rule.yaml"), LIBRARY.vocabulary, strict=False).read(text)


@pytest.mark.parametrize(("study", "settled"), [("pet_whole_body", NEVER), ("pet_mri", ALWAYS)])
def test_a_trigger_on_the_kind_of_study_is_settled_by_the_study(study: str, settled: Node) -> None:
    assert settled_for(LIBRARY.catalogue[study], read("order.modality == pet_mri"), DAY) == settled
    assert settled_for(LIBRARY.catalogue[study], read(["order.modality == pet_mri"] * 2), DAY) == settled


def test_of_a_trigger_that_asks_for_more_that_is_left() -> None:
    more = read(["order.modality == ct", "infection.spinal_suspected"])
    assert settled_for(LIBRARY.catalogue[CT], more, DAY) == read(["infection.spinal_suspected"])
    assert settled_for(LIBRARY.catalogue[MRI], more, DAY) == NEVER


def test_a_trigger_that_says_nothing_of_the_kind_of_study_is_as_it_was() -> None:
    trigger = read(["infection.spinal_suspected", "pain.low_back"])
    assert settled_for(LIBRARY.catalogue[CT], trigger, DAY) is trigger


def looked_at(folder: Path, stated: dict[str, str | bool]) -> set[str]:
    """The studies for which facts were gathered, for an order of MRI that says so much itself."""
    books, asked = library(folder, {"listed": LISTED, "triggered": TRIGGERED}), set[str]()

    def known(_: Order, seen: Study) -> Facts:
        asked.add(seen.id)
        derived = {"order.modality": seen.modality, "order.procedure_type": seen.procedure_type}
        facts = {name: Fact(name, value, Basis.DERIVED) for name, value in derived.items()}
        recorded = {"patient.age_years": 45, "pain.low_back": True, **stated}
        facts |= {name: Fact(name, value, Basis.RECORDED) for name, value in recorded.items()}
        return Facts(facts)

    order = Order("ServiceRequest/1", Kind.STUDY, books.catalogue[MRI], (Reason("covered", ("low_back_pain",)),))
    criteria.judge([order], known, books, DAY, policy=books.policies.by_id["default"])
    return asked


def test_a_study_of_another_kind_than_the_trigger_asks_for_is_not_looked_at(tmp_path: Path) -> None:
    assert looked_at(tmp_path, {}) == {MRI}


@pytest.mark.parametrize(
    "stated", [{"discography.lumbar_approved": True}, {"order.procedure_type": "post_discography_ct"}]
)
def test_it_is_where_something_else_calls_for_it_or_the_order_says_what_kind_it_is(
    tmp_path: Path, stated: dict[str, str | bool]
) -> None:
    assert looked_at(tmp_path, stated) == {MRI, CT}
