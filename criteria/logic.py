"""Conditions: all, any, not, at least n of, comparisons of facts, and named definitions.

A condition is read from YAML into nodes; `criteria.evaluate` gives them a truth. Text leaves (``pain.night``,
``trauma.fall_stairs >= 5``) and written-out leaves (``fact: ..., at_least: {2023-01-01: 6}, unit: wk``) mean the same;
in rule files a number must be written out, with its unit and the day from which it holds.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from criteria.errors import DataError
from criteria.facts import FactDefinition, Vocabulary
from criteria.reading import Lines
from criteria.vocabulary import near

Operator = Literal["is", "is_not", "in", "at_least", "at_most", "more_than", "less_than", "has", "contains"]
SIGNS: dict[str, Operator] = {
    "==": "is", "!=": "is_not", "<=": "at_most", ">=": "at_least", "<": "less_than", ">": "more_than",
    "in": "in", "has": "has", "contains": "contains",
}  # fmt: skip
NUMERIC = {"at_least", "at_most", "more_than", "less_than"}
CONNECTIVES = ("all", "any", "not", "of", "define", "fact")
REMARKS = {"says", "covers", "missing", "turns"}
_TEXT = re.compile(r"^([a-z0-9_]+(?:\.[a-z0-9_]+)+)(?:\s*(==|!=|<=|>=|<|>|\bin\b|\bhas\b|\bcontains\b)\s*(.+))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A condition. ``missing``: ``bar`` or ``note`` where the clause is a prerequisite (DESIGN section 4);
    ``turns``: the clause that the rule's indication turns on, so that nothing in it is presumed false."""

    says: str = ""
    rows: tuple[str, ...] = ()
    missing: Literal["bar", "note"] | None = None
    turns: bool = False
    line: int | None = None
    shared: bool = False
    """A definition that several rules use: its truth is kept."""


@dataclass(frozen=True, slots=True)
class Leaf(Node):
    """A comparison of one fact. ``values`` are (first day, value) pairs, oldest first; the first day may be None."""

    fact: str
    operator: Operator
    values: tuple[tuple[dt.date | None, Any], ...]

    def value(self, on: dt.date) -> Any:
        """The value in force on a day; the earliest where all begin later (rules are checked not to)."""
        held = self.values[0][1]
        if len(self.values) == 1:
            return held
        for start, value in self.values:
            if start is None or start <= on:
                held = value
        return held


@dataclass(frozen=True, slots=True)
class All(Node):
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any_(Node):
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    child: Node


@dataclass(frozen=True, slots=True)
class AtLeast(Node):
    n: int
    children: tuple[Node, ...]


ALWAYS = All(())


def children(node: Node) -> tuple[Node, ...]:
    kind = type(node)
    if kind is Leaf:
        return ()
    return (node.child,) if kind is Not else node.children  # type: ignore[attr-defined]


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in reading order."""
    yield node
    for child in children(node):
        yield from walk(child)


def leaves(node: Node) -> Iterator[Leaf]:
    return (n for n in walk(node) if isinstance(n, Leaf))


class Reader:
    """Reads the conditions of one file. ``strict`` asks rule files to write numbers out with unit and first day."""

    def __init__(
        self, file: Path, vocabulary: Vocabulary, definitions: Mapping[str, Node] | None = None, *, strict: bool = True
    ) -> None:
        self.file, self.vocabulary, self.definitions, self.strict = file, vocabulary, definitions or {}, strict

    def fault(self, line: int | None, message: str) -> DataError:
        return DataError(self.file, line, message)

    def read(self, raw: Any, line: int | None = None) -> Node:
        """One condition. Raises `DataError`."""
        if isinstance(raw, str):
            return self._text(raw, line)
        if isinstance(raw, list):
            return All(tuple(self.read(r, line) for r in raw), line=line)
        if not isinstance(raw, Lines):
            raise self.fault(line, f"`{raw}` is no condition: write a fact, or all:, any:, not:, of:.")
        line = next(iter(raw.lines.values()), line)
        heads = [k for k in CONNECTIVES if k in raw]
        if len(heads) != 1:
            raise self.fault(
                line,
                f"a condition starts with one of {', '.join(CONNECTIVES)}; here: {', '.join(map(str, raw))}.",
            )
        head = heads[0]
        remarks = self._remarks(raw, line)
        if head == "fact":
            return self._leaf(raw, line, remarks)
        for key in raw:
            if key not in REMARKS | {head} | ({"at_least"} if head == "of" else set()):
                raise self.fault(raw.line(key), f"`{key}` does not go with `{head}`.{near(key, REMARKS)}")
        inner, at = raw[head], raw.line(head)
        if head == "define":
            if inner not in self.definitions:
                raise self.fault(at, f"`{inner}` is no definition.{near(inner, self.definitions)}")
            return All((self.definitions[inner],), **{**{"says": self.definitions[inner].says}, **remarks})
        if head == "not":
            return Not(self.read(inner, at), **remarks)
        if not isinstance(inner, list) or not inner:
            raise self.fault(at, f"`{head}` takes a list of conditions.")
        parts = tuple(self.read(r, at) for r in inner)
        if head == "of":
            n = raw.get("at_least")
            if not isinstance(n, int) or not 1 <= n <= len(parts):
                raise self.fault(line, f"`of` needs at_least: a whole number from 1 to {len(parts)}.")
            return AtLeast(n, parts, **remarks)
        return (All if head == "all" else Any_)(parts, **remarks)

    def _remarks(self, raw: Lines, line: int | None) -> dict[str, Any]:
        missing, covers = raw.get("missing"), raw.get("covers", ())
        if missing not in (None, "bar", "note"):
            raise self.fault(
                raw.line("missing"),
                "missing is `bar` (unknown keeps the rule open) or `note` (unknown is only remarked).",
            )
        rows = (covers,) if isinstance(covers, str) else tuple(str(c) for c in covers)
        return {
            "says": str(raw.get("says", "")),
            "rows": rows,
            "missing": missing,
            "turns": raw.get("turns") is True,
            "line": line,
        }

    def _text(self, raw: str, line: int | None) -> Leaf:
        match = _TEXT.match(raw.strip())
        if not match:
            raise self.fault(line, f"`{raw}` is no condition; write `fact.name` or `fact.name == value`.")
        name, sign, text = match.groups()
        fact = self._known(name, line)
        if sign is None:
            return self._checked(fact, "is", True, line, {"line": line})
        if self.strict and SIGNS[sign] in NUMERIC:
            raise self.fault(
                line, f"`{raw}`: write a threshold out, as `fact:`, `{SIGNS[sign]}: {{2023-01-01: {text}}}`, `unit:`."
            )
        value: Any = [v.strip() for v in text.strip("[]").split(",")] if text.startswith("[") else text.strip()
        return self._checked(fact, SIGNS[sign], value, line, {"line": line})

    def _leaf(self, raw: Lines, line: int | None, remarks: dict[str, Any]) -> Leaf:
        fact = self._known(raw["fact"], raw.line("fact"))
        operators = [k for k in raw if k in SIGNS.values()]
        for key in raw:
            if key not in REMARKS | {"fact", "unit"} | set(SIGNS.values()):
                raise self.fault(
                    raw.line(key),
                    f"`{key}` is not a comparison.{near(key, [*SIGNS.values(), *REMARKS, 'unit'])} "
                    "A date key is the first day the value applies.",
                )
        if len(operators) > 1:
            raise self.fault(line, f"one comparison for each fact; here: {', '.join(operators)}.")
        operator: Any = operators[0] if operators else "is"
        value = raw.get(operator, True)
        if operator in NUMERIC:
            if self.strict and not isinstance(value, Lines):
                raise self.fault(
                    raw.line(operator), f"give the day from which it holds: `{operator}: {{2023-01-01: {value}}}`."
                )
            if (raw.get("unit") or fact.unit) != fact.unit:
                raise self.fault(raw.line("unit"), f"`{fact.name}` is in {fact.unit}, not in {raw['unit']}.")
            if self.strict and fact.unit not in (None, "1") and "unit" not in raw:
                raise self.fault(line, f"name the unit of the threshold: `unit: '{fact.unit}'`.")
        return self._checked(fact, operator, value, line, remarks)

    def _known(self, name: Any, line: int | None) -> FactDefinition:
        if name not in self.vocabulary:
            raise self.fault(line, f"`{name}` is no fact.{near(name, self.vocabulary.facts)}")
        return self.vocabulary[name]

    def _checked(
        self, fact: FactDefinition, operator: Operator, raw: Any, line: int | None, remarks: dict[str, Any]
    ) -> Leaf:
        dated = sorted(raw.items()) if isinstance(raw, Lines) else [(None, raw)]
        for start, _ in dated:
            if start is not None and not isinstance(start, dt.date):
                raise self.fault(line, f"`{start}` is no date: a date key is the first day the value applies.")
        values = tuple((start, self._value(fact, operator, value, line)) for start, value in dated)
        return Leaf(fact.name, operator, values, **remarks)

    def _value(self, fact: FactDefinition, operator: Operator, raw: Any, line: int | None) -> Any:
        many = operator == "in"
        given = raw if isinstance(raw, list) else [raw]
        if many != isinstance(raw, list):
            raise self.fault(line, f"`{fact.name}`: `in` takes a list, every other comparison one value.")
        if fact.type == "boolean":
            if operator not in ("is", "is_not") or str(raw).lower() not in ("true", "false"):
                raise self.fault(line, f"`{fact.name}` is yes or no: write the fact alone, or `is: false`.")
            return str(raw).lower() == "true"
        if fact.type in ("integer", "quantity"):
            if operator in ("has", "contains"):
                raise self.fault(line, f"`{fact.name}` is a number; `{operator}` is for lists.")
            try:
                numbers = tuple(float(v) for v in given)
            except (TypeError, ValueError):
                raise self.fault(line, f"`{fact.name}` is compared with a number, not with `{raw}`.") from None
            return numbers if many else numbers[0]
        if operator in NUMERIC or (operator in ("has", "contains")) != (fact.type == "string_list"):
            raise self.fault(line, f"`{operator}` does not fit `{fact.name}`, which is a {fact.type}.")
        words = tuple({True: "true", False: "false"}.get(v, str(v)) if isinstance(v, bool) else str(v) for v in given)
        for word in words:
            if fact.values is not None and word not in fact.values:
                raise self.fault(line, f"`{word}` is not a value of `{fact.name}`.{near(word, fact.values)}")
        return words if many else words[0]


def dated_from(node: Node) -> dt.date | None:
    """The latest first day among the earliest values: before it some threshold has no value."""
    starts = [leaf.values[0][0] for leaf in leaves(node)]
    return max((s for s in starts if s is not None), default=None)
