"""What the codes of an Observation mean to any reader; those of most of a chart mean nothing to anyone."""

from __future__ import annotations

from typing import Any

from criteria.vocabulary import FACT_SYSTEM
from mappings.codings import read_coding, systems
from mappings.fields import objects
from mappings.kept import Kept
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
"""Kinds that no reader looks at when they are older than so many days."""
ALIAS = "alias "
"""Before the name of a code system that is not its own."""
Telling = tuple[dict[str, Any], tuple[str, ...], bool, Any]
"""An Observation, what its own codes mean, whether more may stand in it than they say, and when it was made."""


def _read(coding: tuple[str, str]) -> tuple[str, ...]:
    known, alias = read_coding(*coding)
    tables = (read_table("findings").exact, read_table("examination").exact)
    found = [means for table in tables for means in table.get(known, ())]
    found += [ATTESTED] if coding[0] == FACT_SYSTEM else []
    found += [BIRTH_SEX] if coding[1].strip() == SEX_AT_BIRTH else []
    found += [CANCER] if read_table("oncology").of_code(known) else []
    return (*found, ALIAS + alias) if alias else tuple(found)


def _telling(code: str | None) -> bool:
    if code is None or not code.replace("-", "").isdigit():
        return True
    canonical = {name: uri for name, alias, uri in systems().values() if not alias and uri != FACT_SYSTEM}
    return any(_read((system, code)) for system in ("", *canonical.values()))


def _apart(means: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    each = dict.fromkeys(m for m in means if not m.startswith(ALIAS))
    aliases = tuple(m.removeprefix(ALIAS) for m in means if m.startswith(ALIAS))
    return tuple(m for m in each if m not in OTHERS), tuple(m for m in each if m in OTHERS), aliases


def _lasts(means: tuple[str, ...]) -> int:
    own, others, _ = APART[means]
    days = [DAYS.get(kind, 0) for kind in own]
    return max(days) if days and all(days) and not others else 0


TELLS = Kept(_telling)
"""False for a number that means nothing in any code system, as most do: then their system needs no look."""
MEANINGS = Kept(_read)
"""What a coding means, by its system and code as the client writes them."""
APART = Kept(_apart)
"""The kinds of what is measured or found, what else it is, and the aliases, each once."""
LASTS = Kept(_lasts)
"""For how many days a reader looks at what means this; 0 where at any age."""


def telling(observation: dict[str, Any]) -> Telling | None:
    """An Observation that may mean something to a reader."""
    means, plain = means_of(observation.get("code"))
    panel = "component" in observation or "contained" in observation or "valueCodeableConcept" in observation
    if plain and not means and (not panel or _tells_nothing(observation)):
        return None
    return observation, means, panel, observation.get("effectiveDateTime")


def meant(concept: Any) -> tuple[str, ...]:
    """What the codes of a concept mean, whatever stands in it."""
    means: tuple[str, ...] = ()
    for coding in objects(concept.get("coding") if isinstance(concept, dict) else None):
        system, code = coding.get("system"), coding.get("code")
        means += MEANINGS[system if isinstance(system, str) else "", code if isinstance(code, str) else ""]
    return means


def means_of(concept: Any) -> tuple[tuple[str, ...], bool]:
    """The same, and whether it is plain that its codes mean nothing else."""
    means: tuple[str, ...] = ()
    try:
        for coding in concept["coding"]:
            if TELLS[coding["code"]]:
                means += MEANINGS[coding["system"], coding["code"]]
    except (KeyError, TypeError):  # something is missing, or is not as FHIR has it
        return meant(concept), False
    return means, True


def _tells_nothing(panel: dict[str, Any]) -> bool:
    """Whether it is one of plain components of which no code means anything."""
    if "contained" in panel or "valueCodeableConcept" in panel:
        return False
    try:
        return not any(
            "valueCodeableConcept" in part or any(TELLS[coding["code"]] for coding in part["code"]["coding"])
            for part in panel["component"]
        )
    except (KeyError, TypeError):  # not as FHIR has it
        return False
