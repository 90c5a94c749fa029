"""The trace as sentences: what was looked at, what was found, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator

from criteria.ratings import Ruling, Step, Verdict

MARKS = {True: "met", False: "not met", None: "not known"}


def explain(verdict: Verdict) -> list[str]:
    """A verdict as indented lines, the deciding criteria first."""
    lines = [
        f"{verdict.order}: {verdict.rating or 'not an imaging order'}"
        + (" (provisional)" if verdict.provisional else "")
    ]
    if verdict.because:
        lines.append(f"  because: {verdict.because}" + (f" - {verdict.message}" if verdict.message else ""))
    for label, names in (("asks", verdict.asks), ("presumes", verdict.presumes)):
        if names:
            lines.append(f"  {label}: {', '.join(names)}")
    for offer in verdict.alternatives:
        what = offer.study.name if offer.study else "withdraw this order"
        asks = f"; asks {', '.join(offer.asks)}" if offer.asks else ""
        lines.append(f"  instead: {what} ({offer.rating}{asks})")
    for note in verdict.notes:
        lines.append(f"  note ({note.kind}): {note.text} [{note.section}]")
    for ruling in sorted(verdict.rulings, key=lambda r: not r.decisive):
        lines += _ruling(ruling)
    return lines


def _ruling(ruling: Ruling) -> Iterator[str]:
    decided = " - decides" if ruling.decisive else ""
    yield f"  [{MARKS[ruling.truth]}] {ruling.title} ({ruling.criterion}, {ruling.section}){decided}"
    if ruling.local:
        yield f"    local: {ruling.local}"
    yield from _steps(ruling.trace, 2)


def _steps(step: Step, depth: int) -> Iterator[str]:
    found = ""
    if step.found is not None:
        value = step.found.value
        shown = (
            "yes"
            if value is True
            else "no"
            if value is False
            else ", ".join(value)
            if isinstance(value, tuple)
            else value
        )
        where = f" from {', '.join(step.found.sources)}" if step.found.sources else ""
        found = f": {shown}, {step.found.basis.name.lower()}{where}" + (
            f" ({step.found.note})" if step.found.note else ""
        )
    elif step.presumed:
        found = ": presumed, nothing is recorded"
    yield f"{'  ' * depth}[{MARKS[step.truth]}] {step.says}{found}"
    for child in step.children:
        yield from _steps(child, depth + 1)
