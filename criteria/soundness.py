"""What no single rule file shows: conditions that are never or always true, rules that contradict, reviews overdue."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from criteria.criterion import Criterion
from criteria.library import Library
from criteria.logic import ALWAYS, All, Any_, AtLeast, Leaf, Node, Not, children, walk
from criteria.possible import possible

SUPPORTS = {"pathway", "prerequisite"}
REFUSES = {"exclusion", "coding", "combination", "safety", "redirect"}
REVIEW_YEARS = 1


def unsound(library: Library) -> Iterator[str]:
    """Every such fault, as a sentence with file and line."""
    shared = {id(n) for named in library.shared.values() for d in named.values() for n in walk(d)}
    for guideline, named in library.shared.items():
        for name, node in named.items():
            for line, what in _parts(node, library, {}, frozenset()):
                yield f"definitions.yaml of {guideline}{_at(line)}: in `{name}`, {what}"
    for criterion in library.criteria:
        for line, what in _rule(criterion, library, shared):
            yield f"{criterion.file.name}{_at(line)}: {what}"
    yield from _contradictions(library)
    yield from _out_of_reach(library)


def overdue(library: Library, today: dt.date) -> Iterator[str]:
    """Rules whose last review lies more than a year back: to be looked at, not wrong."""
    for rule in sorted(library.criteria, key=lambda c: (c.reviewed, c.id)):
        if _years_on(rule.reviewed) < today:
            yield f"{rule.file.name}: last reviewed on {rule.reviewed}, so a review is due ({rule.owner})."


def _rule(criterion: Criterion, library: Library, shared: set[int]) -> Iterator[tuple[int | None, str]]:
    if not criterion.studies:
        yield None, "the rule names no study, so it speaks of nothing."
    given = _given(criterion, library)
    found = False
    for node in (criterion.when, criterion.unless, criterion.trigger, criterion.once):
        if node is not None and node is not ALWAYS:
            for fault in _parts(node, library, given, frozenset(shared)):
                found = True
                yield fault
    if found:
        return
    goals = [(criterion.when, True)]
    if not possible(goals, library.vocabulary, given):
        yield (
            criterion.when.line,
            "the rule can never be true for its studies and ages; mend `when`, `studies` or ages.",
        )
    elif criterion.unless is not None and not possible([*goals, (criterion.unless, False)], library.vocabulary, given):
        yield criterion.unless.line, "`unless` lifts the rule whenever it is true, so it never decides."
    if criterion.trigger is not None and not possible([*goals, (criterion.trigger, True)], library.vocabulary, given):
        yield criterion.trigger.line, "`when` and `trigger` can never be true together."


def _parts(
    node: Node, library: Library, given: Mapping[str, Any], skip: frozenset[int]
) -> Iterator[tuple[int | None, str]]:
    """The smallest parts of a condition that are never or always true. Parts in ``skip`` are looked at elsewhere.

    "X, or not X" with the mark `turns` is no such part: it says that X must be known.
    """
    if id(node) in skip:
        return
    inner = [fault for child in children(node) for fault in _parts(child, library, given, skip)]
    if inner or isinstance(node, Not) or not children(node):
        yield from inner
        return
    line = node.line or next((n.line for n in walk(node) if n.line), None)
    if not possible([(node, True)], library.vocabulary):
        yield line, "this condition can never be true: its clauses contradict one another."
    elif not any(n.turns for n in walk(node)) and not possible([(node, False)], library.vocabulary):
        yield line, "this condition is always true, whatever the facts: leave it out, or write `when: always`."


def _given(criterion: Criterion, library: Library) -> dict[str, frozenset[Any]]:
    """What the studies and the ages of a rule settle beforehand; what the order's own words may add stays open."""
    studies = [library.catalogue[s] for s in criterion.studies]
    given: dict[str, frozenset[Any]] = {
        "order.modality": frozenset(s.modality for s in studies) | {"pet_mri"},  # PET and MRI in one session
        "order.body_region": frozenset(s.region for s in studies),
        "order.study": frozenset(s.base for s in studies),
        "order.procedure_type": frozenset(s.procedure_type for s in studies),
        "order.contrast": frozenset(s.contrast for s in studies),
    }
    for fact, left_open in (("contrast", "not_stated"), ("body_region", ""), ("procedure_type", "none")):
        if left_open in given[f"order.{fact}"]:
            del given[f"order.{fact}"]
    ages = criterion.ages
    if ages is not None:
        least, most = ages.at_least or 0, 130 if ages.at_most is None else ages.at_most
        given["patient.age_years"] = frozenset(range(least, most + 1))
    return given


def _contradictions(library: Library) -> Iterator[str]:
    """Two rules of one guideline that say yes and no to the same condition, studies and indications."""
    groups: dict[Any, list[Criterion]] = defaultdict(list)
    for c in library.criteria:
        if c.pair is None and c.rates:
            groups[c.guideline, frozenset(c.studies), c.indications, c.ages, signature(c.when)].append(c)
    for rules in groups.values():
        for yes in rules:
            for no in rules:
                if yes.kind in SUPPORTS and no.kind in REFUSES and _together(yes, no) and yes.trigger is None:
                    yield (
                        f"{yes.file.name}: says the opposite of {no.file.name} ({yes.kind}, {no.kind}) for the same"
                        " studies, indications and condition; keep one, or tell them apart."
                    )


def _out_of_reach(library: Library) -> Iterator[str]:
    for c in library.criteria:
        domain = library.guidelines[c.guideline].domain
        if c.kind == "pathway" and not c.indications and c.trigger is None and domain.isdisjoint(c.studies):
            yield (
                f"{c.file.name}: its studies are outside the guideline's domain, and it has neither indications nor a"
                " trigger: no order can reach it."
            )


def signature(node: Node) -> Any:
    """What a condition says, whatever it is called, where it stands and in which order its parts are written."""
    if isinstance(node, Leaf):
        return (node.fact, node.operator, node.values)
    inner = frozenset(signature(c) for c in children(node))
    if isinstance(node, All | Any_) and len(node.children) == 1:
        return next(iter(inner))
    word = "all" if isinstance(node, All) else "any" if isinstance(node, Any_) else "not"
    return (node.n if isinstance(node, AtLeast) else word, inner)


def _together(one: Criterion, other: Criterion) -> bool:
    """True when both are in force on some day."""
    end = min(c.end or dt.date.max for c in (one, other))
    return max(one.start, other.start) <= end


def _years_on(day: dt.date) -> dt.date:
    try:
        return day.replace(year=day.year + REVIEW_YEARS)
    except ValueError:  # 29 February
        return dt.date(day.year + REVIEW_YEARS, 3, 1)


def _at(line: int | None) -> str:
    return f" line {line}" if line else ""
