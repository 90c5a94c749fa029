"""Cases beside the rules: read them, run them, say plainly which one does not hold."""

from __future__ import annotations

import datetime as dt
import pathlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from criteria.case import Case as Weighed
from criteria.company import Company
from criteria.criterion import Criterion, select
from criteria.docket import Called
from criteria.errors import DataError
from criteria.facts import Basis, Fact, Facts
from criteria.library import Library
from criteria.orders import Kind, Order, Reason
from criteria.ratings import Rating, Step, Verdict
from criteria.reading import Lines, read_yaml
from criteria.select import Book, book
from criteria.settle import settle
from criteria.studies import Study
from criteria.vocabulary import near
from criteria.weigh import rival

CASE_KEYS = {
    "name", "study", "indications", "facts", "each", "unsearched", "age", "session", "session_after", "standing", "on",
    "policy", "expect",
}  # fmt: skip
EXPECT_KEYS = {
    "rule", "rating", "asks", "asks_none_of", "presumes", "suggests", "suggests_none_of", "notes", "provisional",
}  # fmt: skip
TRUTHS = {"met": True, "not-met": False, "unknown": None}
DAY = dt.date(2026, 6, 1)
ORDER = "ServiceRequest/case"


@dataclass(frozen=True, slots=True)
class RuleCase:
    """One case of a rule; ``expect`` as written, checked for its keys."""

    criterion: Criterion
    file: pathlib.Path
    line: int | None
    name: str
    study: str
    indications: tuple[str, ...]
    facts: dict[str, Any]
    unsearched: frozenset[str]
    age: int
    session: tuple[str, ...]
    session_after: tuple[str, ...]
    standing: tuple[str, ...]
    on: dt.date
    policy: str
    expect: dict[str, Any]


@dataclass(slots=True)
class Outcome:
    """What a case gave: its faults (none: it holds) and the index rows whose clauses it exercised."""

    case: RuleCase
    faults: list[str] = field(default_factory=list)
    rows: set[str] = field(default_factory=set)


def cases_of(criterion: Criterion, library: Library) -> list[RuleCase]:
    """The cases beside a rule. Raises `DataError` for an unknown key, fact, study or value."""
    path = criterion.file.with_suffix(".test.yaml")
    if not path.exists():
        return []
    raw = read_yaml(path)
    if not isinstance(raw, list):
        raise DataError(path, 1, "a case file is a list of cases.")
    base: dict[str, Any] = {}
    out = []
    for n, item in enumerate(raw):
        if n == 0 and isinstance(item, Lines) and set(item) == {"base"}:
            base = dict(item["base"])
            continue
        out += [_case(part, criterion, library, path, base) for part in _each(item, path)]
    names = [c.name for c in out]
    for case in out:
        if names.count(case.name) > 1:
            raise DataError(path, case.line, f"two cases are called “{case.name}”.")
    return out


def _each(raw: Any, path: pathlib.Path) -> Iterator[Any]:
    """One case as many: with each of the facts of ``each`` beside its own."""
    if not isinstance(raw, Lines) or "each" not in raw or "name" not in raw:
        yield raw
        return
    several = raw["each"]
    if not isinstance(several, list) or not several or not all(isinstance(s, Lines) and s for s in several):
        raise DataError(path, raw.line("each"), "`each` is a list of facts: one case is made with each of them.")
    for facts in several:
        one = Lines()
        one.update(raw)
        one.lines = raw.lines
        del one["each"]
        said = ", ".join(f"{k}: {'yes' if v is True else 'no' if v is False else v}" for k, v in facts.items())
        one["name"], one["facts"] = f"{raw['name']} ({said})", {**(raw.get("facts") or {}), **facts}
        yield one


def _case(raw: Any, criterion: Criterion, library: Library, path: pathlib.Path, base: dict[str, Any]) -> RuleCase:
    line = next(iter(raw.lines.values()), None) if isinstance(raw, Lines) else None
    if not isinstance(raw, Lines) or "name" not in raw or "expect" not in raw:
        raise DataError(path, line, "a case has a `name` and an `expect`.")
    for key in raw:
        if key not in CASE_KEYS:
            raise DataError(path, raw.line(key), f"`{key}` is no key of a case.{near(key, CASE_KEYS)}")
    expect = {"rating": raw["expect"]} if isinstance(raw["expect"], str) else dict(raw["expect"])
    for key in expect:
        if key not in EXPECT_KEYS:
            raise DataError(path, raw.line("expect"), f"`{key}` is no expectation.{near(key, EXPECT_KEYS)}")
    if not expect or expect.get("rule", "met") not in TRUTHS:
        raise DataError(
            path, raw.line("expect"), f"`rule` is one of {', '.join(TRUTHS)}; an empty `expect` proves nothing."
        )
    if expect.get("rating", Rating.APPROPRIATE) not in list(Rating):
        raise DataError(path, raw.line("expect"), f"a rating is one of {', '.join(Rating)}.")

    def studies(key: str) -> tuple[str, ...]:
        def fault(_: int | None, message: str) -> DataError:
            return DataError(path, raw.line(key), message)

        return tuple(select(s, library.catalogue, fault, None)[0] for s in raw.get(key, ()))

    facts = {**base, **(raw.get("facts") or {})}
    for name in [*facts, *raw.get("unsearched", ()), *expect.get("asks", ()), *expect.get("presumes", ())]:
        if name not in library.vocabulary:
            raise DataError(
                path, raw.line("facts") or line, f"`{name}` is no fact.{near(name, library.vocabulary.facts)}"
            )
    indications = raw.get("indications")
    if indications is None:
        indications = sorted(criterion.indications)[:1]
    for name in indications:
        if name not in library.indications:
            raise DataError(
                path, raw.line("indications"), f"`{name}` is no indication.{near(name, library.indications)}"
            )
    return RuleCase(
        criterion, path, line, str(raw["name"]), raw.get("study", criterion.studies[0]), tuple(indications),
        {k: v for k, v in facts.items() if v is not None}, frozenset(raw.get("unsearched", ())), raw.get("age", 45),
        studies("session"), studies("session_after"), studies("standing"), raw.get("on", max(DAY, criterion.start)),
        raw.get("policy", _policy(criterion)), expect,
    )  # fmt: skip


def _policy(criterion: Criterion) -> str:
    return {"spine-digest": "spine-digest", "healthhelp-cspine-mri-2025": "healthhelp"}.get(
        criterion.guideline, "default"
    )


def run_case(case: RuleCase, library: Library) -> Outcome:
    """Judge the case as an order of its own, and compare."""
    out, posed, current = Outcome(case), Posed(case, library), book(library, case.on)
    weighed = posed.weighed(current)
    truth = rule_truth(case.criterion, weighed, posed.study)
    out.rows |= _rows(case, weighed, posed.study, truth)
    if "rule" in case.expect and truth is not TRUTHS[case.expect["rule"]]:
        out.faults.append(f"the rule is {_word(truth)}, expected {case.expect['rule']}")
    if set(case.expect) - {"rule"}:
        out.faults += compare(case.expect, posed.verdict(current))
    return out


def exercised_rows(case: RuleCase, library: Library) -> set[str]:
    """The index rows whose clauses the case brings to a result: what `run_case` finds, without the verdict."""
    posed = Posed(case, library)
    weighed = posed.weighed(book(library, case.on))
    return _rows(case, weighed, posed.study, rule_truth(case.criterion, weighed, posed.study))


def _rows(case: RuleCase, weighed: Weighed, study: Study, truth: bool | None) -> set[str]:
    rows = set(_exercised(_trace(case.criterion, weighed, study, truth)))
    return rows | (set(case.criterion.rows) if truth is not None or "asks" in case.expect else set())


class Posed:
    """A case as an order with its session; what is known for each study is made once."""

    def __init__(self, case: RuleCase, library: Library) -> None:
        self.case, self.library, self.study = case, library, _study(case, library)
        self.orders = _session(case, self.study, library)
        self.order = next(o for o in self.orders if o.reference == ORDER)
        self.policy = library.policies.by_id[case.policy]
        self._facts: dict[tuple[str, str], Facts] = {}

    def facts(self, order: Order, study: Study) -> Facts:
        key = (order.reference, study.id)
        if key not in self._facts:
            self._facts[key] = _facts(self.case, order, study, self.orders, self.library)
        return self._facts[key]

    def weighed(self, current: Book) -> Weighed:
        company = Company(self.orders, self.facts, current, self.policy)
        case = company.case(self.order, self.study, lambda s: self.facts(self.order, s))
        assert case is not None  # noqa: S101 - every case tells the age
        return case

    def verdict(self, current: Book) -> Verdict:
        return settle(self.order, self.orders, self.facts, current, self.policy)


def _study(case: RuleCase, library: Library) -> Study:
    studies = library.catalogue.studies
    if case.study in studies:
        return studies[case.study]
    found = [s for s in studies.values() if s.base == case.study]
    if not found:
        raise DataError(case.file, case.line, f"`{case.study}` is no study.{near(case.study, studies)}")
    return found[0]


def _session(case: RuleCase, study: Study, library: Library) -> list[Order]:
    reasons = tuple(Reason("covered", (i,), library.indications[i].name) for i in case.indications)
    others = [library.catalogue[s] for s in case.session]
    later = [library.catalogue[s] for s in case.session_after]
    held = [library.catalogue[s] for s in case.standing]
    orders = [Order(f"ServiceRequest/before-{n}", Kind.STUDY, s, reasons, n) for n, s in enumerate(others)]
    orders.append(Order(ORDER, Kind.STUDY, study, reasons, len(orders)))
    place = len(orders)
    orders += [Order(f"ServiceRequest/after-{n}", Kind.STUDY, s, reasons, place + n) for n, s in enumerate(later)]
    open_now = (
        Order(f"ServiceRequest/open-{n}", Kind.STUDY, s, reasons, -1, standing=True) for n, s in enumerate(held)
    )
    return [*orders, *open_now]


def _facts(case: RuleCase, order: Order, study: Study, orders: list[Order], library: Library) -> Facts:
    """The case's facts, those of its indications, and what an order says of itself."""
    here = [o for o in orders if o.study is not None]
    studies = [study if o.reference == order.reference else o.study for o in here]
    same = [s for o, s in zip(here, studies, strict=True) if s and o is not order and s.region == study.region]
    found: dict[str, Any] = {
        "patient.age_years": case.age,
        "order.modality": study.modality,
        "order.body_region": study.region,
        "order.contrast": study.contrast,
        "order.study": study.base,
        "order.procedure_type": study.procedure_type,
        "order.session_cpts": tuple(s.cpt for s in studies if s and s.cpt),
        "order.session_studies": tuple(n for s in studies if s for n in (s.id, s.base, *sorted(s.classes))),
        "order.session_body_regions": tuple(dict.fromkeys(s.region for s in studies if s)),
        "order.session_has_ct_and_mri_same_region": {study.modality, *(s.modality for s in same)} >= {"ct", "mri"},
    }
    if study.cpt:
        found["order.cpt"] = study.cpt
    regions = {r for i in case.indications for r in library.indications[i].regions}
    if regions:
        found["order.region_matches_symptomatic_level"] = study.region in regions
    for name in case.indications:
        found.update(library.indications[name].asserts)
    found.update(case.facts)
    known = {
        n: Fact(n, tuple(str(x) for x in v) if isinstance(v, list) else v, Basis.RECORDED, on=case.on)
        for n, v in found.items()
    }
    return Facts(known, case.unsearched)


def rule_truth(criterion: Criterion, weighed: Weighed, study: Study) -> bool | None:
    """The truth of the rule by itself: a pathway with the prerequisites that bind it, a refusal less its exceptions."""
    here = weighed.here(study)
    if criterion.kind == "pathway":
        called = _called(criterion, weighed, study)
        return here.truth(called.node) if called and weighed.counts(called, study) else False
    if criterion.indications and not criterion.indications & set(weighed.indications):
        return False
    if study.id not in criterion.studies or (criterion.pair and rival(weighed, criterion, study) is None):
        return False
    if criterion.ages is not None and not criterion.ages.hold(weighed.age):
        return False
    if criterion.kind == "prerequisite":
        return here.truth(weighed.book.requirement(criterion))
    truth = here.truth(criterion.when)
    if truth is True and criterion.unless is not None and here.off.truth(criterion.unless) is True:
        return False
    return truth


def _called(criterion: Criterion, weighed: Weighed, study: Study) -> Called | None:
    return next((c for c in weighed.docket.paths(study.id) if c.criterion is criterion), None)


def _trace(criterion: Criterion, weighed: Weighed, study: Study, truth: bool | None) -> Step:
    here = weighed.here(study)
    if criterion.kind == "pathway" and (called := _called(criterion, weighed, study)):
        return here.trace(called.node)
    if criterion.kind == "prerequisite":
        return here.trace(weighed.book.requirement(criterion))
    trace, exception = here.trace(criterion.when), criterion.unless
    if exception is None:
        return trace
    return Step("with its exception", truth, below=lambda: (trace, here.off.trace(exception)))


def _exercised(step: Step) -> Iterator[str]:
    if step.rows and step.truth is not None:
        yield from step.rows
    for child in step.children:
        yield from _exercised(child)


def compare(expect: dict[str, Any], verdict: Verdict) -> Iterator[str]:
    """What a verdict lacks of what a case expects of it, as sentences."""
    if "rating" in expect and verdict.rating != expect["rating"]:
        yield f"the rating is {verdict.rating}, expected {expect['rating']}"
    if "provisional" in expect and verdict.provisional is not expect["provisional"]:
        yield f"provisional is {verdict.provisional}"
    offered = [n for a in verdict.alternatives if a.study for n in (a.study.id, a.study.base)]
    for key, found in (("asks", verdict.asks), ("presumes", verdict.presumes), ("suggests", offered)):
        for wanted in expect.get(key, ()):
            if wanted not in found:
                yield f"{key} {list(dict.fromkeys(found))}, without {wanted}"
        for unwanted in expect.get(f"{key}_none_of", ()):
            if unwanted in found:
                yield f"{key} {unwanted}"
    for words in expect.get("notes", ()):
        if not any(re.search(words, n.text, re.I) for n in verdict.notes):
            yield f"no note says /{words}/"


def _word(truth: bool | None) -> str:
    return next(w for w, t in TRUTHS.items() if t is truth)
