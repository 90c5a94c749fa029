"""Read studies.yaml and study_codes.csv: the study catalogue and the index of its codes."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from criteria.errors import DataError
from criteria.facts import Vocabulary
from criteria.reading import Lines, read_yaml
from criteria.studies import Catalogue, Contrast, Study, System
from criteria.vocabulary import load_vocabulary, near

STUDIES = Path(__file__).parent / "studies.yaml"
CODES = Path(__file__).parent / "study_codes.csv"
COLUMNS = ["system", "code", "studies", "source"]
CONTRASTS: tuple[Contrast, ...] = get_args(Contrast)
SYSTEMS: tuple[System, ...] = get_args(System)
WORDS = {
    "without": "without contrast",
    "with": "with contrast",
    "without_and_with": "without and with contrast",
}
KEYS = {
    "name", "modality", "region", "technique", "classes", "diagnostic", "by_text", "regions", "base", "states",
    "unlisted", "investigational", "advanced", "source",
}  # fmt: skip
NEEDED = ("name", "modality", "region")


def load_studies(path: Path = STUDIES, codes: Path = CODES) -> Catalogue:
    """The catalogue, checked. Raises `DataError` naming file, line and mend."""
    return _catalogue(path, codes)


@lru_cache(maxsize=4)
def _catalogue(path: Path, codes: Path) -> Catalogue:
    raw = _mapping(path, None, read_yaml(path), "the file")
    _known(path, raw, {"sources", "modalities", "studies"}, "the file")
    modalities = _modalities(path, _mapping(path, raw.line("modalities"), raw.get("modalities"), "modalities"))
    sources = set(_mapping(path, raw.line("sources"), raw.get("sources"), "sources"))
    studies: dict[str, Study] = {}
    owners: dict[tuple[str, str], list[str]] = {}
    guests: dict[tuple[str, str], list[str]] = {}
    entries = _mapping(path, raw.line("studies"), raw.get("studies"), "studies")
    for key, entry in entries.items():
        line = entries.line(key)
        entry = _mapping(path, line, entry, f"`{key}`")
        if unknown := set(entry.get("source", ())) - sources:
            raise DataError(path, line, f"`{key}` names a source that is not listed: {', '.join(sorted(unknown))}.")
        for study, copy in _studies(path, key, entry, line, modalities):
            if study.id in studies:
                raise DataError(path, line, f"the study id `{study.id}` stands twice; rename one.")
            studies[study.id] = study
            for code in ((system, code) for system, codes in study.codes.items() for code in codes):
                own = not copy and not (entry.get("by_text") and code[0] in ("cpt", "hcpcs"))
                if own and code in owners:
                    raise DataError(
                        path,
                        line,
                        f"{code[0]} {code[1]} of `{study.id}` already names `{owners[code][0]}`; a code names one "
                        "study by itself: mark the other `by_text: yes`.",
                    )
                (owners if own else guests).setdefault(code, []).append(study.id)
    panels: dict[tuple[str, str], tuple[str, ...]] = {}
    undecided: dict[tuple[str, str], tuple[str, ...]] = {}
    for n, code, named, together in _further(codes):
        if strange := next((i for i in named if i not in studies), ""):
            raise DataError(codes, n, f"`{strange}` is no study of {path.name}.{near(strange, studies)}")
        if code in owners or code in panels or code in undecided:
            raise DataError(codes, n, f"{code[0]} {code[1]} stands twice; keep one.")
        if len(named) > 1:
            (panels if together else undecided)[code] = named
            continue
        (one,) = named
        system, number = code
        held = studies[one].codes
        studies[one] = replace(studies[one], codes={**held, system: (*held.get(system, ()), number)})
        owners[code] = [one]
    by_code = {code: (*owners.get(code, ()), *guests.get(code, ())) for code in {**owners, **guests}}
    index: dict[tuple[str, str | None], list[Study]] = {}
    for study in studies.values():
        for place in ((study.modality, study.region), (study.modality, None)):
            index.setdefault(place, []).append(study)
    return Catalogue(studies, by_code, panels, undecided, {place: tuple(held) for place, held in index.items()})


def _further(path: Path) -> Iterator[tuple[int, tuple[System, str], tuple[str, ...], bool]]:
    """Line, code, study ids of study_codes.csv, and whether the code asks for all of them."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [(n, next(csv.reader([line]))) for n, line in enumerate(lines, 1) if line and not line.startswith("#")]
    if not rows or rows[0][1] != COLUMNS:
        raise DataError(path, rows[0][0] if rows else 1, f"the first line must be {','.join(COLUMNS)}.")
    for n, row in rows[1:]:
        if len(row) != len(COLUMNS) or not all(row):
            raise DataError(path, n, f"a line has {len(COLUMNS)} filled cells: {', '.join(COLUMNS)}.")
        system = next((s for s in SYSTEMS if s == row[0]), None)
        if system is None:
            raise DataError(path, n, f"`{row[0]}` is no code system; known: {', '.join(SYSTEMS)}.")
        named = tuple(re.split(r" [+|] ", row[2]))
        if " + " in row[2] and " | " in row[2]:
            raise DataError(path, n, "several studies are joined by + (all of them) or by | (one of them), not both.")
        yield n, (system, row[1]), named, " + " in row[2]


def variants(catalogue: Catalogue, study: Study) -> tuple[Study, ...]:
    """The contrast variants of the same base, region and technique, those with a stated contrast first."""
    same = [
        s
        for s in catalogue.of_modality(study.modality, study.region)
        if (s.base, s.procedure_type, s.states) == (study.base, study.procedure_type, study.states)
    ]
    return tuple(sorted(same, key=lambda s: s.contrast == "not_stated"))


def _studies(
    path: Path, key: str, entry: Lines, line: int | None, modalities: Mapping[str, dict[str, Any]]
) -> Iterator[tuple[Study, bool]]:
    """The studies of one entry, with whether each is a copy for a region that the code leaves open."""
    _known(path, entry, KEYS | set(CONTRASTS), f"`{key}`")
    if missing := [k for k in NEEDED if not isinstance(entry.get(k), str)]:
        raise DataError(path, line, f"`{key}` needs {', '.join(missing)} as text.")
    modality, technique = entry["modality"], entry.get("technique", "none")
    if modality not in modalities:
        raise DataError(path, entry.line("modality"), f"`{modality}` is no modality.{near(modality, modalities)}")
    regions = ["" if entry["region"] == "none" else entry["region"], *entry.get("regions", ())]
    _value(path, entry.line("technique"), "order.procedure_type", technique)
    for region in filter(None, regions):
        _value(path, entry.line("region"), "order.body_region", region)
    given = [c for c in CONTRASTS if c in entry]
    if not given or ("not_applicable" in given and len(given) > 1):
        raise DataError(path, line, f"`{key}` needs contrast variants, or `not_applicable` alone.")
    if "not_stated" not in given and len(given) > 1:
        given.append("not_stated")
    general = modalities[modality]
    classes = {c for c in general["classes"] if entry.get("diagnostic", True) or not c.startswith("diagnostic")}
    for contrast in given:
        study = Study(
            id=key if contrast in ("not_stated", "not_applicable") else f"{key}.{contrast}",
            base=entry.get("base", key),
            name=f"{entry['name']} {WORDS.get(contrast, '')}".strip(),
            modality=modality,
            region=regions[0],
            contrast=contrast,
            codes=_codes(path, key, entry.get(contrast, Lines())),
            procedure_type=technique,
            classes=frozenset(classes | set(entry.get("classes", ()))),
            radiation=general["radiation"],
            cost=general["cost"],
            advanced=entry.get("advanced", general["advanced"]),
            investigational=entry.get("investigational", False),
            unlisted=entry.get("unlisted", False),
            states=dict(_states(path, entry)),
        )
        yield study, False
        for region in regions[1:]:
            where = region.replace("_", " ")
            yield (
                replace(
                    study, id=study.id.replace(key, f"{key}_{region}", 1), region=region, name=f"{study.name}, {where}"
                ),
                True,
            )


def _codes(path: Path, key: str, raw: Any) -> Mapping[System, tuple[str, ...]]:
    codes = _mapping(path, None, raw, f"the codes of `{key}`")
    _known(path, codes, set(SYSTEMS), f"the codes of `{key}`")
    out: dict[System, tuple[str, ...]] = {}
    for system, value in codes.items():
        listed = tuple(str(code) for code in (value if isinstance(value, list) else [value]))
        if len(set(listed)) != len(listed):
            raise DataError(path, codes.line(system), f"`{key}` lists a {system} code twice.")
        out[system] = listed
    return out


def _states(path: Path, entry: Lines) -> Iterator[tuple[str, bool | int | str]]:
    states = _mapping(path, entry.line("states"), entry.get("states", Lines()), "states")
    for fact, value in states.items():
        _value(path, states.line(fact), fact, value)
        yield fact, value


def _modalities(path: Path, raw: Lines) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for name, entry in raw.items():
        _value(path, raw.line(name), "order.modality", name)
        line = _mapping(path, raw.line(name), entry, f"`{name}`")
        if set(line) != {"radiation", "cost", "advanced", "classes"}:
            raise DataError(
                path, raw.line(name), f"`{name}` needs radiation, cost, advanced and classes, nothing else."
            )
        out[name] = dict(line)
    return out


@lru_cache(maxsize=1)
def _vocabulary() -> Vocabulary:
    return load_vocabulary()


def _value(path: Path, line: int | None, fact: str, value: Any) -> None:
    vocabulary = _vocabulary()
    if fact not in vocabulary:
        raise DataError(path, line, f"`{fact}` is no fact of facts.yaml.")
    if (values := vocabulary[fact].values) and value not in values:
        raise DataError(path, line, f"`{value}` is no value of {fact}.{near(str(value), values)}")


def _mapping(path: Path, line: int | None, raw: Any, what: str) -> Lines:
    if not isinstance(raw, Lines):
        raise DataError(path, line, f"{what} must be a mapping of keys to values.")
    return raw


def _known(path: Path, raw: Lines, keys: set[str], what: str) -> None:
    for key in raw:
        if key not in keys:
            raise DataError(path, raw.line(key), f"`{key}` is no key of {what}.{near(str(key), keys)}")
