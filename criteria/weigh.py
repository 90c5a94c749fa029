"""One order, one study: which criteria fire, which pathways are met, and the rating that follows (DESIGN section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from criteria.ask import ways
from criteria.criterion import Criterion
from criteria.evaluate import Circumstances
from criteria.facts import FactsFor
from criteria.logic import All, Node
from criteria.orders import Order
from criteria.ratings import Because, Rating, Truth
from criteria.regions import overlap
from criteria.results import RESULT_FACTS, RESULTS
from criteria.select import Book, Path, requirement
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


class Case:
    """One order before the criteria in force for its patient; weighs any study for it."""

    def __init__(
        self,
        order: Order,
        orders: Sequence[Order],
        facts_for: FactsFor,
        book: Book,
        guidelines: Sequence[str],
        age: int,
        indications: Sequence[str],
    ) -> None:
        self.order, self.orders, self.facts_for, self.book = order, orders, facts_for, book
        self.guidelines, self.age, self.indications = tuple(guidelines), age, tuple(indications)
        self._here: dict[tuple[str, bool, frozenset[str]], Circumstances] = {}
        self._answering: set[tuple[str, str, bool]] = set()

    def here(self, study: Study, presume: bool = True, unknown: frozenset[str] = frozenset()) -> Circumstances:
        key = (study.id, presume, unknown)
        if key not in self._here:
            library = self.book.library
            self._here[key] = Circumstances(
                self.facts_for(study),
                library.vocabulary,
                library.definitions,
                self.book.on,
                unknown=unknown,
                presume=presume,
                results=lambda name, assume: self._result(name, study, assume, unknown),
                result_facts=RESULT_FACTS,
            )
        return self._here[key]

    def _result(self, name: str, study: Study, presume: bool, unknown: frozenset[str]) -> Truth:
        key = (name, study.id, presume)
        if key in self._answering:
            return None
        self._answering.add(key)
        try:
            return self._answer(name, study, presume, unknown)
        finally:
            self._answering.discard(key)

    def _answer(self, name: str, study: Study, presume: bool, unknown: frozenset[str]) -> Truth:
        wanted = RESULTS[name]
        out: Truth = False
        for other in self._providers(study) if not wanted.own_study else (study,):
            for path in self.book.pathways.get(other.id, ()):
                if not wanted.include(path.criterion, other) or not self.counts(path.criterion, other):
                    continue
                truth = True if wanted.listed else self.here(other, presume, unknown).truth(path.node)
                if truth is True:
                    return True
                if truth is None:
                    out = None
        return out

    def _providers(self, study: Study) -> list[Study]:
        catalogue = self.book.library.catalogue
        return [catalogue[s] for s in self.book.pathways if catalogue[s].region == study.region]

    def counts(self, criterion: Criterion, study: Study) -> bool:
        """The criterion is in force for this patient and policy, and a recorded indication or trigger calls it."""
        if criterion.guideline not in self.guidelines or not self.book.admits(criterion, self.age):
            return False
        if criterion.indications & set(self.indications):
            return True
        if criterion.trigger is None:
            return False
        return self.here(study).truth(criterion.trigger, False) is True

    def paths(self, study: Study) -> list[Path]:
        """The pathways for a recorded indication that list the study, guideline order."""
        found = [p for p in self.book.pathways.get(study.id, ()) if self.counts(p.criterion, study)]
        return sorted(found, key=lambda p: self.guidelines.index(p.criterion.guideline))

    def paired(self, criterion: Criterion, study: Study) -> bool:
        """True unless the criterion refuses one of a pair and this order is not the one."""
        pair = criterion.pair
        if pair is None:
            return True
        for other in self.orders:
            if other.reference == self.order.reference or other.study is None or other.study.id not in pair.studies:
                continue
            if pair.same_region and not overlap(other.study.region, study.region):
                continue
            if pair.refuses == "this" or other.position < self.order.position:
                return True
        return False

    def weigh(self, study: Study, presume: bool = True, unknown: frozenset[str] = frozenset()) -> Weighing:
        here = self.here(study, presume, unknown)
        out = Weighing(Rating.NO_CRITERIA, Because.OUT_OF_SCOPE, here)
        paired = self.pair_requirements(study)
        extra = [requirement(c) for c in paired]
        out.one_too_many = [c for c, n in zip(paired, extra, strict=True) if here.truth(n) is not True]
        for path in self.paths(study):
            truths = [here.truth(path.node), *(here.truth(n) for n in extra)]
            if all(t is True for t in truths):
                out.met.append(path)
            elif False in truths:
                out.failed.append(path)
            else:
                self._open(path, extra, here, out)
        best = min((self.guidelines.index(p.criterion.guideline) for p in out.met), default=None)
        self._refuse(study, here, out, best)
        self._rate(study, out)
        return out

    def _open(self, path: Path, extra: list[Node], here: Circumstances, out: Weighing) -> None:
        found = ways(All((path.node, *extra)) if extra else path.node, here)
        if found and found[0]:
            out.open.append((path, found[0]))
        else:
            out.failed.append(path)

    def pair_requirements(self, study: Study) -> list[Criterion]:
        """Prerequisites that bind only one of a pair: this order, where it is the one."""
        return [
            c
            for c in self.book.pairs.get(study.id, ())
            if c.guideline in self.guidelines and self.book.admits(c, self.age) and self.paired(c, study)
        ]

    def _refuse(self, study: Study, here: Circumstances, out: Weighing, best: int | None) -> None:
        for criterion in self.book.refusals.get(study.id, ()):
            if criterion.guideline not in self.guidelines or not self.book.admits(criterion, self.age):
                continue
            if criterion.indications and not criterion.indications & set(self.indications):
                continue
            if not self.paired(criterion, study) or here.truth(criterion.when) is not True:
                continue
            if criterion.unless is not None:
                lifted = here.truth(criterion.unless, False)
                if lifted is True:
                    continue
                if lifted is None and ways(criterion.unless, here, True, False):
                    out.open_exceptions.append(criterion)
            later = best is not None and self.guidelines.index(criterion.guideline) > best
            (out.silenced if later and criterion.kind != "safety" else out.fired).append(criterion)
        out.fired.sort(key=lambda c: (c.kind != "safety", self.guidelines.index(c.guideline)))
        for criterion in self.book.redirects.get(study.id, ()):
            if criterion.guideline not in self.guidelines or not self.book.admits(criterion, self.age):
                continue
            if criterion.indications and not criterion.indications & set(self.indications):
                continue
            if here.truth(criterion.when) is True and (
                criterion.unless is None or here.truth(criterion.unless, False) is not True
            ):
                out.redirects.append(criterion)

    def _rate(self, study: Study, out: Weighing) -> None:
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
        elif any(self._speaks_for_patient(p.criterion.guideline) for p in out.failed):
            out.rating, out.because = Rating.NOT_APPROPRIATE, Because.REQUIREMENT_MISSING
        elif any(self._speaks_for_patient(g) and self.book.speaks(g, study, self.indications) for g in self.guidelines):
            out.rating, out.because = Rating.NOT_APPROPRIATE, Because.NOT_LISTED

    def _speaks_for_patient(self, guideline: str) -> bool:
        """An adult guideline may support a study for a child it names, but its silence refuses none."""
        return self.book.library.guidelines[guideline].ages.hold(self.age)
