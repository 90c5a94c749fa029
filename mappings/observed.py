"""Which Observations mean anything to a reader, by their codes. Most of a chart mean nothing to anyone: each is looked
at once."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from criteria.vocabulary import FACT_SYSTEM
from mappings.codings import note_aliases, read_coding, systems
from mappings.fields import objects, reference_of, span
from mappings.kept import Kept
from mappings.records import Records, SetAside, misshapen, shapes
from mappings.tables import read_table

ATTESTED, BIRTH_SEX, CANCER = "attested", "sex at birth", "cancer"
"""What an Observation is beside the kinds of codes/findings.csv and codes/examination.csv."""
OTHERS = frozenset({ATTESTED, BIRTH_SEX, CANCER})
SEX_AT_BIRTH = "76689-9"
"""LOINC."""
DAYS = {
    **dict.fromkeys(("coma", "coma_eyes", "coma_speech", "coma_movement"), 2), "temperature": 14, "neck_disability": 30,
    **dict.fromkeys(("pregnancy_test", "hcg"), 60),
    **dict.fromkeys(("crp", "esr", "culture", "wbc", "hemoglobin", "platelets", "blood_cells"), 90),
    "pregnancy": 280, **dict.fromkeys(("weight", "height", "bmi"), 365),
}  # fmt: skip
"""Kinds that no reader looks at when they are older: so many days at least."""
ALIAS = "alias "
"""Before the name of a code system that is not its own."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The Observations of a chart that mean something, in its order.

    ``kinds``: each with what its own codes measure or find, and whether more may stand in it than they say. ``of``:
    those that are attested, of a cancer or of the sex.
    """

    kinds: Sequence[tuple[dict[str, Any], tuple[str, ...], bool]]
    of: Mapping[str, Sequence[dict[str, Any]]]
    set_aside: tuple[SetAside, ...]


def _read(coding: tuple[str, str]) -> tuple[str, ...]:
    known, alias = read_coding(*coding)
    tables = (read_table("findings").exact, read_table("examination").exact)
    found = [means for table in tables for means in table.get(known, ())]
    found += [ATTESTED] if coding[0] == FACT_SYSTEM else []
    found += [BIRTH_SEX] if coding[1].strip() == SEX_AT_BIRTH else []
    found += [CANCER] if read_table("oncology").of_code(known) else []
    return (*found, ALIAS + alias) if alias else tuple(found)


MEANINGS = Kept(_read)
"""What a coding means, by its system and code as the client writes them."""


def _telling(code: str | None) -> bool:
    """False for a number that means nothing in any code system: most of a chart, whose systems need no look."""
    if code is None or not code.replace("-", "").isdigit():
        return True
    canonical = {name: uri for name, alias, uri in systems().values() if not alias and uri != FACT_SYSTEM}
    return any(_read((system, code)) for system in ("", *canonical.values()))


TELLING = Kept(_telling)


def _lasts(means: tuple[str, ...]) -> int:
    own, others, _ = APART[means]
    days = [DAYS.get(kind, 0) for kind in own]
    return max(days) if days and all(days) and not others else 0


LASTS = Kept(_lasts)
"""For how many days a reader looks at what means this; 0 where at any age."""


def observed(records: Records, today: dt.date) -> Observed:
    """The Observations that mean something; found once for all who ask for them."""
    return records.once(_observed, today)


def _observed(records: Records, today: dt.date) -> Observed:
    shape, aside = shapes()["Observation"], []
    kinds: list[tuple[dict[str, Any], tuple[str, ...], bool]] = []
    of: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for observation in records.of("Observation"):
        means: tuple[str, ...] = ()
        try:
            for coding in observation["code"]["coding"]:
                if TELLING[coding["code"]]:
                    means += MEANINGS[coding["system"], coding["code"]]
            plain = True
        except (KeyError, TypeError):  # something is missing, or is not as FHIR has it
            means, plain = _meant(observation.get("code")), False
        panel = "component" in observation or "contained" in observation or "valueCodeableConcept" in observation
        if not panel:
            if not means and plain:
                continue
            if (days := LASTS[means]) and _older(observation.get("effectiveDateTime"), today, days):
                continue
        elif plain and not means and _tells_nothing(observation):
            continue
        if why := misshapen(observation, shape):
            aside.append(SetAside(reference_of(observation), why))
            continue
        own, others = _apart(means) if means else ((), ())
        for other in others:
            of[other].append(observation)
        if own or panel:
            kinds.append((observation, own, panel))
    return Observed(kinds, of, tuple(aside))


def _older(when: Any, today: dt.date, days: int) -> bool:
    """Whether all days that a date may mean lie further back."""
    held = span(when)
    return held is not None and (today - held.last).days > days


def _tells_nothing(panel: dict[str, Any]) -> bool:
    """Whether a panel is one of plain components of which no code means anything."""
    if "contained" in panel or "valueCodeableConcept" in panel:
        return False
    try:
        return not any(
            TELLING[coding["code"]] or "valueCodeableConcept" in part
            for part in panel["component"]
            for coding in part["code"]["coding"]
        )
    except (KeyError, TypeError):  # not as FHIR has it
        return False


def kinds_of(concept: Any) -> tuple[str, ...]:
    """What the codes of a concept measure or find."""
    return _apart(_meant(concept))[0]


def _meant(concept: Any) -> tuple[str, ...]:
    means: tuple[str, ...] = ()
    for coding in objects(concept.get("coding") if isinstance(concept, dict) else None):
        system, code = coding.get("system"), coding.get("code")
        means += MEANINGS[system if isinstance(system, str) else "", code if isinstance(code, str) else ""]
    return means


def _apart(means: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The kinds of what is measured or found, and what else it is, each once; aliases are noted."""
    own, others, aliases = APART[means]
    if aliases:
        note_aliases(aliases)
    return own, others


def _sorted(means: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    each = dict.fromkeys(m for m in means if not m.startswith(ALIAS))
    aliases = tuple(m.removeprefix(ALIAS) for m in means if m.startswith(ALIAS))
    return tuple(m for m in each if m not in OTHERS), tuple(m for m in each if m in OTHERS), aliases


APART = Kept(_sorted)
