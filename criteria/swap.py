"""The criteria in force on a day with some of them replaced, without indexing all the others anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from criteria.criterion import Criterion
from criteria.select import ANY_REASON, REFUSING, REMARKING, Book, Path, turning_points


def swapped(base: Book, changes: Mapping[str, Criterion]) -> Book:
    """A copy of ``base`` in which each criterion of ``changes`` (by id) stands as given there.

    The prerequisites that bind a pathway stay those of the old one: a change moves no rule to another section.
    """
    out = base.copy(turning_points(changes.values(), base.library))
    by_id = _by_id(base)
    for name, new in changes.items():
        old = by_id.get(name)
        if old is None:  # not in force on this day
            continue
        for study in dict.fromkeys((*old.studies, *new.studies)):
            _replace(out, base, study, old, new if study in new.studies else None)
    return out


def _by_id(base: Book) -> Mapping[str, Criterion]:
    known: dict[str, Criterion] | None = getattr(base, "_by_id", None)
    if known is None:
        known = {c.id: c for c in base.library.criteria if c.in_force(base.on)}
        base._by_id = known  # type: ignore[attr-defined]
    return known


def _table(criterion: Criterion) -> str | None:
    if criterion.kind == "pathway":
        return "pathways"
    if criterion.kind == "redirect":
        return "redirects"
    if criterion.kind in REFUSING and criterion.rates:
        return "refusals"
    if criterion.kind == "prerequisite":
        return "pairs" if criterion.pair is not None else "standing" if ANY_REASON in criterion.binds else None
    return "remarks" if criterion.kind in REMARKING else None


def _replace(out: Book, base: Book, study: str, old: Criterion, new: Criterion | None) -> None:
    before, after = _table(old), _table(new) if new is not None else None
    if before is not None:
        table = getattr(out, before)
        kept: list[Any] = []
        for item in table.get(study, ()):
            if (item.criterion if isinstance(item, Path) else item) is not old:
                kept.append(item)
            elif before == after and new is not None:
                kept.append(replace(item, criterion=new) if isinstance(item, Path) else new)
        table[study] = kept
        if not kept:
            del table[study]
    if after is not None and after != before and new is not None:
        table = getattr(out, after)
        table[study] = [
            *table.get(study, ()),
            Path(out.library.catalogue[study], new, ()) if after == "pathways" else new,
        ]
    if old.kind == "prerequisite" and old.pair is None:
        out.pathways[study] = [_rebound(p, old, new) for p in out.pathways.get(study, ())]


def _rebound(path: Path, old: Criterion, new: Criterion | None) -> Path:
    if not any(p is old for p in path.prerequisites):
        return path
    bound = [new if p is old else p for p in path.prerequisites]
    return replace(path, prerequisites=tuple(p for p in bound if p is not None and p.kind == "prerequisite"))
