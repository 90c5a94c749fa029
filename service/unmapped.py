"""Count what orders and charts in files hold that means nothing to us.

Phrases are free text: they are told because the caller asked about files of his own. Numbers, dates among them, are
masked and long phrases cut. A name within a phrase cannot be told from other words, so what is printed stays with
whoever may read the files; nothing of it is stored or logged.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mappings.fields import mapping, objects, target, words
from mappings.unmapped import CHART, Sighting, in_chart, in_order
from service.files import Held, Json, UnreadableFile, read_file

LONGEST = 80
"""Characters of a phrase that are kept."""
BAD_NAMED = 20
"""Faults that are named; more are counted."""
_LEVEL = r"[ctls]\d{1,2}(?:\s*[-/]\s*[ctls]?\d{1,2})?"
_NUMBER = re.compile(rf"\b({_LEVEL})\b|\d+(?:[.,:/-]\d+)*", re.IGNORECASE)

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Seen:
    """One code or phrase: how often, in which files, for whom, and under which display most."""

    times: int = 0
    files: set[int] = field(default_factory=set)
    patients: set[str] = field(default_factory=set)
    displays: Counter[str] = field(default_factory=Counter)

    @property
    def display(self) -> str:
        return self.displays.most_common(1)[0][0] if self.displays else ""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What is counted: ``kind`` is reason, order or chart:<type>; a phrase has neither system nor code."""

    kind: str
    standing: str
    system: str = ""
    code: str = ""
    phrase: str = ""


@dataclass(slots=True)
class Tally:
    """The sums. ``systems``: every code system as it was written."""

    files: int = 0
    orders: int = 0
    resources: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)
    seen: dict[Key, Seen] = field(default_factory=dict)
    systems: Counter[str] = field(default_factory=Counter)

    def most(self, kind: str, standing: str) -> list[tuple[Key, Seen]]:
        """The most frequent first."""
        some = [(k, s) for k, s in self.seen.items() if (k.kind, k.standing) == (kind, standing)]
        return sorted(some, key=lambda one: (-one[1].times, one[0]))

    @property
    def kinds(self) -> list[str]:
        """Reasons, orders, then the chart by type."""
        met = {key.kind for key in self.seen}
        return [kind for kind in ("reason", "order", *(f"chart:{name}" for name in CHART)) if kind in met]

    def add(self, sighting: Sighting, file: int, who: str) -> None:
        for code in sighting.codes:
            key = Key(sighting.kind, sighting.standing, code.system, code.code or "(no code)")
            self._count(key, file, who, masked(code.display))
        for phrase in sighting.phrases:
            self._count(Key(sighting.kind, sighting.standing, phrase=masked(phrase)), file, who)

    def _count(self, key: Key, file: int, who: str, display: str = "") -> None:
        seen = self.seen.setdefault(key, Seen())
        seen.times += 1
        seen.files.add(file)
        seen.patients.add(who)
        if display:
            seen.displays[display] += 1


def tally(files: Iterable[Path], progress: Progress | None = None) -> Tally:
    """Read the files one by one; what cannot be read is named and the rest goes on."""
    files, sums = list(files), Tally()
    for n, path in enumerate(files):
        whole = False
        for held in read_file(path):
            if isinstance(held, UnreadableFile):
                sums.faults.append((path.name, str(held)))
            else:
                _count(sums, held, n)
                whole = True
        sums.files += whole
        if progress:
            progress(n + 1, len(files))
    return sums


def masked(phrase: str) -> str:
    """A phrase to count by: one case and one blank, numbers as # (levels of the spine stay), cut to size."""
    plain = " ".join(phrase.casefold().split())
    return _NUMBER.sub(lambda match: match[1] or "#", plain)[:LONGEST]


def _count(sums: Tally, held: Held, file: int) -> None:
    records = held.records
    for order in held.orders:
        sums.orders += 1
        _see(sums, order, ("code", "reasonCode"), in_order(order, records), file)
    for resource in held.chart:
        sums.resources += 1
        _see(sums, resource, CHART.get(resource["resourceType"], ()), in_chart(resource), file)


def _see(sums: Tally, resource: Json, fields: Iterable[str], sightings: Iterable[Sighting], file: int) -> None:
    who = _who(resource, file)
    for sighting in sightings:
        sums.add(sighting, file, who)
    for concept in (c for name in fields for c in objects(resource.get(name))):
        sums.systems.update(words(coding.get("system")) for coding in objects(mapping(concept).get("coding")))


def _who(resource: Mapping[str, Any], file: int) -> str:
    """The patient of a resource; where it names none, the file stands for one."""
    subject = mapping(resource.get("subject") or resource.get("patient"))
    return target(subject) or words(subject.get("reference")) or f"file {file}"
