"""Which guidelines speak for whom (policies.yaml), most specific first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import Lines, read_yaml
from criteria.vocabulary import near

KEYS = {"guidelines", "safety", "notice"}


@dataclass(frozen=True, slots=True)
class Voice:
    """One guideline as a policy uses it; ``studies`` limits it to these base studies (None: no limit)."""

    guideline: str
    studies: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """``safety``: guidelines of which only the safety rules speak. ``notice`` names a sentence of the wording that
    every card of this policy carries."""

    id: str
    voices: tuple[Voice, ...]
    safety: tuple[str, ...] = ()
    notice: str = ""
    _unlimited: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _limited: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    """By base study the guidelines that are limited to it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_unlimited", tuple(v.guideline for v in self.voices if v.studies is None))
        limited: dict[str, tuple[str, ...]] = {}
        for voice in self.voices:
            for base in sorted(voice.studies or ()):
                limited[base] = (*limited.get(base, ()), voice.guideline)
        object.__setattr__(self, "_limited", limited)

    def guidelines_for(self, base: str) -> tuple[str, ...]:
        """Who speaks to a study: the guidelines limited to it alone, else those without a limit."""
        return self._limited.get(base, self._unlimited)

    def choirs(self) -> tuple[tuple[str, ...], ...]:
        """The groups of guidelines that speak together to some study, each once."""
        return tuple(dict.fromkeys((self._unlimited, *self._limited.values())))


@dataclass(frozen=True, slots=True)
class Policies:
    by_id: Mapping[str, Policy]

    def choose(self, payers: Sequence[str]) -> Policy:
        """The first policy that a payer identifier names; `default` for an unknown or missing payer."""
        return next((self.by_id[p] for p in payers if p in self.by_id), self.by_id["default"])


def load_policies(path: Path, guidelines: Mapping[str, Any]) -> Policies:
    """policies.yaml, checked. Raises `DataError`."""
    raw: Lines = read_yaml(path)
    if "default" not in raw:
        raise DataError(path, 1, "the policy `default` is needed: it speaks where no payer is known.")
    out: dict[str, Policy] = {}
    for name, entry in raw.items():
        for key in entry:
            if key not in KEYS:
                raise DataError(path, entry.line(key), f"`{key}` is no key of a policy.{near(key, KEYS)}")
        voices = []
        for guideline in entry.get("safety", ()):
            if guideline not in guidelines:
                raise DataError(
                    path, entry.line("safety"), f"`{guideline}` is no guideline.{near(guideline, guidelines)}"
                )
        for item in entry["guidelines"]:
            guideline, studies = (item, None) if isinstance(item, str) else next(iter(item.items()))
            if guideline not in guidelines:
                raise DataError(
                    path, entry.line("guidelines"), f"`{guideline}` is no guideline.{near(guideline, guidelines)}"
                )
            voices.append(Voice(guideline, frozenset(studies) if studies else None))
        out[name] = Policy(name, tuple(voices), tuple(entry.get("safety", ())), str(entry.get("notice", "")))
    return Policies(out)
