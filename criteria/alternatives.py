"""The studies to offer instead, best first, each with the rating it would get."""

from __future__ import annotations

from collections.abc import Iterator

from criteria.ask import ways
from criteria.case import Case
from criteria.indications import regions_of
from criteria.ratings import Alternative, Because, Rating
from criteria.studies import Study
from criteria.weigh import Weighing, hopeless, weigh

CONTRAST = {"without": 0, "not_applicable": 0, "not_stated": 1, "with": 2, "without_and_with": 3}
OFFERED = (Rating.APPROPRIATE, Rating.NEEDS_INFORMATION)


def alternatives(case: Case, study: Study, weighing: Weighing) -> tuple[Alternative, ...]:
    """Every other study that a pathway supports for the recorded indication, best first (DESIGN section 4).

    The guideline's own preference, then met before still asking, no radiation before radiation, no contrast before
    contrast, cheaper before dearer. What a firing rule itself suggests comes first.
    """
    ranked: list[tuple[tuple[int, ...], Alternative]] = []
    order = {s: n for n, s in enumerate(_suggested(weighing))}
    for voice, other in _candidates(case, study, weighing, order):
        if other.id not in order and hopeless(voice, other):
            continue
        weighed = weigh(voice, other)
        if weighed.rating not in OFFERED and not (weighed.rating is Rating.NO_CRITERIA and other.id in order):
            continue
        paths = weighed.met or [c for c, _ in weighed.open]
        rank = min((c.criterion.rank for c in paths), default=0)
        key = (
            order.get(other.id, len(order)),
            rank,
            weighed.rating is not Rating.APPROPRIATE,
            other.radiation,
            _contrast_distance(study, other, weighing),
            other.cost,
        )
        asks = questions(weighed) if weighed.rating is Rating.NEEDS_INFORMATION else ()
        rule = paths[0].criterion if paths else None
        offer = Alternative(
            other, weighed.rating, asks, criterion=rule.id if rule else "", why=rule.title if rule else ""
        )
        ranked.append((key, offer))
    found = [a for _, a in sorted(ranked, key=lambda r: r[0])]
    pairs = [*(c for c in weighing.fired if c.kind == "combination"), *weighing.one_too_many]
    if _is_extra(study, weighing) and not order:
        pairs += weighing.fired
    if pairs:
        found.insert(0, Alternative(None, weighing.rating, action="delete", criterion=pairs[0].id, why=pairs[0].title))
    return tuple(found)


def _contrast_distance(study: Study, other: Study, weighing: Weighing) -> int:
    """No contrast before contrast; where CT stands in for a refused MRI, contrast is matched (PRE-3.mri.30, .31)."""
    plain = CONTRAST.get(other.contrast, 1)
    stands_in = weighing.because is Because.SAFETY and study.modality == "mri" and other.modality == "ct"
    if not stands_in or CONTRAST.get(study.contrast, 0) < CONTRAST["with"]:
        return plain
    return {"with": 0, "without_and_with": 1}.get(other.contrast, 2)


def questions(weighing: Weighing) -> tuple[str, ...]:
    """The smallest set of questions over all open pathways; guideline order among equals."""
    return min((way for _, way in weighing.open), key=len, default=())


def lifting(weighing: Weighing) -> tuple[str, ...]:
    """The questions whose answers would lift the exclusions that fired."""
    found: dict[str, None] = {}
    for criterion in weighing.open_exceptions:
        if criterion in weighing.fired and criterion.unless is not None:
            way = next(iter(ways(criterion.unless, weighing.here.off)), ())
            found.update(dict.fromkeys(way))
    return tuple(found)


def _suggested(weighing: Weighing) -> list[str]:
    return list(dict.fromkeys(s for c in (*weighing.fired, *weighing.redirects) for s in c.suggest))


def _is_extra(study: Study, weighing: Weighing) -> bool:
    """True for guidance, rendering and the like under a wrong code: no study of its own, so none stands in for it."""
    return weighing.because is Because.CODING and "diagnostic_imaging" not in study.classes


def _in_place_of(other: Study, study: Study, weighing: Weighing) -> bool:
    """A wrong code is mended by a study of its kind: PET by PET."""
    if weighing.because is not Because.CODING:
        return True
    pet = study.modality.startswith("pet")
    return not _is_extra(study, weighing) and (not pet or other.modality.startswith("pet"))


def _candidates(
    case: Case, study: Study, weighing: Weighing, suggested: dict[str, int]
) -> Iterator[tuple[Case, Study]]:
    """Studies listed for the indication in its own regions (else the order's), and those that a rule suggests.

    What stands in for a study that is not safe may be another guideline's of the policy.
    """
    library, seen = case.book.library, {study.id}
    regions = regions_of(case.order, case.indications, library.indications) or (study.region,)
    for voice in case.voices() if weighing.because is Because.SAFETY else [case]:
        for other, by_indication in voice.docket.listed(regions):
            if other.id in seen or other.id in suggested or not other.cpt or other.unlisted:
                continue
            if not _in_place_of(other, study, weighing) or not (voice is case or voice.speaks_to(other)):
                continue
            if by_indication or voice.paths(other):
                seen.add(other.id)
                yield voice, other
    for other in map(library.catalogue.__getitem__, suggested):
        if other.id != study.id and (other.cpt or other.id not in case.book.pathways):
            yield case, other
