"""The coverage table: how many rows of each section became what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from criteria.coverage import DUTIES, STATES, Row


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. ``section`` is empty for a guideline's sum, ``guideline`` too for the sum of all."""

    guideline: str
    section: str
    title: str
    rows: int
    states: dict[str, int]

    @property
    def unaccounted(self) -> int:
        return self.states["open"]

    def percent(self, state: str) -> float:
        return 100 * self.states[state] / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class Share:
    """Of the rows that ask for a computation: how many are encoded."""

    encoded: int
    rows: int

    @property
    def percent(self) -> float:
        return 100 * self.encoded / self.rows if self.rows else 100.0


def lines(rows: Iterable[Row]) -> Iterator[Line]:
    """Section by section, a sum after each guideline, and the sum of all at the end."""
    rows = list(rows)
    for guideline in dict.fromkeys(r.guideline for r in rows):
        mine = [r for r in rows if r.guideline == guideline]
        for section in dict.fromkeys(r.section for r in mine):
            here = [r for r in mine if r.section == section]
            yield _line(guideline, section, here[0].title, here)
        yield _line(guideline, "", "", mine)
    yield _line("", "", "", rows)


def share(rows: Iterable[Row]) -> Share:
    """Rows that can be computed, wholly or partly, and are no definition, information or documentation duty."""
    asked = [r for r in rows if r.computable in ("yes", "partly") and r.kind not in DUTIES]
    return Share(sum(r.state == "encoded" for r in asked), len(asked))


def _line(guideline: str, section: str, title: str, rows: list[Row]) -> Line:
    counted = Counter(r.state for r in rows)
    return Line(guideline, section, title, len(rows), {state: counted[state] for state in STATES})
