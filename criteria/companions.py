"""What the guideline wants beside or before the order: plain films that a rule asks for and that nobody has made."""

from __future__ import annotations

from criteria.ask import ways_to_all
from criteria.case import Case
from criteria.docket import Called
from criteria.ratings import Alternative, Because, Rating
from criteria.regions import overlap
from criteria.studies import Study
from criteria.weigh import Weighing

FILMS = frozenset({"xray.performed", "xray.since_onset", "xray.since_surgery"})


def companions(case: Case, study: Study, weighing: Weighing, asks: tuple[str, ...]) -> list[Alternative]:
    """An x-ray of the ordered region, where the questions are about one, or where it alone would bring a pathway about.

    None where the session has one, or where a rule refuses the order anyway.
    """
    if weighing.fired:
        return []
    if weighing.rating is Rating.NEEDS_INFORMATION:
        found = next((c for c, way in weighing.open if way == asks), None) if FILMS.intersection(asks) else None
    elif weighing.because is not Because.REQUIREMENT_MISSING:
        return []
    else:
        films = case.book.films
        found = next((c for c in weighing.failed if _lacks_only_films(c, weighing, films)), None)
    if found is None:
        return []
    shown = case.book.library.catalogue.of_modality("xray", study.region)
    film = next((s for s in shown if s.cpt), None)
    ordered = (o.study for o in case.orders if o.study is not None)
    if film is None or any(s.modality == "xray" and overlap(s.region, film.region) for s in ordered):
        return []
    criterion = found.criterion
    return [Alternative(film, weighing.rating, action="create", criterion=criterion.id, why=criterion.title)]


def _lacks_only_films(called: Called, weighing: Weighing, films: frozenset[str]) -> bool:
    """True when new films are the fewest answers that would bring the pathway about."""
    here = weighing.here
    if all(films.isdisjoint(clause.names) for clause in called.clauses):
        return False
    new = here.without(films, here.results)
    fewest = next(iter(ways_to_all([c.node for c in called.clauses], new)), ())
    return films.issuperset(fewest) and any(here.state(f) is not True for f in FILMS.intersection(fewest))
