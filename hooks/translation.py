"""What the rules' own data says, in another language than its own: a table of phrases, and the names of studies."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.facts import FactDefinition, Vocabulary
from criteria.library import Library
from criteria.reading import Lines
from criteria.studies import Study
from criteria.vocabulary import near
from hooks.overrides import override_reasons

COLUMNS = ["kind", "key", "english", "text"]
KINDS = ("question", "name", "reason", "safety", "override")
PARTS = {"of", "contrast", "modalities", "regions", "named"}
CONTRASTS = ("without", "with", "without_and_with")


@dataclass(frozen=True, slots=True)
class Phrase:
    """One line: what ``key`` says in English, and in the language."""

    line: int
    kind: str
    key: str
    english: str
    text: str


def phrases(path: Path) -> tuple[Phrase, ...]:
    """The table of a language. Raises `DataError` naming file, line and mend."""
    return tuple(_phrases(path))


def _phrases(path: Path) -> Iterator[Phrase]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise DataError(path, None, "the file is not there.") from None
    rows = [(n, next(csv.reader([line]))) for n, line in enumerate(lines, 1) if line and not line.startswith("#")]
    if not rows or rows[0][1] != COLUMNS:
        raise DataError(path, rows[0][0] if rows else 1, f"the first line must be {','.join(COLUMNS)}.")
    seen: dict[tuple[str, str], int] = {}
    said: dict[str, Phrase] = {}
    for n, row in rows[1:]:
        if len(row) != len(COLUMNS) or not all(row):
            raise DataError(path, n, f"a line has {len(COLUMNS)} filled cells: {', '.join(COLUMNS)}.")
        if row[0] not in KINDS:
            raise DataError(path, n, f"`{row[0]}` is no kind; it is one of {', '.join(KINDS)}.{near(row[0], KINDS)}")
        phrase = Phrase(n, *row)
        if (place := (phrase.kind, phrase.key)) in seen:
            raise DataError(path, n, f"`{phrase.key}` stands twice; keep one (first in line {seen[place]}).")
        if said.setdefault(phrase.english, phrase).text != phrase.text:
            raise DataError(path, n, f"line {said[phrase.english].line} says the same English otherwise; say it alike.")
        if sorted(_numbers(phrase.english)) != sorted(_numbers(phrase.text)) and phrase.kind != "name":
            raise DataError(path, n, f"the translation of `{phrase.key}` must keep the numbers of the English.")
        seen[place] = n
        yield phrase


def _numbers(text: str) -> list[str]:
    return re.findall(r"\d+", text)


@dataclass(frozen=True, slots=True)
class StudyNames:
    """How a study is named: by its key, else from its modality and region."""

    of: str
    contrast: Mapping[str, str]
    modalities: Mapping[str, str]
    regions: Mapping[str, str]
    named: Mapping[str, str]

    def name(self, study: Study) -> str:
        contrast = self.contrast.get(study.contrast, "")
        named, region = self._named(study)
        # a copy for a region is named after its base, the region last, as in the catalogue
        return ", ".join(filter(None, (" ".join(filter(None, (named, contrast))), region)))

    def _named(self, study: Study) -> tuple[str, str]:
        key = study.id.partition(".")[0]
        if key in self.named:
            return self.named[key], ""
        region = self.regions.get(study.region, "")
        base = key.removesuffix(f"_{study.region}")
        if study.region and base in self.named:
            return self.named[base], region
        return " ".join(filter(None, (self.modalities[study.modality], self.of if region else "", region))), ""


def study_names(path: Path, raw: Any) -> StudyNames:
    if not isinstance(raw, Lines) or set(raw) != PARTS or set(raw["contrast"]) != set(CONTRASTS):
        raise DataError(path, None, f"`studies` needs {', '.join(sorted(PARTS))}; contrast has {', '.join(CONTRASTS)}.")
    return StudyNames(*(raw[p] for p in ("of", "contrast", "modalities", "regions", "named")))


def check_translation(path: Path, names: StudyNames, library: Library) -> None:
    """Everything that the data may say is translated as it stands now. Raises `DataError` naming the mend."""
    facts = library.vocabulary.facts
    expected = {("question", f.name): f.ask for f in facts.values() if f.ask}
    expected |= {("reason", i): found.name for i, found in library.indications.items()}
    expected |= {("safety", c.id): c.message for c in library.criteria if c.kind == "safety" and c.message}
    expected |= {("override", r.code): r.display for r in override_reasons()}
    optional = {("name", f.name): f.means for f in facts.values() if not f.ask}
    held = phrases(path)
    for phrase in held:
        place = (phrase.kind, phrase.key)
        now = expected.get(place) or optional.get(place)
        if now is None:
            keys = [key for kind, key in {**expected, **optional} if kind == phrase.kind]
            raise DataError(path, phrase.line, f"`{phrase.key}` is no {phrase.kind} here.{near(phrase.key, keys)}")
        if now != phrase.english:
            raise DataError(
                path, phrase.line, f"`{phrase.key}` now reads otherwise in English; translate it again: {now}"
            )
    needed = {*expected, *(("name", f.name) for f in facts.values() if _presumed(f))}
    if lacking := sorted(f"{kind} {key}" for kind, key in needed - {(p.kind, p.key) for p in held}):
        raise DataError(path, None, f"add lines for: {', '.join(lacking)}.")
    _check_studies(path.with_suffix(".yaml"), names, library.catalogue.studies.values())


def check_facts(path: Path, named: Iterable[str], vocabulary: Vocabulary) -> None:
    """What a language names are facts. Raises `DataError` naming the mend."""
    for name in named:
        if name not in vocabulary:
            raise DataError(path, None, f"`{name}` is no fact.{near(name, vocabulary.facts)}")


def _presumed(fact: FactDefinition) -> bool:
    return not fact.ask and fact.absence.startswith("presumed")


def _check_studies(path: Path, names: StudyNames, studies: Iterable[Study]) -> None:
    """Each study has a name, and two that differ in English differ here."""
    said: dict[str, str] = {}
    for study in studies:
        if study.modality not in names.modalities or (study.region and study.region not in names.regions):
            raise DataError(path, None, f"`studies` lacks the modality or region of `{study.id}`.")
        if said.setdefault(names.name(study), study.name) != study.name:
            raise DataError(path, None, f"`{study.id}` is named as another study; add its key under `named`.")
