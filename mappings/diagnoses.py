"""What a diagnosis code says, from codes/icd10cm.csv, snomed*.csv and fact_channels.csv: indications and facts."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from criteria.errors import DataError
from criteria.facts import FactDefinition, Value
from criteria.indications import Indication, load_indications, value_problem
from criteria.vocabulary import near
from mappings.attested import vocabulary
from mappings.kept import Kept

CODES = Path(__file__).parent / "codes"
Says = Literal["known", "suspected", "symptom", "status", "history"]
Phase = Literal["initial", "later", "delayed_union", "nonunion", "sequela"]

COLUMNS = ("code", "match", "says", "indication", "facts", "since", "source")
CHANNEL_COLUMNS = ("fact", "suspected", "reason", "chart", "recent_days", "open_days", "lasts_days", "past", "implies")
SAYS = ("known", "suspected", "symptom", "status", "history")
ICD = re.compile(r"([A-Z]\d[0-9A-Z])(?:\.?([0-9A-Z]{1,4}))?")
_SPINAL_INJURY = ("S12", "S13", "S14", "S22.0", "S23", "S24", "S32.0", "S33", "S34")
_PHASES: Mapping[str, Phase] = {
    **dict.fromkeys("ABC", "initial"),
    **dict.fromkeys("DPEFQR", "later"),
    **dict.fromkeys("GHJ", "delayed_union"),
    **dict.fromkeys("KMN", "nonunion"),
    "S": "sequela",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says when it is taken as established, its indications' asserted facts included.

    ``phase`` is the 7th character of an injury or fracture code; None where a code has none. ``note`` says how it came
    to be known where that is not our own table.
    """

    code: str
    says: Says
    indications: tuple[str, ...] = ()
    facts: Mapping[str, Value] = field(default_factory=dict)
    phase: Phase | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """How one fact counts by who says it (the legend of fact_channels.csv)."""

    suspected: str | None = None
    reason: Literal["known", "suspected", "both", "none"] = "known"
    chart: bool = True
    recent_days: int | None = None
    open_days: int | None = None
    lasts_days: int | None = None
    past: bool = False
    implies: tuple[str, ...] = ()


@functools.cache
def indications() -> Mapping[str, Indication]:
    """criteria/indications.yaml, read once."""
    return load_indications(vocabulary=vocabulary())


@functools.lru_cache(maxsize=4096)
def channel(fact: str) -> Channel:
    """The row of ``fact``, or the default: a suspicion comes from reasons and unconfirmed diagnoses alone."""
    return _channels().get(fact) or Channel(chart=not fact.endswith("_suspected"))


def of_icd10cm(code: str) -> Meaning | None:
    """What an ICD-10-CM code says; None when it is not in our table. The longest matching row wins."""
    return _OF_ICD10CM[code]


def _of_icd10cm(code: str) -> Meaning | None:
    whole = normal_icd(code)
    if whole is None:
        return None
    exact, prefixes = _icd10cm()
    row = exact.get(whole)
    for length in range(len(whole), 2, -1):
        if row:
            break
        row = prefixes.get(whole[:length].rstrip("."))
    return _in_phase(replace(row, code=whole), whole) if row else None


_OF_ICD10CM = Kept(_of_icd10cm)


def known_icd10cm(code: str) -> bool:
    """True when the code is well formed and lies in a category of ICD-10-CM."""
    whole = normal_icd(code)
    return whole is not None and whole[:3] in _categories()


def normal_icd(code: str) -> str | None:
    """``m5416`` -> ``M54.16``; None for what is not shaped like an ICD-10-CM code."""
    match = ICD.fullmatch(code.strip().upper())
    if not match:
        return None
    return f"{match[1]}.{match[2]}" if match[2] else match[1]


def of_snomed(code: str) -> Meaning | None:
    """What a SNOMED CT concept says; None when it is not in our table."""
    return _snomed().get(code)


def covered_snomed() -> tuple[str, ...]:
    """The SNOMED CT concepts of our table."""
    return tuple(_snomed())


def known_snomed(code: str) -> bool:
    """True when the concept was judged to be no guideline's business."""
    return code in _snomed_other()


def _in_phase(row: Meaning, whole: str) -> Meaning:
    """The row as the 7th character of an injury or fracture code has it: only current trauma is trauma."""
    injury = any(name.startswith(("trauma.", "fracture.")) for name in row.facts)
    if not injury or whole[0] in "ZP":
        return row
    plain = whole.replace(".", "")
    phase = _PHASES.get(plain[6]) if len(plain) == 7 else None
    facts = dict(row.facts)
    if phase != "initial":
        facts = {n: v for n, v in facts.items() if not n.startswith("trauma.") or n == "trauma.prior"}
    if phase is None or phase == "initial" or not whole.startswith(_SPINAL_INJURY):
        facts.pop("trauma.prior", None)
    if phase == "sequela":
        facts = {n: v for n, v in facts.items() if not n.startswith("fracture.")}
    if phase in ("delayed_union", "nonunion"):
        facts[f"fracture.{phase}_suspected"] = True
    left = _still(row.indications, phase)
    for name in left:
        if name not in row.indications:
            facts |= indications()[name].asserts
    return Meaning(whole, row.says, left, facts, phase)


def _still(named: tuple[str, ...], phase: Phase | None) -> tuple[str, ...]:
    """The indications that a later visit leaves: an injury becomes the pain that remains, a fracture stays one.

    What a vertebral fracture leaves that names no injury (a fatigue fracture, a collapse) is a disorder of the spine.
    """
    if phase in (None, "initial"):
        return named
    kept = [i for i in named if indications()[i].afterwards is None and not (phase == "sequela" and "fracture" in i)]
    after = dict.fromkeys(a for i in named if (a := indications()[i].afterwards))
    return tuple(kept) or tuple(after) or (("other_spinal_disorder",) if named else ())


def rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """The lines of a table with comment lines (#) and a heading; `DataError` for a wrong heading or number of cells."""
    heading = False
    for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in next(csv.reader([line]))]
        if not heading:
            if tuple(cells) != columns:
                raise DataError(path, n, f"the first line must be {','.join(columns)}.")
            heading = True
        elif len(cells) != len(columns):
            raise DataError(path, n, f"a line has {len(columns)} cells: {', '.join(columns)}.")
        else:
            yield n, cells


def read_meanings(path: Path) -> tuple[dict[str, Meaning], dict[str, Meaning]]:
    """The rows of a code table: exact codes, and prefixes. Raises `DataError` naming the line."""
    exact: dict[str, Meaning] = {}
    prefixes: dict[str, Meaning] = {}
    for n, (code, match, says, named, facts, _since, source) in rows(path, COLUMNS):
        if match not in ("exact", "prefix") or says not in SAYS or not code or not source:
            raise DataError(path, n, f"give code, source, match (exact, prefix) and says (one of {', '.join(SAYS)}).")
        if code in exact or code in prefixes:
            raise DataError(path, n, f"`{code}` stands twice; keep one line with all that it says.")
        for name in named.split():
            if name not in indications():
                raise DataError(path, n, f"`{name}` is no indication.{near(name, indications())}")
        stated: dict[str, Value] = {}
        for name in named.split():
            stated |= indications()[name].asserts
        meaning = Meaning(code, says, tuple(named.split()), stated | _stated(path, n, facts))  # type: ignore[arg-type]
        (exact if match == "exact" else prefixes)[code] = meaning
    return exact, prefixes


def _stated(path: Path, line: int, text: str) -> dict[str, Value]:
    out: dict[str, Value] = {}
    for part in text.split():
        name, _, value = part.partition("=")
        if name not in vocabulary():
            raise DataError(path, line, f"`{name}` is no fact of facts.yaml.{near(name, vocabulary().facts)}")
        out[name] = _value(path, line, vocabulary()[name], value)
    return out


def _value(path: Path, line: int, fact: FactDefinition, text: str) -> Value:
    value: Value = {"true": True, "false": False}.get(text, text)
    if fact.type in ("integer", "quantity") and re.fullmatch(r"-?\d+(\.\d+)?", text):
        value = int(text) if fact.type == "integer" else float(text)
    if problem := value_problem(fact, value):
        raise DataError(path, line, problem)
    return value


@functools.cache
def _icd10cm() -> tuple[dict[str, Meaning], dict[str, Meaning]]:
    return read_meanings(CODES / "icd10cm.csv")


@functools.cache
def _snomed() -> dict[str, Meaning]:
    return read_meanings(CODES / "snomed_cancer.csv")[0] | read_meanings(CODES / "snomed.csv")[0]


@functools.cache
def _categories() -> frozenset[str]:
    return frozenset(cells[0] for _, cells in rows(CODES / "icd10cm_categories.csv", ("category",)))


@functools.cache
def _snomed_other() -> frozenset[str]:
    return frozenset(cells[0] for _, cells in rows(CODES / "snomed_other.csv", ("code",)))


def read_everything() -> None:
    """The tables of diagnoses, which are large: before the first order, not during it."""
    for read in (_icd10cm, _snomed, _categories, _snomed_other, _channels):
        read()


@functools.cache
def _channels(path: Path = CODES / "fact_channels.csv") -> Mapping[str, Channel]:
    out: dict[str, Channel] = {}
    for n, (fact, suspected, reason, chart, recent, unsure, lasts, past, implies) in rows(path, CHANNEL_COLUMNS):
        for name in (fact, *([suspected] if suspected else []), *implies.split()):
            if name not in vocabulary():
                raise DataError(path, n, f"`{name}` is no fact of facts.yaml.{near(name, vocabulary().facts)}")
        if fact in out:
            raise DataError(path, n, f"`{fact}` stands twice; keep one.")
        if reason not in ("known", "suspected", "both", "none") or {chart, past} - {"yes", "no", ""}:
            raise DataError(path, n, "reason is known, suspected, both or none; chart and past are yes, no or empty.")
        if reason in ("suspected", "both") and not suspected:
            raise DataError(path, n, f"say which fact is the suspected reading of `{fact}`.")
        if unsure and not recent:
            raise DataError(path, n, "open_days goes with recent_days.")
        out[fact] = Channel(
            suspected=suspected or None,
            reason=reason,  # type: ignore[arg-type]
            chart=chart == "yes" or (chart == "" and not fact.endswith("_suspected")),
            recent_days=int(recent) if recent else None,
            open_days=int(unsure) if unsure else None,
            lasts_days=int(lasts) if lasts else None,
            past=past == "yes",
            implies=tuple(implies.split()),
        )
    return out
