"""Read facts.yaml: the one vocabulary of criteria, questions, mappings and answers."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, get_args

from criteria.errors import DataError
from criteria.facts import Absence, FactDefinition, FactType, Vocabulary
from criteria.reading import Lines, once, read_yaml

FACTS = Path(__file__).parent / "facts.yaml"
FACT_SYSTEM = "https://imaging-cds.github.io/fhir/CodeSystem/guideline-fact"
"""The code system of facts where a clinician states them (DESIGN section 3, attested facts)."""
LASTING = ("history.", "surgery.", "implant.", "allergy.")
"""Facts that stay true: an answer to them counts for every order, whatever its age."""
KEYS = {"type", "unit", "values", "means", "absence", "ask", "fhir", "given", "logic"}
NEEDED = {"type", "means", "absence", "ask", "fhir"}


def load_vocabulary(path: Path = FACTS) -> Vocabulary:
    """The vocabulary, checked. Raises `DataError` naming file, line and mend."""
    return _vocabulary(path)


@once
def _vocabulary(path: Path) -> Vocabulary:
    raw: Lines = read_yaml(path)
    facts = {name: _definition(path, raw, name, entry) for name, entry in raw.items()}
    for name, fact in facts.items():
        if fact.given is not None and fact.given not in facts:
            raise DataError(
                path, raw.line(name), f"`{name}` is given `{fact.given}`, which is no fact.{near(fact.given, facts)}"
            )
    return Vocabulary(facts)


def _definition(path: Path, raw: Lines, name: str, entry: Any) -> FactDefinition:
    if not isinstance(entry, Lines):
        raise DataError(path, raw.line(name), f"`{name}` needs the keys {', '.join(sorted(NEEDED))}.")
    for key in entry:
        if key not in KEYS:
            raise DataError(path, entry.line(key), f"`{key}` is no key of a fact.{near(key, KEYS)}")
    if lacking := NEEDED - set(entry):
        raise DataError(path, raw.line(name), f"`{name}` lacks {', '.join(sorted(lacking))}.")
    if entry["type"] not in get_args(FactType):
        raise DataError(path, entry.line("type"), f"a fact is one of {', '.join(get_args(FactType))}.")
    if entry["absence"] not in get_args(Absence):
        raise DataError(
            path, entry.line("absence"), f"absence is one of {', '.join(get_args(Absence))} (quote 'false')."
        )
    values = entry.get("values")
    return FactDefinition(
        name=name,
        type=entry["type"],
        means=entry["means"],
        absence=entry["absence"],
        ask=entry["ask"],
        fhir=entry["fhir"],
        unit=entry.get("unit"),
        values=tuple(str(v) for v in values) if values else None,
        given=entry.get("given"),
        logic=entry.get("logic"),
    )


def near(word: object, known: Any) -> str:
    """' Did you mean `x`?' for the closest known word, or nothing."""
    close = difflib.get_close_matches(str(word), [str(k) for k in known], n=1, cutoff=0.7)
    return f" Did you mean `{close[0]}`?" if close else ""
