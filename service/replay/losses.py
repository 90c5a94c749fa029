"""What could not be read of an input, and what that leaves unknown: a type of which anything is lost was not searched
to the end, so that its silence means nothing. Whose record it was cannot be told, so that holds for every patient;
but not where Bundles are one patient's each and a broken one names its own (broken.py)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mappings import QUERIES
from mappings.records import shapes

NAMED = 20
"""Files that are named one by one."""
POINTED_AT = {"Medication": ("MedicationRequest", "MedicationStatement"), "Organization": ("Coverage",)}
"""Without the one, the others do not say of what they are."""
SILENT = (
    "What was read of {types} counts; that something does not stand there means nothing, for every patient: such facts"
    " are taken as not known."
)
OF_ONE = " It names one patient, as every Bundle here does: what does not stand elsewhere of that one is not known."


@dataclass(frozen=True, slots=True)
class Loss:
    """One file. ``lines`` could not be read or belong to nobody knows whom; ``ends`` is where it breaks off."""

    file: str
    lines: int
    ends: int | None
    types: list[str]
    """Not searched to the end, for every patient."""
    of_one: bool = False
    """A Bundle of one patient: that patient's silence is lost, of all types."""

    @property
    def says(self) -> str:
        told = []
        if self.ends is not None:
            told.append(f"breaks off at line {self.ends}" if self.ends else "cannot be read")
        if self.lines:
            told.append(f"{_lines(self.lines)} in it could not be read")
        return f"{self.file}: {', and '.join(told)}." + (OF_ONE if self.of_one else "")


def read_types() -> set[str]:
    """The types that facts are read from."""
    return {q.type for q in QUERIES.values()}


def types_lost(named: Iterable[str], seen: Iterable[str]) -> set[str]:
    """Of what a lost record may have been: of the type that its file is named after or that is all the file holds, else
    of any."""
    known, seen = set(shapes()) | read_types(), set(seen)
    types = {kind for kind in named if kind in known}
    if types:
        types |= seen
    else:
        types = seen if len(seen) == 1 else set(known)
    for kind in tuple(types):
        types.update(POINTED_AT.get(kind, ()))
    return types & read_types()


def warnings(losses: Sequence[Loss]) -> list[str]:
    """What to say of them, most important first."""
    out = [loss.says for loss in sorted(losses, key=lambda one: (one.ends is None, one.file))]
    if len(out) > NAMED:
        out[NAMED:] = [f"And {len(out) - NAMED} more files, of which not all could be read (errors.parquet)."]
    if types := sorted({kind for loss in losses for kind in loss.types}):
        every = len(types) == len(read_types())
        out.append(SILENT.format(types="all types" if every else ", ".join(types)))
    return out


def _lines(n: int) -> str:
    return f"{n:,} record{'' if n == 1 else 's'}"
