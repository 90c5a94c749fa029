"""Which clauses of a rule made it come out as it did, and which clause of a changed rule made the difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from criteria.facts import Fact
from criteria.logic import Leaf, Node
from criteria.ratings import Ruling, Step, Truth, Verdict
from criteria.results import RESULT_FACTS

WORDS = {True: "true", False: "false", None: "unknown"}
MET = {True: "met", False: "not met", None: "not known"}
COMPARISONS = {
    "at_least": "at least", "at_most": "at most", "more_than": "more than", "less_than": "less than", "is": "is",
    "is_not": "is not", "in": "is one of", "has": "has", "contains": "contains",
}  # fmt: skip
NOTHING = "no such clause"


@dataclass(frozen=True, slots=True)
class Difference:
    """One clause of one criterion that came out differently; ``before`` and ``now`` say what it wanted."""

    criterion: str
    clause: str = ""
    fact: str = ""
    value: str = ""
    before: str = ""
    now: str = ""
    local: str = ""


def telling(step: Step) -> Iterator[Step]:
    """The outermost comparisons that make a clause true, false or unknown: all parts of a conjunction that holds, those
    that fail of one that fails."""
    if step.fact or not step.children:
        yield step
        return
    alike = [child for child in step.children if child.truth is step.truth]
    for child in alike or step.children:  # `not`, and what needs several, have no part that is alike
        yield from telling(child)


def value_of(found: Fact | None) -> str | None:
    """What was found, as text: a code, a number, yes or no."""
    if found is None:
        return None
    held = found.value
    if isinstance(held, bool):
        return "yes" if held else "no"
    return ", ".join(map(str, held)) if isinstance(held, tuple) else f"{held:g}" if _number(held) else str(held)


def difference(old: Verdict, new: Verdict) -> Difference | None:
    """The clause that made the difference: in a criterion that decided, else in any other that was asked. One that asks
    for the result of other rules only passes on what another clause began."""
    before, now = ({r.criterion: r for r in v.rulings} for v in (old, new))
    decided = dict.fromkeys((*new.criteria, *old.criteria))
    passed_on = None
    for name in (*decided, *(n for n in (*before, *now) if n not in decided)):
        if found := _of_rule(before.get(name), now.get(name)):
            if found.fact not in RESULT_FACTS:
                return found
            passed_on = passed_on or found
    return passed_on


def _of_rule(old: Ruling | None, new: Ruling | None) -> Difference | None:
    if old is None or new is None:
        held = old or new
        if held is None or held.truth is False:
            return None
        heard, silent = (held.title, "no such rule") if new is None else ("no such rule", held.title)
        return Difference(held.criterion, held.title, before=heard, now=silent, local=held.local)
    if old.truth is new.truth:
        return None
    pair = _apart(old.trace, new.trace)
    one, two = pair or (old.trace, new.trace)
    step = one or two or new.trace
    found = (one.found if one else None) or (two.found if two else None)
    return Difference(
        new.criterion, step.says, step.fact or "", value_of(found) or "", _says(one), _says(two),
        new.local or old.local,
    )  # fmt: skip


Pair = tuple[Step | None, Step | None]


def _apart(old: Step, new: Step) -> Pair | None:
    """The innermost clauses whose truth differs, or that only one of the rules has."""
    if old.truth is new.truth:
        return None
    if old.fact and new.fact and old.fact == new.fact and not (old.children or new.children):
        return old, new
    pairs = _paired(old.children, new.children)
    inner = [found for one, two in pairs if one and two and (found := _apart(one, two))]
    if inner:
        return next((p for p in inner if not _passes_on(p)), inner[0])
    alone = [(one, two) for one, two in pairs if one is None or two is None]
    if alone:
        return next((p for p in alone if _weighs(p, old.truth, new.truth)), alone[0])
    return old, new


def _passes_on(pair: Pair) -> bool:
    return any(step is not None and step.fact in RESULT_FACTS for step in pair)


def _weighs(pair: Pair, before: Truth, now: Truth) -> bool:
    one, two = pair
    return (one is not None and one.truth is before) or (two is not None and two.truth is now)


def _paired(old: Sequence[Step], new: Sequence[Step]) -> list[Pair]:
    """Clauses of both rules side by side: those that ask the same, else those in the same place of one kind."""
    rest = list(new)
    pairs: list[Pair] = []
    for one in old:
        two = next((s for s in rest if _asks(s) == _asks(one)), None) or next((s for s in rest if _alike(s, one)), None)
        if two is not None:
            rest.remove(two)
        pairs.append((one, two))
    return [*pairs, *((None, two) for two in rest)]


def _asks(step: Step) -> object:
    node = step.node
    if isinstance(node, Leaf):
        return node.fact, node.operator, node.values
    return step.says, len(step.children)


def _alike(one: Step, two: Step) -> bool:
    if one.fact or two.fact:
        return one.fact == two.fact
    return one.says == two.says or type(one.node) is type(two.node)


def _says(step: Step | None) -> str:
    """What a clause wants, and what came of it."""
    if step is None:
        return NOTHING
    return f"{_wants(step.node, step)} ({MET[step.truth]})"


def _wants(node: Node | None, step: Step) -> str:
    if not isinstance(node, Leaf):
        return step.says
    value = node.values[-1][1]
    if value is True and node.operator == "is":
        return "yes"
    shown = ", ".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}" if _number(value) else str(value)
    return f"{COMPARISONS[node.operator]} {shown}"


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
