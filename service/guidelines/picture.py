"""A condition as a picture: boxes joined by lines, cut down to what a person takes in at a glance.

The page draws it with nested lists and a stylesheet, so it flows on a phone, prints, and needs no script. Beside it
stands the same condition clause by clause; the picture is for the eye alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from service.guidelines.clauses import Clause

DEEPEST = 4
"""Boxes from the outcome to the last clause; what lies deeper is in the text."""
NAMED_DEEPEST = 3
"""The same for a group that says in words what it asks: its parts would say it again."""
WIDEST = 8
"""Clauses that a group shows; of more, the first are shown and the rest is counted."""
NEGATED = ("this must not hold", "this does not hold")
"""How a clause is joined to what must not be: where it has words of its own, they say it."""
LONGEST = 90
"""Characters in a box."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box. ``truth``: a state of the explanation ("met", "presumed-not-met", ...), empty where nothing is judged.

    ``joint`` says how its ``parts`` are joined ("any of these"); ``more`` counts the parts that are not drawn.
    """

    label: str
    truth: str = ""
    joint: str = ""
    parts: tuple[Box, ...] = ()
    more: int = 0


def picture(clause: Clause | Mapping[str, Any]) -> Box:
    """The picture of a clause of a rule, or of a judged clause of an explanation."""
    return _box(asdict(clause) if isinstance(clause, Clause) else clause, 1)


def _box(clause: Mapping[str, Any], depth: int) -> Box:
    parts: Sequence[Mapping[str, Any]] = clause.get("parts", ())
    truth, joint = clause.get("truth", ""), clause.get("joint", "")
    label = _label(clause)
    if len(parts) == 1 and not joint:
        return _box({**parts[0], "says": label or _label(parts[0])}, depth)
    if joint in NEGATED:
        return Box(label or _short(f"not: {_label(parts[0])}" if len(parts) == 1 else joint), truth)
    told = _telling(clause, parts) if depth < (NAMED_DEEPEST if label else DEEPEST) else []
    if not told:
        return Box(label or _short(joint.replace("these", f"{len(parts)} clauses")), truth)
    shown = tuple(_box(part, depth + 1) for part in told[:WIDEST])
    return Box(label, truth, joint, shown, len(parts) - len(shown))


def _label(clause: Mapping[str, Any]) -> str:
    says = clause.get("says") or ""
    if says or not clause.get("fact"):
        return _short(says)
    means, compared = re.split(r"; | \(|, or ", clause["means"])[0], clause["compared"]
    return _short(means if compared == "yes" else f"{means}: {compared}")


def _short(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rsplit(' ', 1)[0]} …"


def _telling(clause: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The parts that make a group what it is: of "any of these" that is met, those that are met; of a fact that is
    made of other facts and settled, none."""
    truth = _plain(clause.get("truth", ""))
    if not truth:
        return list(parts)
    if clause.get("fact") and truth != "unknown":
        return []
    wide = clause.get("joint", "").startswith(("any", "at least", "none"))
    if truth == "unknown" or (wide and truth == "met"):
        wanted = {"met", "unknown"} if not wide or truth == "unknown" else {"met"}
        told = [p for p in parts if _plain(p["truth"]) in wanted]
        return told or list(parts)
    return list(parts)


def _plain(truth: str) -> str:
    return truth.removeprefix("presumed-")
