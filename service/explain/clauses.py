"""The trace of a rule as nested clauses: what is asked, what came of it, and on what evidence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from criteria.facts import Fact
from criteria.logic import All, Any_, AtLeast, Leaf, Node, Not
from criteria.ratings import Step, Truth
from service.explain.suppose import Supposed, can_be_unknown, open_to, values, written
from service.guidelines.clauses import Conditions

Json = dict[str, Any]
TRUTHS = {True: "met", False: "not-met", None: "unknown"}
PLAIN = ("all of", "any of", "not", "at least", "unless")
"""What a clause without words of its own is called in a trace."""


class Clauses:
    """Makes the clauses of one page: a definition that several rules use is spelled out once, where it comes first."""

    def __init__(self, conditions: Conditions, on: dt.date, supposed: Supposed, unread: frozenset[str]) -> None:
        self.conditions, self.library, self.on = conditions, conditions.library, on
        self.supposed, self.unread = supposed, unread
        self.told: set[str] = set()

    def read(self, step: Step) -> Json:
        """One clause with all below it. Empty lists and texts are left out."""
        if isinstance(step.node, Leaf):
            return self._leaf(step, step.node)
        inner = step.children
        if len(inner) == 1 and step.says.startswith(PLAIN) and not isinstance(step.node, Not) and step.says != "unless":
            return self.read(inner[0])
        if step.says == "unless":
            step = replace(step, truth=inner[0].truth if len(inner) == 1 else None)
        out: Json = {"truth": TRUTHS[step.truth]}
        if (
            step.truth is not None
            and any(_presumed(c) for c in inner if c.truth is not None)
            and not _holds_alone(step)
        ):
            out["truth"] = f"presumed-{out['truth']}"
        if step.says and not step.says.startswith(PLAIN):
            out["says"] = step.says.rstrip(".")
        if joint := _joint(step):
            out["joint"] = joint
        if step.rows:
            out["rows"] = list(step.rows)
        if inner:
            out["parts"] = [self.read(c) for c in inner]
        return out

    def _leaf(self, step: Step, leaf: Leaf) -> Json:
        fact = self.library.vocabulary[leaf.fact]
        clause = self.conditions.read(leaf)
        presumed = step.found is None and step.truth is not None and (step.presumed or _presumed(step))
        out: Json = {"truth": ("presumed-" if presumed else "") + TRUTHS[step.truth]}
        if leaf.says:
            out["says"] = leaf.says.rstrip(".")
        out |= {"fact": leaf.fact, "means": clause.means or fact.means.rstrip("."), "compared": clause.compared}
        if step.found is not None:
            out["found"] = self.found(step.found)
        elif leaf.fact in self.supposed:
            out["found"] = {"value": "unknown", "basis": "supposed"}
        elif presumed and fact.logic is None:
            out["found"] = {"basis": "presumed"}
        elif leaf.fact in self.unread:
            out["found"] = {"basis": "unread"}
        if clause.rows:
            out["rows"] = list(clause.rows)
        if open_to(fact):
            ways: Json = {TRUTHS[t]: written(leaf.fact, v) for t, v in values(leaf, fact, self.on).items()}
            if can_be_unknown(fact):
                ways["unknown"] = written(leaf.fact, "unknown")
            out["suppose"] = ways
        if step.children and leaf.fact in self.told:
            out["above"] = True
        elif step.children:
            self.told.add(leaf.fact)
            logic = self.library.definitions[leaf.fact]
            if joint := _joint_of(logic):
                out["joint"] = joint
            out["parts"] = [self.read(c) for c in step.children]
        return out

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


def _presumed(step: Step) -> bool:
    return step.presumed or (step.found is None and any(_presumed(c) for c in step.children))


def _holds_alone(step: Step) -> bool:
    """True where recorded facts make the clause what it is, whatever is presumed beside them."""
    solid = [c.truth for c in step.children if not _presumed(c)]
    if isinstance(step.node, Any_):
        return step.truth is True and True in solid
    if isinstance(step.node, Not):
        return bool(solid)
    if isinstance(step.node, AtLeast):
        return step.truth is True and solid.count(True) >= step.node.n
    return step.truth is False and False in solid


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
