"""Judged orders as rows of the tables (columns.yaml names the columns)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from criteria.ratings import Ruling, Verdict
from service.replay.clauses import WORDS, Difference, difference, telling, value_of
from service.replay.job import Job
from service.replay.judged import ORDER, Judged
from service.replay.tables import Row

Rows = Mapping[str, list[Row]]
PATIENT = "Patient"


def add(job: Job, one: Judged, rows: Rows) -> None:
    """The rows of one order."""
    name = job.name(ORDER, str(one.placed.resource["id"]))
    if len(one.verdicts) > 1:
        rows["changes"].append(_change(job, one, name))
        return
    (verdict,), (card,) = one.verdicts, one.cards
    rows["orders"].append(_order(job, one, name))
    rows["verdicts"].append((*_verdict(name, verdict, card), list(one.not_yet)))
    if job.reasons != "none":
        rows["reasons"].extend(row for r in verdict.rulings if r.decisive for row in _reasons(name, r))
    used = [(fact, "asked") for fact in verdict.asks] + [(fact, "presumed") for fact in verdict.presumes]
    rows["missing"].extend((name, n, fact, use) for n, (fact, use) in enumerate(used, 1))
    rows["alternatives"].extend(
        (name, n, a.action, a.study.id if a.study else None, str(a.rating), list(a.asks), a.criterion or None)
        for n, a in enumerate(verdict.alternatives, 1)
    )


def _order(job: Job, one: Judged, name: str) -> Row:
    study, known = one.order.study, one.known
    age = known.get("patient.age_years")
    return (
        name,
        job.name(PATIENT, one.patient),
        one.placed.moment.day,
        job.name(ORDER, one.session[0]),
        len(one.session),
        study.id if study else None,
        study.modality if study else None,
        study.region if study else None,
        study.contrast if study else None,
        list(one.order.indications),
        [r.status for r in one.order.reasons],
        age if isinstance(age, int) else None,
        known.get("patient.sex_assigned_at_birth"),
        one.policy,
        one.chart,
        one.set_aside,
    )


def _verdict(name: str, verdict: Verdict, card: bool) -> Row:
    return (
        name, _text(verdict.rating), _text(verdict.because), verdict.provisional, card, _safety(verdict),
        list(verdict.guidelines), list(verdict.criteria), list(verdict.rows),
        [r.criterion for r in verdict.rulings if r.decisive and r.local],
    )  # fmt: skip


def _reasons(name: str, ruling: Ruling) -> Iterator[Row]:
    head = (name, ruling.criterion, ruling.kind, ruling.section, WORDS[ruling.truth])
    for step in telling(ruling.trace):
        basis = step.found.basis.name.lower() if step.found else "presumed" if step.presumed else None
        yield (*head, step.says, WORDS[step.truth], step.fact, value_of(step.found), basis)


def _change(job: Job, one: Judged, name: str) -> Row:
    old, new = one.verdicts
    change, why = "none", Difference("")
    if old.rating is not new.rating:
        change = "rating"
    elif (old.because, old.criteria, old.asks, one.cards[0]) != (new.because, new.criteria, new.asks, one.cards[1]):
        change = "reasons"
    if change != "none":
        why = difference(old, new) or why
    told = (why.criterion, why.clause, why.fact, why.value, why.before, why.now, why.local)
    study = one.order.study
    return (
        name, job.name(PATIENT, one.patient), one.placed.moment.day, study.id if study else None,
        _text(old.rating), _text(new.rating), _text(old.because), _text(new.because), *one.cards,
        _safety(old), _safety(new),
        list(old.criteria), list(new.criteria), list(old.asks), list(new.asks), change,
        *(text or None for text in told),
    )  # fmt: skip


def _safety(verdict: Verdict) -> bool:
    return verdict.safety_critical or any(n.kind in ("safety", "unchecked") for n in verdict.notes)


def _text(word: Any) -> str | None:
    return str(word) if word is not None else None
