"""In which rules two libraries differ: thresholds, clauses, studies, rules that are gone or new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from criteria import Library
from criteria.criterion import Criterion
from criteria.logic import Leaf, Node, children, leaves
from service.guidelines.clauses import conditions
from service.replay.clauses import COMPARISONS

ASIDE = {"id", "file", "title", "message", "reviewed", "owner", "local", "when", "unless", "trigger", "once"}
"""Fields of a rule that no verdict rests on, and its conditions, which are told by clause."""
NAMED = 4
"""Rules that are named where many share one change."""
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule that is not the same in both libraries."""

    criterion: str
    title: str
    what: str
    details: tuple[str, ...] = ()
    safety: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"criterion": self.criterion, "title": self.title, "what": self.what, "details": list(self.details),
                "safety": self.safety}  # fmt: skip


def in_words(changes: list[RuleChange]) -> list[str]:
    """A sentence for each change; rules that share a changed clause share one."""
    alike: dict[tuple[str, tuple[str, ...]], list[RuleChange]] = {}
    for change in changes:
        alike.setdefault((change.what, change.details if change.what == "changed" else (change.criterion,)), []).append(
            change
        )
    out = []
    for (what, details), rules in alike.items():
        names = ", ".join(f"{r.title} ({r.criterion})" for r in rules[:NAMED]) + (
            " and more" if len(rules) > NAMED else ""
        )
        count = "" if len(rules) == 1 else f"{len(rules)} rules: "
        told = f" {'; '.join(details)}." if what == "changed" else ""
        mark = "SAFETY RULE: " if any(r.safety for r in rules) else ""
        out.append(f"{mark}{count}{names}: {what}.{told}")
    return out


def rule_changes(old: Library, new: Library) -> list[RuleChange]:
    before, now = ({c.id: c for c in library.criteria} for library in (old, new))
    out = [
        RuleChange(c.id, c.title, "taken out", safety=c.kind == "safety") for c in before.values() if c.id not in now
    ]
    out += [RuleChange(c.id, c.title, "added") for c in now.values() if c.id not in before]
    for name in before.keys() & now.keys():
        if details := tuple(dict.fromkeys(_details(before[name], now[name]))):
            out.append(RuleChange(name, now[name].title, "changed", details, before[name].kind == "safety"))
    for name in sorted(old.definitions.keys() | new.definitions.keys()):
        one, two = old.definitions.get(name), new.definitions.get(name)
        if one is None or two is None or _shape(one) != _shape(two):
            details = tuple(_between((one,), (two,))) if one is not None and two is not None else ()
            out.append(RuleChange(name, "The definition of a fact", "changed", details))
    return sorted(out, key=lambda c: (c.what, c.criterion))


def _details(old: Criterion, new: Criterion) -> Iterator[str]:
    for held in fields(Criterion):
        if held.name not in ASIDE and getattr(old, held.name) != getattr(new, held.name):
            yield f"other {held.name}"
    one, two = conditions(old), conditions(new)
    if [_shape(n) for n in one] == [_shape(n) for n in two]:
        return
    yield from list(_between(one, two)) or ["other clauses"]


def _between(old: tuple[Node, ...], new: tuple[Node, ...]) -> Iterator[str]:
    before, now = (_leaves(*nodes) for nodes in (old, new))
    for place in dict.fromkeys((*before, *now)):
        one, two = before.get(place, []), now.get(place, [])
        if one != two:
            yield f"{_said(place, one)} becomes {_said(place, two)}"


def _leaves(*nodes: Node) -> dict[Place, list[Any]]:
    """The values that each fact is compared with, by fact and operator."""
    out: dict[Place, list[Any]] = {}
    for node in nodes:
        for leaf in leaves(node):
            held = out.setdefault((leaf.fact, leaf.operator), [])
            if leaf.values not in held:
                held.append(leaf.values)
    return out


def _said(place: Place, values: list[Any]) -> str:
    if not values:
        return "nothing"
    fact, operator = place
    return " and ".join(f"{fact} {COMPARISONS[operator]} {_dated(held)}" for held in values)


def _dated(values: tuple[tuple[Any, Any], ...]) -> str:
    return ", ".join(
        f"{_plain(value)}" + (f" (from {start})" if len(values) > 1 and start else "") for start, value in values
    )


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        f"{value:g}" if isinstance(value, int | float) else ", ".join(value) if isinstance(value, tuple) else str(value)
    )


def _shape(node: Node) -> Any:
    """What a condition says, without where it stands and how it is worded."""
    head = (type(node).__name__, node.missing, node.turns, getattr(node, "n", None))
    if isinstance(node, Leaf):
        return (*head, node.fact, node.operator, node.values)
    return (*head, tuple(_shape(child) for child in children(node)))
