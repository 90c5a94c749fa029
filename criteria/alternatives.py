"""The studies to offer instead, best first, each with the rating it would get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from criteria.ask import ways
from criteria.case import Case
from criteria.companions import companions
from criteria.criterion import Criterion
from criteria.indications import regions_of
from criteria.ratings import Alternative, Because, Rating
from criteria.regions import overlap
from criteria.scope import silence
from criteria.studies import Study
from criteria.weigh import Weighing, hopeless, weigh

CONTRAST = {"without": 0, "not_applicable": 0, "not_stated": 1, "with": 2, "without_and_with": 3}
ATTENDING = frozenset({"guidance", "rendering_3d", "computer_aided_detection"})
"""Classes of what goes with a procedure or a study."""
OFFERED = (Rating.APPROPRIATE, Rating.NEEDS_INFORMATION)


def alternatives(case: Case, study: Study, weighing: Weighing) -> tuple[Alternative, ...]:
    """Every other study that a pathway supports for the recorded indication, best first (DESIGN section 4).

    The guideline's own preference, then met before still asking, no radiation before radiation, no contrast before
    contrast, cheaper before dearer. What a firing rule itself suggests comes first.
    """
    ranked: list[tuple[tuple[int, ...], Alternative]] = []
    instead: list[Alternative] = []
    lies = regions_of(case.order, case.indications, case.book.library.indications)
    order = {s: n for n, s in enumerate(_suggested(study, weighing))}
    for voice, other in _candidates(case, study, weighing, order, lies):
        if other.id not in order and hopeless(voice, other):
            continue
        weighed = weigh(voice, other)
        rating, asks = weighed.rating, questions(weighed)
        if weighed.because is Because.OUT_OF_SCOPE and other.id in order:
            quiet = silence(voice, other, weighed)
            rating, asks = quiet.rating, quiet.asks
        if rating not in OFFERED and not (rating is Rating.NO_CRITERIA and other.id in order):
            continue
        paths = weighed.met or [c for c, _ in weighed.open]
        if other.id not in order:
            open_too = weighing.rating is weighed.rating is Rating.NEEDS_INFORMATION
            paths = [c for c in paths if _recommends(c.criterion, other, study, lies, open_too)]
            if not paths:
                continue
        rank = min((c.criterion.rank for c in paths), default=0)
        key = (
            order.get(other.id, len(order)),
            rank,
            rating is not Rating.APPROPRIATE,
            other.radiation,
            _contrast_distance(study, other, weighing),
            other.cost,
            other.region != study.region,
        )
        rule = paths[0].criterion if paths else None
        asks = asks if rating is Rating.NEEDS_INFORMATION else ()
        why = (rule.id, rule.title) if rule else ("", "")
        if _is_ordered(weighed):
            if rating is Rating.APPROPRIATE:
                instead.append(Alternative(None, weighing.rating, action="delete", criterion=why[0], why=why[1]))
            continue
        ranked.append((key, Alternative(other, rating, asks, criterion=why[0], why=why[1])))
    found = list(_each_code_once(a for _, a in sorted(ranked, key=lambda r: r[0])))
    pairs = [*(c for c in weighing.fired if c.kind == "combination"), *weighing.one_too_many]
    if _is_extra(study, weighing) and not order:
        pairs += weighing.fired
    if pairs:
        found.insert(0, Alternative(None, weighing.rating, action="delete", criterion=pairs[0].id, why=pairs[0].title))
    elif weighing.rating is Rating.NOT_APPROPRIATE:
        found = [*instead[:1], *found]
    return (*found, *companions(case, study, weighing, questions(weighing)))


def _is_ordered(weighed: Weighing) -> bool:
    """Whether it is drafted or open already: to change this order into it would double it."""
    twice = weighed.here.facts.get("order.duplicate_order_exists")
    return twice is not None and twice.value is True


def _each_code_once(offers: Iterable[Alternative]) -> Iterator[Alternative]:
    """Without the studies that would be billed under a code that is offered already."""
    seen: set[str | None] = set()
    for offer in offers:
        code = offer.study.cpt if offer.study else None
        if code is None or code not in seen:
            seen.add(code)
            yield offer


def _contrast_distance(study: Study, other: Study, weighing: Weighing) -> int:
    """No contrast before contrast; where CT stands in for a refused MRI, contrast is matched (PRE-3.mri.30, .31)."""
    plain = CONTRAST.get(other.contrast, 1)
    stands_in = weighing.because is Because.SAFETY and study.modality == "mri" and other.modality == "ct"
    if not stands_in or CONTRAST.get(study.contrast, 0) < CONTRAST["with"]:
        return plain
    return {"with": 0, "without_and_with": 1}.get(other.contrast, 2)


def questions(weighing: Weighing) -> tuple[str, ...]:
    """The smallest set of questions over all open pathways; among equals guideline order, then the guideline's rank."""
    order = list(dict.fromkeys(called.criterion.guideline for called, _ in weighing.open))
    ranked = ((len(way), order.index(c.criterion.guideline), c.criterion.rank, way) for c, way in weighing.open)
    return min(ranked, key=lambda found: found[:3], default=(0, 0, 0, ()))[3]


def lifting(weighing: Weighing) -> tuple[str, ...]:
    """The questions whose answers would lift the exclusions that fired."""
    found: dict[str, None] = {}
    for criterion in weighing.open_exceptions:
        if criterion in weighing.fired and criterion.unless is not None:
            way = next(iter(ways(criterion.unless, weighing.here.off)), ())
            found.update(dict.fromkeys(way))
    return tuple(found)


def _suggested(study: Study, weighing: Weighing) -> list[str]:
    return list(dict.fromkeys(s for c in (*weighing.fired, *weighing.redirects) for s in c.suggests(study.id)))


def _is_extra(study: Study, weighing: Weighing) -> bool:
    """True for guidance, rendering and the like: no study of its own, so none stands in for it."""
    return _attends(study) or (weighing.because is Because.CODING and "diagnostic_imaging" not in study.classes)


def _attends(study: Study) -> bool:
    return not ATTENDING.isdisjoint(study.classes)


def _in_place_of(other: Study, study: Study, weighing: Weighing) -> bool:
    """A study is replaced by a study, guidance by guidance; and a wrong code by one of its kind: PET by PET."""
    if _attends(study) or _attends(other):
        return _attends(study) and _attends(other) and weighing.because is not Because.CODING
    if weighing.because is not Because.CODING:
        return True
    pet = study.modality.startswith("pet")
    return not _is_extra(study, weighing) and (not pet or other.modality.startswith("pet"))


def _recommends(pathway: Criterion, other: Study, study: Study, lies: Sequence[str], open_too: bool) -> bool:
    """False where the pathway supports what is ordered, but does not recommend it ("as its own guideline says").

    ``lies``: where the indications lie, which tells what an order of the whole body is about. ``open_too``: both
    studies still have questions; such a pathway has no reason then to prefer the other.
    """
    if pathway.offers is None:
        return True
    if open_too or other.id not in pathway.offers:
        return False
    wide = study.region in ("", "whole_body")
    return any(overlap(other.region, r) for r in (lies if wide else [study.region]))


def _candidates(
    case: Case, study: Study, weighing: Weighing, suggested: dict[str, int], lies: Sequence[str]
) -> Iterator[tuple[Case, Study]]:
    """Studies listed for the indication in its regions and in the order's own, and those that a rule suggests.

    Lung cancer lies in the chest, yet its section has a word for who ordered a study of the head. What stands in for a
    study that is not safe may be another guideline's of the policy.
    """
    library, seen = case.book.library, {study.id}
    regions = tuple(dict.fromkeys((*lies, study.region)))
    voices = case.voices()
    for voice in voices if weighing.because is Because.SAFETY else voices[:1]:
        for other in voice.docket.listed(regions):
            if other.id in seen or other.id in suggested:
                continue
            speaks = _speaker(voices, other)
            if not _in_place_of(other, study, weighing) or (voice is not case and voice is not speaks):
                continue
            if not speaks.may_recommend(other):
                continue
            if voice.paths(other):
                seen.add(other.id)
                yield speaks, other
    for other in map(library.catalogue.__getitem__, suggested):
        if other.id != study.id and (other.cpt or other.id not in case.book.pathways):
            yield _speaker(voices, other), other


def _speaker(voices: Sequence[Case], study: Study) -> Case:
    """The order before the guidelines that the policy has speak to a study: theirs is the rating it would get."""
    if len(voices) == 1:
        return voices[0]
    return next((v for v in voices if v.speaks_to(study)), voices[0])
