"""The indication catalogue (indications.yaml): the reasons for a study that some guideline has sections for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.facts import FactDefinition, Value, Vocabulary
from criteria.orders import Order
from criteria.reading import Lines, read_yaml
from criteria.vocabulary import load_vocabulary, near

INDICATIONS = Path(__file__).parent / "indications.yaml"
NEEDED = ("name", "regions", "category", "asserts", "guidelines")
KEYS = {*NEEDED, "afterwards", "suspected_as"}
GUIDELINES = frozenset(
    {
        "evicore-preface-2021",
        "general-oncology-digest",
        "spine-digest",
        "evicore-spine-2023",
        "healthhelp-cspine-mri-2025",
    }
)


@dataclass(frozen=True, slots=True)
class Indication:
    """One reason for a study.

    ``regions`` are values of order.body_region (empty: no level named), ``category`` one of order.indication_category,
    ``asserts`` the facts that it states as established, ``guidelines`` the ids of those with sections for it.
    ``afterwards`` is what remains of an injury once its acute care is over (an indication id), or None.
    ``suspected_as`` are the yes-or-no facts that make it a reason where the clinician attests one of them.
    """

    id: str
    name: str
    regions: tuple[str, ...]
    category: str
    asserts: Mapping[str, Value]
    guidelines: tuple[str, ...]
    afterwards: str | None = None
    suspected_as: tuple[str, ...] = ()


def regions_of(order: Order, named: Iterable[str], known: Mapping[str, Indication]) -> tuple[str, ...]:
    """Where the reasons of an order lie: the level a code itself names, else the regions of its indications.

    ``named`` are the recorded indications, those that come from no reason of the order included.
    """
    found: dict[str, None] = {}
    for reason in order.reasons:
        own = reason.regions or tuple(r for i in reason.indications if i in known for r in known[i].regions)
        found.update(dict.fromkeys(own))
    for name in named:
        if name not in order.indications and name in known:
            found.update(dict.fromkeys(known[name].regions))
    return tuple(found)


def load_indications(path: Path = INDICATIONS, vocabulary: Vocabulary | None = None) -> Mapping[str, Indication]:
    """All indications by id. Raises `DataError` naming file, line and mend."""
    vocabulary = vocabulary or load_vocabulary()
    raw = read_yaml(path)
    if not isinstance(raw, Lines):
        raise DataError(path, None, "write one entry per indication id.")
    known = {name: _indication(path, raw, name, entry, vocabulary) for name, entry in raw.items()}
    for name, indication in known.items():
        if indication.afterwards is not None and indication.afterwards not in known:
            raise DataError(
                path,
                raw[name].line("afterwards"),
                f"`{indication.afterwards}` is no indication.{near(indication.afterwards, known)}",
            )
    return known


def value_problem(fact: FactDefinition, value: Any) -> str | None:
    """What is wrong with ``value`` for ``fact``, as the end of a sentence; None when it fits."""
    fits = {
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "quantity": isinstance(value, int | float) and not isinstance(value, bool),
        "code": isinstance(value, str) and (fact.values is None or value in fact.values),
        "string_list": isinstance(value, list | tuple),
    }
    if fits[fact.type]:
        return None
    choice = f": one of {', '.join(fact.values)}.{near(value, fact.values)}" if fact.values else "."
    return f"`{value}` does not fit `{fact.name}`, a {fact.type}{choice}"


def _indication(path: Path, raw: Lines, name: str, entry: Any, vocabulary: Vocabulary) -> Indication:
    if not isinstance(entry, Lines):
        raise DataError(path, raw.line(name), f"`{name}` needs the keys {', '.join(NEEDED)}.")
    for key in entry:
        if key not in KEYS:
            raise DataError(path, entry.line(key), f"`{key}` is no key of an indication.{near(key, KEYS)}")
    if lacking := [key for key in NEEDED if key not in entry]:
        raise DataError(path, raw.line(name), f"`{name}` lacks {', '.join(lacking)}.")
    regions = _each_in(path, entry, "regions", vocabulary["order.body_region"].values or ())
    guidelines = _each_in(path, entry, "guidelines", GUIDELINES)
    if not guidelines:
        raise DataError(path, entry.line("guidelines"), f"`{name}` needs a guideline that has sections for it.")
    categories = vocabulary["order.indication_category"].values or ()
    if entry["category"] not in categories:
        message = f"`{entry['category']}` is no category.{near(entry['category'], categories)}"
        raise DataError(path, entry.line("category"), message)
    if not isinstance(entry["asserts"], Lines):
        raise DataError(path, entry.line("asserts"), "write `asserts` as {fact: value}, or {} for none.")
    for fact, value in entry["asserts"].items():
        line = entry["asserts"].line(fact)
        if fact not in vocabulary:
            raise DataError(path, line, f"`{fact}` is no fact of facts.yaml.{near(fact, vocabulary.facts)}")
        if problem := value_problem(vocabulary[fact], value):
            raise DataError(path, line, problem)
    suspected_as = _each_in(path, entry, "suspected_as", vocabulary.facts) if "suspected_as" in entry else ()
    for fact in suspected_as:
        if vocabulary[fact].type != "boolean":
            raise DataError(path, entry.line("suspected_as"), f"`{fact}` is no yes-or-no fact.")
    return Indication(
        id=name,
        name=str(entry["name"]),
        regions=regions,
        category=entry["category"],
        asserts=dict(entry["asserts"]),
        guidelines=guidelines,
        afterwards=entry.get("afterwards"),
        suspected_as=suspected_as,
    )


def _each_in(path: Path, entry: Lines, key: str, allowed: Any) -> tuple[str, ...]:
    values = entry[key]
    if not isinstance(values, list):
        raise DataError(path, entry.line(key), f"write `{key}` as a list.")
    for value in values:
        if value not in allowed:
            raise DataError(path, entry.line(key), f"`{value}` is not among the {key}.{near(value, allowed)}")
    return tuple(values)
