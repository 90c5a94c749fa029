"""Rules about what no chart says are passed over; none that has something to say ever is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from criteria.criterion import Criterion
from criteria.evaluate import Circumstances
from criteria.facts import Basis, Fact, Facts
from criteria.heard import Roll, heard
from criteria.logic import All, Any_, AtLeast, Node, Not
from criteria.select import book
from tests.rule_home import DAY, judge, library, rule
from tests.test_logic import CONDITIONS, NAMES, leaf

SILENT: dict[str, Any] = {}
IMPLANT = "implant.pacemaker"


def on_file(facts: dict[str, Any], unsearched: frozenset[str] = frozenset()) -> Circumstances:
    return Circumstances(Facts({n: Fact(n, v, Basis.RECORDED) for n, v in facts.items()}, unsearched), CONDITIONS)


def rule_on(when: Node, name: str = "a/rule") -> Criterion:
    return Criterion(name, "a", Path("rule.yaml"), "A rule", "exclusion", ("mri",), "1", (), when)


def called(when: Node, facts: dict[str, Any]) -> bool:
    roll = Roll([heard(rule_on(when), CONDITIONS)])
    return bool(roll.concerned(on_file(facts).touched))


def test_a_rule_about_two_things_is_called_when_both_are_on_file() -> None:
    both = All((leaf("c.false"), leaf("a.unknown")))
    assert [called(both, f) for f in (SILENT, {"c.false": True}, {"a.unknown": True})] == [False] * 3
    assert called(both, {"c.false": True, "a.unknown": True})


def test_any_of_several_things_on_file_calls_a_rule_about_either() -> None:
    either = All((leaf("c.false"), Any_((leaf("a.unknown"), All((leaf("b.unknown"), leaf("d.presumed")))))))
    assert not called(either, {"c.false": True})
    assert called(either, {"c.false": True, "a.unknown": True})
    assert called(either, {"c.false": True, "b.unknown": True, "d.presumed": True})


def test_a_rule_that_what_is_presumed_brings_about_needs_nothing_on_file() -> None:
    assert called(leaf("f.asserted"), SILENT)


def test_what_is_presumed_does_not_call_a_rule_whose_indication_turns_on_it() -> None:
    turned = All((leaf("f.asserted"),), turns=True)
    assert not called(turned, SILENT)
    assert called(turned, {"f.asserted": True})


def test_what_is_presumed_false_may_speak_through_a_denial_in_the_clause_an_indication_turns_on() -> None:
    turned = All((Not(leaf("d.presumed")),), turns=True)
    assert called(Not(leaf("d.presumed")), SILENT)
    assert not called(turned, SILENT)
    assert called(turned, {"d.presumed": False})


def test_a_reminder_speaks_while_nothing_is_on_file() -> None:
    reminder = All((leaf("a.unknown"),), missing="note")
    assert called(reminder, SILENT)
    assert called(All((reminder,)), SILENT)


def test_rules_are_called_in_their_order_those_that_need_nothing_included() -> None:
    rules = {"a/1": leaf("b.unknown"), "a/2": leaf("f.asserted"), "a/3": leaf("c.false"), "a/4": leaf("a.unknown")}
    roll = Roll(heard(rule_on(when, name), CONDITIONS) for name, when in rules.items())
    found = roll.concerned(on_file({"a.unknown": True, "b.unknown": True}).touched)
    assert [r.criterion.id for r in found] == ["a/1", "a/2", "a/4"]


clauses = st.recursive(
    st.sampled_from(NAMES).map(leaf),
    lambda inner: st.one_of(
        st.builds(
            All,
            st.lists(inner, min_size=1, max_size=3).map(tuple),
            turns=st.booleans(),
            missing=st.sampled_from([None, "bar", "note"]),
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda c: Any_(tuple(c))),
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda c: AtLeast(2, tuple(c))),
    ),
    max_leaves=8,
)
charts = st.dictionaries(st.sampled_from(NAMES), st.booleans(), max_size=6)
speaking = st.sampled_from([(True,), (True, None)])


@given(clauses, charts, st.frozensets(st.sampled_from(NAMES), max_size=3), speaking)
def test_no_rule_is_passed_over_that_has_something_to_say(
    when: Node, facts: dict[str, bool], unread: frozenset[str], truths: tuple[bool | None, ...]
) -> None:
    here = on_file(facts, unread)
    if not Roll([heard(rule_on(when), CONDITIONS, truths)]).concerned(here.touched):
        assert here.truth(when) not in truths
        assert here.off.truth(when) not in truths


def test_an_unread_record_leaves_the_word_that_an_implant_could_not_be_checked(tmp_path: Path) -> None:
    when = f"when: [{IMPLANT}, implant.near_scanned_region]\n"
    books = library(tmp_path, {"safe": rule(when, "MRI beside an implant", "safety")})
    notes = judge(books, {}, unsearched=frozenset({IMPLANT})).notes
    assert [(n.kind, n.text) for n in notes] == [("unchecked", "MRI beside an implant")]
    assert not judge(books, {}).notes


def company(when: str, folder: Path) -> frozenset[str]:
    books = library(folder, {"p": rule(f"trigger: {when}\nwhen: pain.low_back\n")})
    (called_by,) = book(books, DAY).triggers
    return called_by.company


def test_a_trigger_tells_which_company_an_order_needs_in_the_session(tmp_path: Path) -> None:
    assert company("[order.session_studies has ct_lumbar_spine, pain.severe]", tmp_path) == {"ct_lumbar_spine"}


def test_a_trigger_that_the_study_of_the_rule_itself_may_answer_needs_no_company(tmp_path: Path) -> None:
    assert not company("order.session_studies has mri_lumbar_spine", tmp_path)


def test_a_trigger_that_something_else_may_answer_needs_no_company(tmp_path: Path) -> None:
    assert not company("{any: [order.session_studies has ct_lumbar_spine, pain.severe]}", tmp_path)
