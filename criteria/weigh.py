"""One order, one study: which criteria fire, which pathways are met, and the rating that follows (DESIGN section 4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from criteria.ask import ways
from criteria.case import NOTHING, Case
from criteria.criterion import Criterion
from criteria.evaluate import Circumstances
from criteria.logic import All, Node
from criteria.ratings import Because, Rating
from criteria.select import Path, requirement
from criteria.studies import Study

BECAUSE = {
    "exclusion": Because.EXCLUSION, "coding": Because.CODING, "combination": Because.COMBINATION,
    "safety": Because.SAFETY, "prerequisite": Because.COMBINATION,
}  # fmt: skip


@dataclass(slots=True)
class Weighing:
    """What came of it. ``open_exceptions`` are fired criteria whose exception is not known either way."""

    rating: Rating
    because: Because
    here: Circumstances
    fired: list[Criterion] = field(default_factory=list)
    open_exceptions: list[Criterion] = field(default_factory=list)
    met: list[Path] = field(default_factory=list)
    open: list[tuple[Path, tuple[str, ...]]] = field(default_factory=list)
    failed: list[Path] = field(default_factory=list)
    redirects: list[Criterion] = field(default_factory=list)
    silenced: list[Criterion] = field(default_factory=list)
    one_too_many: list[Criterion] = field(default_factory=list)
    """Rules by which this order may not stand beside another one as things are."""


def weigh(case: Case, study: Study, presume: bool = True, unknown: frozenset[str] = NOTHING) -> Weighing:
    """What comes of the order for ``study``, with presumptions or without, or with single facts taken as unknown."""
    here = case.here(study, presume, unknown)
    out = Weighing(Rating.NO_CRITERIA, Because.OUT_OF_SCOPE, here)
    paired = case.pair_requirements(study)
    extra = [requirement(c) for c in paired]
    truths = [case.truth(n, study, presume, unknown) for n in extra]
    out.one_too_many = [c for c, t in zip(paired, truths, strict=True) if t is not True]
    for path in case.paths(study):
        each = [case.truth(case.node(path), study, presume, unknown), *truths]
        if all(t is True for t in each):
            out.met.append(path)
        elif False in each:
            out.failed.append(path)
        else:
            _open(path, [case.node(path), *extra], here, out)
    best = min((case.rank(p.criterion.guideline) for p in out.met), default=None)
    _refuse(case, study, presume, unknown, out, best)
    _redirect(case, study, presume, unknown, out)
    _rate(case, study, out)
    return out


def _open(path: Path, parts: list[Node], here: Circumstances, out: Weighing) -> None:
    found = ways(All(tuple(parts)), here)
    if found and found[0]:
        out.open.append((path, found[0]))
    else:
        out.failed.append(path)


def _refuse(case: Case, study: Study, presume: bool, unknown: frozenset[str], out: Weighing, best: int | None) -> None:
    """The refusals that fire; a met pathway of an earlier guideline silences an exclusion of a later one."""
    for criterion in case.book.refusals.get(study.id, ()):
        if not case.concerns(criterion) or not case.paired(criterion, study):
            continue
        if case.truth(criterion.when, study, presume, unknown) is not True:
            continue
        if criterion.unless is not None:
            lifted = case.truth(criterion.unless, study, False, unknown)
            if lifted is True:
                continue
            if lifted is None and ways(criterion.unless, out.here, True, False):
                out.open_exceptions.append(criterion)
        later = best is not None and case.rank(criterion.guideline) > best
        (out.silenced if later and criterion.kind == "exclusion" else out.fired).append(criterion)
    out.fired.sort(key=lambda c: (c.kind != "safety", case.rank(c.guideline)))


def _redirect(case: Case, study: Study, presume: bool, unknown: frozenset[str], out: Weighing) -> None:
    for criterion in case.book.redirects.get(study.id, ()):
        if not case.concerns(criterion) or case.truth(criterion.when, study, presume, unknown) is not True:
            continue
        if criterion.unless is None or case.truth(criterion.unless, study, False, unknown) is not True:
            out.redirects.append(criterion)


def _rate(case: Case, study: Study, out: Weighing) -> None:
    if any(c.overrides for c in out.redirects):
        out.redirects = [c for c in out.redirects if c.overrides]
        out.rating, out.because = Rating.NO_CRITERIA, Because.OTHER_GUIDELINE
    elif out.fired:
        out.rating, out.because = Rating.NOT_APPROPRIATE, BECAUSE[out.fired[0].kind]
    elif out.met:
        out.rating, out.because = Rating.APPROPRIATE, Because.PATHWAY_MET
    elif out.redirects:
        out.rating, out.because = Rating.NO_CRITERIA, Because.OTHER_GUIDELINE
    elif out.open:
        out.rating, out.because = Rating.NEEDS_INFORMATION, Because.FACTS_MISSING
    elif any(_speaks_for_patient(case, p.criterion.guideline) for p in out.failed):
        listed = any(not p.criterion.for_any_complaint for p in out.failed)
        because = Because.REQUIREMENT_MISSING if listed else Because.NOT_LISTED
        out.rating, out.because = Rating.NOT_APPROPRIATE, because
    elif any(_speaks_for_patient(case, g) and case.book.speaks(g, study, case.indications) for g in case.guidelines):
        out.rating, out.because = Rating.NOT_APPROPRIATE, Because.NOT_LISTED


def _speaks_for_patient(case: Case, guideline: str) -> bool:
    """An adult guideline may support a study for a child it names, but its silence refuses none."""
    return case.book.library.guidelines[guideline].ages.hold(case.age)
