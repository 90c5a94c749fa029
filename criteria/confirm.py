"""What the order's own words propose and nobody recorded. Words never rate; but no rating rests on a silence that they
contradict: where they would change it, they are asked about first, and the order is not rated before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from criteria.conditions import Conditions
from criteria.facts import Basis, Fact, Facts, FactsFor
from criteria.proposed import Outcome, Proposed
from criteria.ratings import NO_REASON, Because, Rating, Verdict
from criteria.studies import Study

UNREAD = frozenset({*NO_REASON, Because.STUDY_UNRECOGNISED})
"""Answers that ask what the order is about: nothing is rated yet."""
BETTER = (Rating.APPROPRIATE, Rating.NEEDS_INFORMATION, Rating.NO_CRITERIA)
"""What is better than a refusal, best first; another guideline may support what these do not."""


def to_confirm(known: Facts, conditions: Conditions) -> list[str]:
    """The proposed facts that a question can settle and that no answer has settled."""
    asks = conditions.vocabulary
    left = (n for n in known.said if n not in known.recorded and asks[n].ask)
    return [n for n in left if not _answered_with_others(n, known, conditions)]


def confirmed_first(
    silent: Verdict,
    names: Sequence[str],
    facts: FactsFor,
    proposed: Proposed,
    verdict_on: Callable[[FactsFor], Verdict],
) -> Verdict:
    """The verdict, with what has to be confirmed asked first. ``silent`` is that without the words, ``names`` what they
    propose; ``proposed`` tells what comes of some of it, ``verdict_on`` judges on other facts."""
    if not names or silent.because in UNREAD:
        return silent

    def is_worse(told: Sequence[str]) -> bool:
        return _is_worse(proposed.outcome(told)[0], silent.rating)

    against: list[str] = []
    open_now = silent.asks if silent.rating is Rating.NEEDS_INFORMATION else ()
    if silent.rating is not Rating.NOT_APPROPRIATE and is_worse(names):  # that is as bad as can be
        doubtful = (n for n in names if not proposed.surely((), [n]))
        against = [n for n in doubtful if is_worse([n])] or _fewest(names, is_worse)
    needed, rest = _helpful([n for n in names if n not in against], (silent.rating, open_now), proposed)
    first = (*against, *needed)
    if not first:
        return silent
    found = verdict_on(doubted(facts, first))
    asks = tuple(dict.fromkeys((*first, *(rest if needed else open_now))))
    if found.rating is Rating.NEEDS_INFORMATION:
        return replace(found, asks=asks)
    return replace(
        found, rating=Rating.NEEDS_INFORMATION, because=Because.FACTS_MISSING, provisional=False, asks=asks,
        presumes=(), message="",
    )  # fmt: skip


def _is_worse(rating: Rating | None, than: Rating | None) -> bool:
    if than is Rating.APPROPRIATE:
        return rating is not than
    return rating is Rating.NOT_APPROPRIATE and rating is not than


def _helpful(names: Iterable[str], silent: Outcome, proposed: Proposed) -> tuple[list[str], tuple[str, ...]]:
    """The fewest of the facts that bring the order nearer to being supported, and what is asked once they hold; none
    where they are asked anyhow."""
    rating, asked = silent
    kept = sorted(names, key=lambda n: n not in asked)
    best = _distance(proposed.outcome(kept)) if kept else _distance(silent)
    if best >= _distance(silent):
        return [], ()
    kept = _fewest(
        kept,
        lambda fewer: _distance(proposed.outcome(fewer)) <= best,
        lambda held, fewer: proposed.surely(held, fewer, best[1]),
    )
    rest = proposed.outcome(kept)[1]
    longer = rating is Rating.NEEDS_INFORMATION and len({*kept, *rest}) > len(asked)
    return ([], ()) if longer or {*kept}.issubset(asked) else (kept, rest)


def _fewest(
    names: Sequence[str],
    enough: Callable[[Sequence[str]], bool],
    surely: Callable[[Sequence[str], Sequence[str]], bool] = lambda _held, _fewer: False,
) -> list[str]:
    """The names without those that are not needed for the rest to be enough; ``surely``: as some are, it is plain that
    fewer are too."""
    kept = held = list(names)
    for name in names:
        fewer = [n for n in kept if n != name]
        if fewer and surely(held, fewer):
            kept = fewer
        elif fewer and enough(fewer):
            kept = held = fewer
    return kept


def _distance(outcome: Outcome) -> tuple[int, int]:
    """From being supported: the rating, then the questions."""
    rating, asks = outcome
    return BETTER.index(rating) if rating in BETTER else len(BETTER), len(asks)


def confirmed(facts: FactsFor, names: Iterable[str]) -> FactsFor:
    """As if what the words propose had been answered so."""
    wanted = frozenset(names)
    made: dict[str, Facts] = {}

    def held(study: Study) -> Facts:
        if study.id not in made:
            base = facts(study)
            told = {f.name: f for f in _told(base, wanted)}
            recorded = {**base.recorded, **told}
            made[study.id] = replace(base, recorded=recorded, unsearched=base.unsearched - told.keys())
        return made[study.id]

    return held


def doubted(facts: FactsFor, names: Iterable[str]) -> FactsFor:
    """Silence tells nothing of what the words propose, nor of what would follow from it."""
    wanted = frozenset(names)

    def held(study: Study) -> Facts:
        base = facts(study)
        return replace(base, doubted=frozenset(f.name for f in _told(base, wanted)))

    return held


def _told(facts: Facts, names: frozenset[str]) -> list[Fact]:
    """What follows from other facts first, so that a proposal itself outweighs it."""
    found = [f for n in facts.said.keys() & names for f in facts.said[n] if f.name not in facts.recorded]
    return sorted(found, key=lambda f: f.basis)


def _answered_with_others(name: str, known: Facts, conditions: Conditions) -> bool:
    """True where the clinician said no to a question that this fact is a part of, or on which it depends."""
    denied = {f.name for f in known if f.basis is Basis.ATTESTED and f.value is False}
    made_of = (conditions.ready(conditions.definitions[d]).depends for d in denied & conditions.definitions.keys())
    if any(name in parts for parts in made_of):
        return True
    above = conditions.vocabulary.given.get(name)
    while above is not None and above not in denied:
        above = conditions.vocabulary.given.get(above)
    return above is not None
