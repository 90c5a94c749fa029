"""Facts that follow from other facts by a table (derived.yaml): true when any of the facts it names holds."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from criteria.errors import DataError
from criteria.facts import Basis, Fact, Value
from criteria.reading import read_yaml
from mappings.attested import vocabulary

TABLE = Path(__file__).parent / "derived.yaml"


@dataclass(frozen=True, slots=True)
class Clause:
    """One fact that makes another true: boolean true, one value (``code=positive``), or any (``fact=*``)."""

    fact: str
    value: str | None = None

    def holds(self, facts: Mapping[str, Fact]) -> bool:
        found = facts.get(self.fact)
        if found is None:
            return False
        if self.value is None:
            return found.value is True
        return self.value == "*" or str(found.value) == self.value


@functools.cache
def links(path: Path = TABLE) -> Mapping[str, tuple[Clause, ...]]:
    """The table in the order in which it can be applied once: what a fact needs stands before it.

    Raises `DataError` for a name that is no fact, a fact that is not boolean, and a circle.
    """
    known = vocabulary()
    raw = read_yaml(path)
    table: dict[str, tuple[Clause, ...]] = {}
    for name, clauses in raw.items():
        if name not in known or known[name].type != "boolean":
            raise DataError(path, raw.line(name), f"`{name}` is no boolean fact of the vocabulary.")
        table[name] = tuple(Clause(*clause.split("=", 1)) for clause in clauses)
        for clause in table[name]:
            if clause.fact not in known:
                raise DataError(path, raw.line(name), f"`{clause.fact}` is no fact of the vocabulary.")
            if clause.value != "*" and (clause.value is None) != (known[clause.fact].type == "boolean"):
                raise DataError(path, raw.line(name), f"`{clause.fact}` is {known[clause.fact].type}: value or none?")
    ordered: dict[str, tuple[Clause, ...]] = {}

    def place(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise DataError(path, raw.line(name), f"`{name}` follows from itself.")
        for clause in table[name]:
            if clause.fact in table and clause.fact not in ordered:
                place(clause.fact, (*above, name))
        ordered[name] = table[name]

    for name in table:
        if name not in ordered:
            place(name, ())
    return ordered


@functools.cache
def _needs() -> tuple[tuple[str, tuple[Clause, ...], frozenset[str]], ...]:
    """The table, each line with the facts of which one is needed."""
    return tuple((name, clauses, frozenset(c.fact for c in clauses)) for name, clauses in links().items())


@functools.cache
def _denied_with() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The lines of the table from the whole to its parts, each with the symptoms and findings that are its parts: who
    says that nothing of the kind was found has denied them."""
    known = vocabulary()
    return tuple(
        (name, parts)
        for name, clauses in reversed(list(links().items()))
        if (parts := tuple(c.fact for c in clauses if c.value is None and known[c.fact].absence == "presumed_false"))
        and all(part.startswith(("exam.", "symptom.")) for part in parts)
    )


@functools.lru_cache(maxsize=1024)
def attested_with_all_that_follows(name: str, value: Value) -> tuple[Fact, ...]:
    """A fact as an answer would have it, and what follows from it alone."""
    held = {name: Fact(name, value, Basis.ATTESTED)}
    derive(held)
    return tuple(held.values())


def derive(facts: dict[str, Fact]) -> None:
    """Add the facts that follow from these."""
    for name, clauses, needed in _needs():
        if facts.keys().isdisjoint(needed) or name in facts:
            continue
        reasons = [c.fact for c in clauses if c.holds(facts)]
        if reasons:
            sources = tuple(dict.fromkeys(s for r in reasons for s in facts[r].sources))
            newest = max((on for r in reasons if (on := facts[r].on)), default=None)
            notes = dict.fromkeys(note for r in reasons if (note := facts[r].note))
            facts[name] = Fact(name, True, Basis.DERIVED, sources, newest, ", ".join(notes))
    for name, parts in _denied_with():
        whole = facts.get(name)
        if whole is not None and whole.value is False:
            for part in parts:
                if part not in facts:
                    facts[part] = Fact(part, False, Basis.DERIVED, whole.sources, whole.on, whole.note)
