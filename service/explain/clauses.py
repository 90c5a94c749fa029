"""The trace of a rule as nested clauses: what is asked, what came of it, and on what evidence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from criteria.facts import Fact, FactDefinition
from criteria.logic import All, Any_, AtLeast, Leaf, Node, Not
from criteria.ratings import Step, Truth
from criteria.results import RESULT_FACTS
from service.explain.suppose import Supposed, can_be_unknown, open_to, values, written
from service.guidelines.clauses import Conditions

Json = dict[str, Any]
TRUTHS = {True: "met", False: "not-met", None: "unknown"}
PLAIN = ("all of", "any of", "not", "at least", "unless")
"""What a clause without words of its own is called in a trace."""


class Clauses:
    """Makes the clauses of one page: a definition or a requirement that several rules share is spelled out
    once, where it comes first."""

    def __init__(self, conditions: Conditions, on: dt.date, supposed: Supposed, unread: frozenset[str]) -> None:
        self.conditions, self.library, self.on = conditions, conditions.library, on
        self.supposed, self.unread = supposed, unread
        self.told: set[str] = set()
        self.groups: set[int] = set()

    def read(self, step: Step, inside: bool = False) -> Json:
        """One clause with all below it; ``inside`` a definition. Empty lists and texts are left out."""
        if isinstance(step.node, Leaf):
            return self._leaf(step, step.node, inside)
        inner = step.children
        if (
            isinstance(step.node, Not)
            and isinstance(inner[0].node, Leaf)
            and not (step.says != "not" or inner[0].children)
        ):
            return self._turned(self._leaf(inner[0], inner[0].node, inside), step)
        if step.says == "unless":
            step = msgspec.structs.replace(step, truth=inner[0].truth if len(inner) == 1 else None)
        elif len(inner) == 1 and _is_plain(step) and not isinstance(step.node, Not):
            return self.read(inner[0], inside)
        out: Json = {"truth": self._truth(step)}
        if not _is_plain(step):
            out["says"] = step.says.rstrip(".")
        if joint := _joint(step):
            out["joint"] = joint
        if step.rows:
            out["rows"] = list(step.rows)
        if inner and "says" in out and id(step.node) in self.groups:
            out["above"] = True
        elif inner:
            self.groups.add(id(step.node))
            out["parts"] = [self.read(c, inside) for c in _flat(step)]
        return out

    @staticmethod
    def _truth(step: Step) -> str:
        return ("" if step.truth is None or _solid(step) else "presumed-") + TRUTHS[step.truth]

    def _turned(self, out: Json, step: Step) -> Json:
        """A comparison that must not hold, as one clause: what makes it met is what makes the comparison fail."""
        out["truth"] = self._truth(step)
        out["compared"] = {"yes": "no", "no": "yes"}.get(out["compared"], f"not {out['compared']}")
        ways = out.get("suppose", {})
        turned = {"met": ways.get("not-met"), "not-met": ways.get("met"), "unknown": ways.get("unknown")}
        if ways:
            out["suppose"] = {truth: way for truth, way in turned.items() if way}
        return out

    def _leaf(self, step: Step, leaf: Leaf, inside: bool) -> Json:
        fact = self.library.vocabulary[leaf.fact]
        clause = self.conditions.read(replace(leaf, says="", values=((None, leaf.value(self.on)),)))
        presumed = step.truth is not None and step.presumed
        out: Json = {"truth": ("presumed-" if presumed else "") + TRUTHS[step.truth]}
        if leaf.says:
            out["says"] = leaf.says.rstrip(".")
        out |= {"fact": leaf.fact, "means": clause.means, "compared": clause.compared}
        if basis := self._basis(step, fact, presumed):
            out["found"] = self.found(step.found) if step.found is not None else {"basis": basis}
        if clause.rows:
            out["rows"] = list(clause.rows)
        if open_to(fact):
            ways: Json = {TRUTHS[t]: written(leaf.fact, v) for t, v in values(leaf, fact, self.on).items()}
            if can_be_unknown(fact):
                ways["unknown"] = written(leaf.fact, "unknown")
            out["suppose"] = ways
        if step.children and (leaf.fact in self.told or (inside and not any(map(_speaks, step.children)))):
            out["elsewhere"] = True
        elif step.children:
            self.told.add(leaf.fact)
            logic = self.library.definitions[leaf.fact]
            if joint := _joint_of(logic):
                out["joint"] = joint
            out["parts"] = [self.read(c, True) for c in step.children]
        return out

    def _basis(self, step: Step, fact: FactDefinition, presumed: bool) -> str:
        """On what a leaf rests; empty where it is made of other facts, or of the results of other rules."""
        if step.found is not None:
            return step.found.basis.name.lower()
        if step.fact in self.supposed:
            return "supposed-unknown"
        if fact.logic is not None or fact.name in RESULT_FACTS:
            return ""
        if presumed:
            return "presumed"
        if step.truth is None:
            return "unread" if step.fact in self.unread else "open"
        return "silent" if fact.absence == "false" else ""

    def found(self, fact: Fact) -> Json:
        """A fact as it is on file, in words and as it is."""
        definition = self.library.vocabulary[fact.name]
        out: Json = {"value": self.value(fact.name, fact.value), "basis": fact.basis.name.lower()}
        if fact.name in self.supposed:
            return {**out, "basis": "supposed"}
        more: Mapping[str, Any] = {
            "unit": definition.unit if definition.unit not in (None, "1", "{score}") else "",
            "sources": list(fact.sources),
            "on": fact.on.isoformat() if fact.on else "",
            "note": fact.note,
        }
        return out | {name: held for name, held in more.items() if held}

    def value(self, name: str, value: Any) -> str:
        """One value in words."""
        definition = self.library.vocabulary[name]
        if isinstance(value, bool):
            return "yes" if value else "no"
        many = value if isinstance(value, tuple | list) else (value,)
        return ", ".join(self.conditions.value(definition, v) for v in many)


def _is_plain(step: Step) -> bool:
    """True for a group without words of its own."""
    return step.says.startswith(PLAIN)


def _flat(step: Step) -> tuple[Step, ...]:
    """The parts of a group; a group of the same kind in it that has nothing to say of its own gives its parts up."""
    kind = type(step.node) if step.node is not None else All
    if kind not in (All, Any_) or step.says == "unless":
        return step.children
    out: list[Step] = []
    for child in step.children:
        same = type(child.node) is kind and _is_plain(child)
        out += _flat(child) if same else [child]
    return tuple(out)


def _speaks(step: Step) -> bool:
    """True where a fact on file makes some comparison hold."""
    return (step.found is not None and step.truth is True) or any(map(_speaks, step.children))


def _solid(step: Step) -> bool:
    """True where recorded facts make a clause what it is, whatever is presumed beside them."""
    if isinstance(step.node, Leaf):
        return not step.presumed
    same = [_solid(c) for c in step.children if c.truth is step.truth]
    match step.node:
        case Not():
            return _solid(step.children[0])
        case AtLeast(n=n):
            needed = n if step.truth else len(step.children) - n + 1
            return sum(same) >= needed
        case Any_():
            return any(same) if step.truth else all(same)
    return all(same) if step.truth else any(same)


def _joint(step: Step) -> str:
    if step.says == "unless":
        return "exceptions, which count only when known"
    if step.node is None:
        return "all of these" if len(step.children) > 1 else ""
    return _joint_of(step.node)


def _joint_of(node: Node) -> str:
    if isinstance(node, AtLeast):
        return f"at least {node.n} of these"
    return {All: "all of these", Any_: "any of these", Not: "this must not hold"}.get(type(node), "")


def truth_of(truth: Truth) -> str:
    return TRUTHS[truth]
