"""One order, one study: which criteria fire, which pathways are met, and the rating that follows (DESIGN section 4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from criteria.ask import Way, ways, ways_to_all
from criteria.case import NOTHING, Case
from criteria.criterion import Criterion
from criteria.docket import Called
from criteria.evaluate import Circumstances
from criteria.logic import Node
from criteria.orders import Order
from criteria.ratings import Because, Rating, Support
from criteria.studies import Study

BECAUSE = {
    "exclusion": Because.EXCLUSION, "coding": Because.CODING, "combination": Because.COMBINATION,
    "safety": Because.SAFETY, "prerequisite": Because.COMBINATION,
}  # fmt: skip


@dataclass
class Weighing:
    """What came of it. ``open_exceptions`` are fired criteria whose exception is not known either way.

    ``truths`` are those of the pathways; which of the unknown ones can be brought about by answers is found when asked.
    """

    here: Circumstances
    rating: Rating = Rating.NO_CRITERIA
    because: Because = Because.OUT_OF_SCOPE
    truths: list[tuple[Called, bool | None]] = field(default_factory=list)
    fired: list[Criterion] = field(default_factory=list)
    open_exceptions: list[Criterion] = field(default_factory=list)
    redirects: list[Criterion] = field(default_factory=list)
    silenced: list[Criterion] = field(default_factory=list)
    one_too_many: list[Criterion] = field(default_factory=list)
    """Rules by which this order may not stand beside another one as things are."""
    gives_way: list[tuple[Criterion, Order]] = field(default_factory=list)
    """Rules of a pair that leave open which is refused, where it is this order, each with the order that stays."""
    extra: list[Node] = field(default_factory=list)
    """Their conditions, which every pathway needs too."""
    _ways: dict[Called, Way] = field(default_factory=dict)

    @cached_property
    def met(self) -> list[Called]:
        return [c for c, truth in self.truths if truth is True]

    @property
    def _unknown(self) -> list[Called]:
        return [c for c, truth in self.truths if truth is None]

    @cached_property
    def open(self) -> list[tuple[Called, Way]]:
        """The pathways that answers to questions can bring about, each with the fewest."""
        return [(c, way) for c in self._unknown if (way := self._fewest(c))]

    def give_way(self, criterion: Criterion, other: Order) -> None:
        if criterion.pair and criterion.pair.refuses == "later":
            self.gives_way.append((criterion, other))

    def is_open(self) -> bool:
        return any(map(self._fewest, self._unknown))

    def _fewest(self, called: Called) -> Way:
        if called not in self._ways:
            found = ways_to_all([*(p.node for p in called.clauses), *self.extra], self.here)
            self._ways[called] = found[0] if found else ()
        return self._ways[called]

    @cached_property
    def failed(self) -> list[Called]:
        """The pathways that are not met and that no answer can bring about."""
        left = {id(c) for c in self.met} | {id(c) for c, _ in self.open}
        return [c for c, _ in self.truths if id(c) not in left]


def weigh(
    case: Case, study: Study, presume: bool = True, unknown: frozenset[str] = NOTHING, apart: bool = False
) -> Weighing:
    """What comes of the order for ``study``, with presumptions or without, or with single facts taken as unknown.

    ``apart``: by itself, as if it never had to give way to another draft.
    """
    out = Weighing(case.here(study, presume, unknown))
    bars: list[bool | None] = []
    for criterion in case.docket.pairs(study.id):
        other = rival(case, criterion, study, apart)
        if other is None:
            continue
        node = case.book.requirement(criterion)
        truth = case.truth(case.book.conditions.ready(node), study, presume, unknown)
        out.extra.append(node)
        bars.append(truth)
        if truth is not True:
            out.one_too_many.append(criterion)
            out.give_way(criterion, other)
    for called in case.paths(study):
        each = [case.path_truth(called, study, presume, unknown), *bars]
        if called.stands_in and case.truth(called.clauses[0], study, presume, unknown) is False:
            continue
        out.truths.append((called, False if False in each else None if None in each else True))
    best = min((case.rank(c.criterion.guideline) for c in out.met), default=None)
    _refuse(case, study, presume, unknown, out, best, apart)
    _redirect(case, study, presume, unknown, out)
    _rate(case, study, out)
    return out


def hopeless(case: Case, study: Study) -> bool:
    """True when no pathway can support the study, whatever else is weighed."""
    return all(case.path_truth(c, study) is False for c in case.paths(study))


def support(case: Case, study: Study) -> Support:
    """How far the order, for ``study``, is supported by itself."""
    if study.id not in case.supports:
        rating = weigh(case, study, apart=True).rating
        found = {Rating.APPROPRIATE: Support.MET, Rating.NOT_APPROPRIATE: Support.REFUSED}
        case.supports[study.id] = found.get(rating, Support.OPEN)
    return case.supports[study.id]


def rival(case: Case, criterion: Criterion, study: Study, apart: bool = False) -> Order | None:
    """The other order of a pair of which the criterion refuses this one; None where it does not.

    Where it does not say itself which is refused, an order gives way to one that is open in the chart, and to a draft
    that has more support of its own, or as much in an earlier place, and that does not give way itself.
    """
    rivals = case.rivals(criterion, study)
    if not rivals or (criterion.pair and criterion.pair.refuses == "this"):
        return next(iter(rivals), None)
    standing = next((o for o in rivals if o.standing), None)
    if standing or apart:
        return standing
    company, mine = case.company, support(case, study)

    def place(order: Order) -> tuple[Support, int]:
        found = company.support(order)
        return mine if found is None else found, -order.position

    own = (mine, -case.order.position)
    ahead = sorted((o for o in rivals if place(o) > own), key=place, reverse=True)
    return next(filter(company.stays, ahead), None)


def _refuse(
    case: Case,
    study: Study,
    presume: bool,
    unknown: frozenset[str],
    out: Weighing,
    best: int | None,
    apart: bool,
) -> None:
    """The refusals that fire; a met pathway of an earlier guideline silences an exclusion of a later one."""
    for rule in case.docket.refusals(study.id).concerned(out.here.touched):
        criterion = rule.criterion
        if case.truth(rule.when, study, presume, unknown) is not True:
            continue
        other = rival(case, criterion, study, apart) if criterion.pair else None
        if criterion.pair and other is None:
            continue
        if rule.unless is not None:
            lifted = case.truth(rule.unless, study, False, unknown)
            if lifted is True:
                continue
            if lifted is None and ways(rule.unless.node, out.here.off):
                out.open_exceptions.append(criterion)
        later = best is not None and case.rank(criterion.guideline) > best
        (out.silenced if later and criterion.kind == "exclusion" else out.fired).append(criterion)
        if other is not None:
            out.give_way(criterion, other)
    out.fired.sort(key=lambda c: (c.kind != "safety", case.rank(c.guideline)))


def _redirect(case: Case, study: Study, presume: bool, unknown: frozenset[str], out: Weighing) -> None:
    for rule in case.docket.redirects(study.id).concerned(out.here.touched):
        if case.truth(rule.when, study, presume, unknown) is not True:
            continue
        if rule.unless is None or case.truth(rule.unless, study, False, unknown) is not True:
            out.redirects.append(rule.criterion)


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
    elif out.is_open():
        out.rating, out.because = Rating.NEEDS_INFORMATION, Because.FACTS_MISSING
    elif any(_speaks_for_patient(case, c.criterion.guideline) for c in out.failed):
        listed = any(not c.criterion.for_any_complaint for c in out.failed)
        because = Because.REQUIREMENT_MISSING if listed else Because.NOT_LISTED
        out.rating, out.because = Rating.NOT_APPROPRIATE, because
    elif any(_speaks_for_patient(case, g) and case.book.speaks(g, study, case.indications) for g in case.guidelines):
        out.rating, out.because = Rating.NOT_APPROPRIATE, Because.NOT_LISTED


def _speaks_for_patient(case: Case, guideline: str) -> bool:
    """An adult guideline may support a study for a child it names, but its silence refuses none."""
    return case.book.library.guidelines[guideline].ages.hold(case.age)
