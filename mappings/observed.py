"""The Observations of a chart that a reader looks at, by what their codes mean."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mappings.codings import note_aliases
from mappings.fields import reference_of, span
from mappings.records import Records, SetAside, misshapen, shapes
from mappings.telling import APART, LASTS, meant


@dataclass(frozen=True, slots=True)
class Observed:
    """The Observations of a chart that mean something, in its order.

    ``kinds``: each with what its own codes measure or find, and whether more may stand in it than they say. ``of``:
    those that are attested, of a cancer or of the sex.
    """

    kinds: Sequence[tuple[dict[str, Any], tuple[str, ...], bool]]
    of: Mapping[str, Sequence[dict[str, Any]]]
    set_aside: tuple[SetAside, ...]


def observed(records: Records, today: dt.date) -> Observed:
    """The Observations that mean something; found once for all who ask for them."""
    return records.once(_observed, today)


def _observed(records: Records, today: dt.date) -> Observed:
    shape, sound, aside = shapes()["Observation"], "Observation" in records.sound, []
    kinds: list[tuple[dict[str, Any], tuple[str, ...], bool]] = []
    of: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for observation, means, panel, when in records.telling:
        if not panel and (days := LASTS[means]) and _older(when, today, days):
            continue
        own, others = _apart(means) if means else ((), ())
        if not sound and (why := misshapen(observation, shape)):
            aside.append(SetAside(reference_of(observation), why, own))
            continue
        for other in others:
            of[other].append(observation)
        if own or panel:
            kinds.append((observation, own, panel))
    return Observed(kinds, of, tuple(aside))


def _older(when: Any, today: dt.date, days: int) -> bool:
    """Whether all days that a date may mean lie further back."""
    held = span(when)
    return held is not None and (today - held.last).days > days


def outdated(observation: Mapping[str, Any], today: dt.date) -> bool:
    """Whether no reader looks at one of its kinds that is as old."""
    days = LASTS[meant(observation.get("code"))]
    return days > 0 and _older(observation.get("effectiveDateTime"), today, days)


def kinds_of(concept: Any) -> tuple[str, ...]:
    """What the codes of a concept measure or find."""
    return _apart(meant(concept))[0]


def _apart(means: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The kinds of what is measured or found, and what else it is, each once; aliases are noted."""
    own, others, aliases = APART[means]
    if aliases:
        note_aliases(aliases)
    return own, others
