"""A condition as a nested list that can be read: what each clause says, which fact it looks at, and the comparison."""

from __future__ import annotations

from dataclasses import dataclass, replace

from criteria.criterion import Criterion
from criteria.facts import FactDefinition
from criteria.library import Library
from criteria.logic import All, Any_, AtLeast, Leaf, Node, Not, children
from service.guidelines.words import day, number, plain, words

STUDY_FACTS = {"order.study", "order.session_studies"}


@dataclass(frozen=True, slots=True)
class Clause:
    """``says``: the clause in a few words; ``fact``, ``means`` and ``compared`` for a leaf, ``joint`` and ``parts`` for
    a group ("all of these")."""

    says: str = ""
    fact: str = ""
    means: str = ""
    compared: str = ""
    joint: str = ""
    marks: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    parts: tuple[Clause, ...] = ()


class Conditions:
    """Turns the conditions of one library into clauses."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.bases: dict[str, str] = {}
        for study in library.catalogue.studies.values():
            known = self.bases.get(study.base)
            if known is None or len(study.name) < len(known):
                self.bases[study.base] = study.name

    def read(self, node: Node) -> Clause:
        """One condition."""
        clause = self._bare(node)
        says = node.says
        if says and clause.says and says != clause.says:
            clause = Clause(says=says, parts=(clause,))
        elif says:
            clause = replace(clause, says=says)
        marks = [words()["missing"][node.missing]] if node.missing else []
        if node.turns:
            marks.append("The reason for the study turns on this: nothing here is presumed to be absent.")
        return replace(
            clause,
            marks=tuple(dict.fromkeys((*marks, *clause.marks))),
            rows=tuple(dict.fromkeys((*node.rows, *clause.rows))),
        )

    def _bare(self, node: Node) -> Clause:
        """Without the node's own remarks."""
        if isinstance(node, Leaf):
            return self._leaf(node)
        if isinstance(node, Not):
            return self._not(node.child)
        inner = children(node)
        if not inner:
            return Clause(says="always")
        if len(inner) == 1:
            return self.read(inner[0])
        return Clause(joint=_joint(node), parts=tuple(self.read(n) for n in inner))

    def _not(self, node: Node) -> Clause:
        while not isinstance(node, Leaf) and len(children(node)) == 1 and not (node.says or isinstance(node, Not)):
            node = children(node)[0]
        if isinstance(node, Leaf) and not node.says:
            clause = self._leaf(node)
            turned = {"yes": "no", "no": "yes"}.get(clause.compared, f"not {clause.compared}")
            return replace(clause, compared=turned)
        clause = self.read(node)
        joint = {"all of these": "not all of these", "any of these": "none of these"}.get(clause.joint, "")
        if joint and not clause.says:
            return replace(clause, joint=joint)
        return Clause(joint="this does not hold", parts=(clause,))

    def _leaf(self, leaf: Leaf) -> Clause:
        fact = self.library.vocabulary[leaf.fact]
        return Clause(fact=fact.name, means=fact.means.rstrip("."), compared=self._compared(leaf, fact))

    def _compared(self, leaf: Leaf, fact: FactDefinition) -> str:
        if fact.type == "boolean":
            return "yes" if (leaf.values[0][1] is True) == (leaf.operator == "is") else "no"
        verb = words()["compare"][leaf.operator]
        out = []
        for start, value in leaf.values:
            many = value if isinstance(value, tuple) else (value,)
            shown = ", ".join(self.value(fact, v) for v in many)
            unit = words()["units"].get(fact.unit, fact.unit) if fact.unit else ""
            since = f" (from {day(start)})" if start else ""
            out.append(" ".join(part for part in (verb, shown, unit) if part) + since)
        return "; ".join(out)

    def value(self, fact: FactDefinition, value: object) -> str:
        """One value of a fact in words."""
        if isinstance(value, int | float):
            return number(value)
        if fact.name in STUDY_FACTS and value in self.bases:
            return self.bases[str(value)]
        return plain(str(value))


def _joint(node: Node) -> str:
    if isinstance(node, AtLeast):
        return f"at least {node.n} of these"
    return {All: "all of these", Any_: "any of these"}[type(node)]


def conditions(criterion: Criterion) -> tuple[Node, ...]:
    """Everything in a rule that is a condition."""
    return tuple(n for n in (criterion.when, criterion.unless, criterion.trigger, criterion.once) if n is not None)
