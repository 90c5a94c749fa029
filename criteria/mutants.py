"""Small wrongs done to a rule on purpose: what its cases have to notice.

A mutant is a whole rule with one slip in it: a leaf turned round, a threshold one step off, `all` for `any`, a clause
left out, another outcome. A clause that comes from definitions.yaml is turned round or left out as one in the rule, and
its inside is mutated once, for all rules that use it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from criteria.criterion import Ages, Criterion
from criteria.library import Library
from criteria.logic import NUMERIC, All, Any_, AtLeast, Leaf, Node, Not, children, walk
from criteria.select import REFUSING

Names = Mapping[int, str]
"""Name of a definition by the identity of its node: rules share the node itself."""
SWAPS = {"at_least": "more_than", "more_than": "at_least", "at_most": "less_than", "less_than": "at_most"}
CONDITIONS = ("when", "unless", "trigger")
SHOWN = 60


@dataclass(frozen=True, slots=True)
class Mutant:
    """``rule`` is a file name without ending, or ``define <name>``; ``what`` names the slip, unique in its rule;
    ``changes`` are the rules as they read with it, by id."""

    guideline: str
    rule: str
    file: Path
    line: int | None
    what: str
    changes: Mapping[str, Criterion]


def mutants_of(criterion: Criterion, library: Library) -> Iterator[Mutant]:
    """Every mutant of one rule."""
    seen: dict[str, int] = {}
    for what, line, changed in _criteria(criterion, library):
        seen[what] = seen.get(what, 0) + 1
        name = what if seen[what] == 1 else f"{what} ({seen[what]})"
        rule = criterion.id.split("/")[1]
        yield Mutant(criterion.guideline, rule, criterion.file, line, name, {criterion.id: changed})


def mutants_of_definition(guideline: str, name: str, library: Library) -> Iterator[Mutant]:
    """Every mutant of one shared definition, in all rules that use it; none where no rule does."""
    node = library.shared[guideline][name]
    users = [c for c in library.criteria if c.guideline == guideline and _uses(c, node)]
    seen: dict[str, int] = {}
    for what, line, changed in variants(node, _names(library, guideline), library) if users else ():
        seen[what] = seen.get(what, 0) + 1
        label = what if seen[what] == 1 else f"{what} ({seen[what]})"
        changes = {c.id: _with(c, node, changed) for c in users}
        file = users[0].file.parent.parent / "definitions.yaml"
        yield Mutant(guideline, f"define {name}", file, line, label, changes)


def _criteria(criterion: Criterion, library: Library) -> Iterator[tuple[str, int | None, Criterion]]:
    names = _names(library, criterion.guideline)
    for part in CONDITIONS:
        node: Node | None = getattr(criterion, part)
        if node is None:
            continue
        where = "" if part == "when" else f"in {part} "
        for what, line, changed in variants(node, names, library):
            slip: dict[str, Any] = {part: changed}
            yield where + what, line, replace(criterion, **slip)
        if part != "when" and (part == "unless" or criterion.indications):
            less: dict[str, Any] = {part: None}
            yield f"dropped {part}", node.line, replace(criterion, **less)
    if criterion.ages is not None:
        for key in ("at_least", "at_most"):
            value = getattr(criterion.ages, key)
            for off in (value - 1, value + 1) if value else ():
                ages: Ages = replace(criterion.ages, **{key: off})
                yield f"population {key} {value} becomes {off}", None, replace(criterion, ages=ages)
    yield from _outcomes(criterion)


def _outcomes(criterion: Criterion) -> Iterator[tuple[str, int | None, Criterion]]:
    """The rule says the opposite, or nothing: a refusal without a rating is a note, any other rule is gone."""
    kind = criterion.kind
    silent = replace(criterion, kind="pathway", studies=(), indications=frozenset(), trigger=None, pair=None)
    if kind == "pathway":
        yield "kind pathway becomes exclusion", None, replace(criterion, kind="exclusion", trigger=None)
        yield "rating dropped", None, silent
    elif kind in REFUSING and criterion.rates:
        supports = replace(criterion, kind="pathway", trigger=criterion.when, unless=None, pair=None, rates=True)
        yield f"kind {kind} becomes pathway", None, supports
        yield "rating dropped", None, replace(criterion, kind="note")
    else:
        yield "rating dropped" if kind == "redirect" else f"{kind} dropped", None, silent


def variants(node: Node, names: Names, library: Library) -> Iterator[tuple[str, int | None, Node]]:
    """The condition with one slip in it, each time another: (what, line, condition)."""
    if isinstance(node, Leaf):
        yield f"negated {short(node, names)}", node.line, _negated(node)
        yield from _thresholds(node, library)
        return
    if name := _defined(node, names):
        yield f"negated {name}", node.line, _negated(node)
        return
    parts = children(node)
    if isinstance(node, All | Any_) and len(parts) > 1:
        other = Any_ if isinstance(node, All) else All
        words = ("any", "all") if isinstance(node, Any_) else ("all", "any")
        yield f"{short(node, names)} - {words[0]} becomes {words[1]}", node.line, other(parts, **_marks(node))
    if isinstance(node, AtLeast):
        for n in (node.n - 1, node.n + 1):
            if 1 <= n <= len(parts):
                yield f"{short(node, names)} - becomes at least {n}", node.line, replace(node, n=n)
    for at, part in enumerate(parts):
        if isinstance(node, Not):
            for what, line, changed in variants(part, names, library):
                yield what, line or node.line, Not(changed, **_marks(node))
            continue
        rest = (*parts[:at], *parts[at + 1 :])
        if rest and not (isinstance(node, AtLeast) and node.n > len(rest)):
            yield f"dropped {short(part, names)}", part.line or node.line, replace(node, children=rest)  # type: ignore[call-arg]
        for what, line, changed in variants(part, names, library):
            inside = (*parts[:at], changed, *parts[at + 1 :])
            yield what, line or node.line, replace(node, children=inside)  # type: ignore[call-arg]


def _thresholds(leaf: Leaf, library: Library) -> Iterator[tuple[str, int | None, Node]]:
    if leaf.operator not in NUMERIC:
        return
    whole = library.vocabulary[leaf.fact].type == "integer"
    held = leaf.values[-1][1]
    step = 1.0 if whole or held == int(held) else 0.1
    said = f"{leaf.fact} {leaf.operator} {held:g}"
    for off in (-step, step):
        values = tuple((start, round(value + off, 6)) for start, value in leaf.values)
        yield f"{said} becomes {held + off:g}", leaf.line, replace(leaf, values=values)
    if not whole:  # for whole numbers one step off is the same slip
        operator: Any = SWAPS[leaf.operator]
        yield f"{said} becomes {operator}", leaf.line, replace(leaf, operator=operator)


def short(node: Node, names: Names) -> str:
    """A condition in a few words, the same at every run."""
    if isinstance(node, Leaf):
        value = node.values[-1][1]
        if value is True and node.operator == "is":
            return node.fact
        shown = "|".join(str(v) for v in value) if isinstance(value, tuple) else str(value).lower()
        return f"{node.fact} {node.operator} {f'{value:g}' if node.operator in NUMERIC else shown}"
    if name := _defined(node, names):
        return name
    if isinstance(node, Not):
        return f"not {short(node.child, names)}"
    inside = ", ".join(short(c, names) for c in children(node))
    head = "all" if isinstance(node, All) else "any" if isinstance(node, Any_) else f"{getattr(node, 'n', 0)} of"
    return f"{head} [{inside if len(inside) <= SHOWN else inside[:SHOWN].rsplit(', ', 1)[0] + ', ...'}]"


def _defined(node: Node, names: Names) -> str | None:
    parts = children(node)
    name = names.get(id(parts[0])) if isinstance(node, All) and len(parts) == 1 else None
    return f"define {name}" if name else None


def _names(library: Library, guideline: str) -> Names:
    return {id(node): name for name, node in library.shared.get(guideline, {}).items()}


def _marks(node: Node) -> dict[str, Any]:
    return {key: getattr(node, key) for key in ("says", "rows", "missing", "turns", "line")}


def _negated(node: Node) -> Node:
    return Not(replace(node, missing=None, turns=False, rows=()), **_marks(node))


def _uses(criterion: Criterion, node: Node) -> bool:
    return any(n is node for part in CONDITIONS if (p := getattr(criterion, part)) is not None for n in walk(p))


def _with(criterion: Criterion, old: Node, new: Node) -> Criterion:
    parts: dict[str, Any] = {
        part: _swap(p, old, new) for part in CONDITIONS if (p := getattr(criterion, part)) is not None
    }
    return replace(criterion, **parts)


def _swap(node: Node, old: Node, new: Node) -> Node:
    if node is old:
        return new
    if isinstance(node, Not):
        return replace(node, child=_swap(node.child, old, new))
    if isinstance(node, All | Any_ | AtLeast):
        return replace(node, children=tuple(_swap(c, old, new) for c in node.children))
    return node
