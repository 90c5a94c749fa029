"""The shape of a rule file: one criterion, one file, checked hard."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from criteria.errors import DataError
from criteria.indications import Indication
from criteria.logic import ALWAYS, All, Any_, Node, Reader, walk
from criteria.reading import Lines, read_yaml
from criteria.studies import Catalogue, Study
from criteria.vocabulary import near

Kind = Literal[
    "pathway", "prerequisite", "exclusion", "coding", "combination", "safety", "redirect", "note", "document"
]

KEYS = {
    "title", "kind", "studies", "indications", "trigger", "population", "in_force", "reference", "covers", "when",
    "unless", "rank", "suggest", "message", "binds", "spares", "pair", "refuses", "critical", "overrides", "reviewed",
    "owner", "rates", "offers", "once",
}  # fmt: skip
NEEDED = {"title", "kind", "studies", "reference", "covers", "when", "reviewed", "owner"}
MANY = 30
"""More indications than that, and a pathway is for any complaint of its field."""
SELECTORS = {"id", "base", "modality", "region", "contrast", "class", "procedure_type", "cpt"}


@dataclass(frozen=True, slots=True)
class Ages:
    """Completed years, both ends included; None is open."""

    at_least: int | None = None
    at_most: int | None = None

    def hold(self, age: int) -> bool:
        return (self.at_least is None or age >= self.at_least) and (self.at_most is None or age <= self.at_most)


@dataclass(frozen=True, slots=True)
class Pair:
    """The other study that a combination rule speaks of, and which of the two is refused."""

    studies: frozenset[str]
    same_region: bool
    refuses: Literal["later", "this"]


@dataclass(frozen=True, slots=True)
class Local:
    """What a site made of a rule (criteria.overlay), with who answers for it: a role, the day, and why."""

    criterion: str
    what: Literal["changed", "silenced", "added"]
    author: str
    date: dt.date
    reason: str

    def __str__(self) -> str:
        return f"{self.what} at this site on {self.date} by {self.author}: {self.reason}"


@dataclass(frozen=True, slots=True, eq=False)
class Criterion:
    """One rule. ``id`` is ``<guideline>/<file name>``; ``studies`` are ids of the catalogue; ``indications`` empty and
    ``trigger`` None on a pathway means any recorded indication that the guideline covers."""

    id: str
    guideline: str
    file: Path
    title: str
    kind: Kind
    studies: tuple[str, ...]
    section: str
    rows: tuple[str, ...]
    when: Node
    unless: Node | None = None
    trigger: Node | None = None
    once: Node | None = None
    """What must be on record before an indication calls the pathway (an operation, before what follows operations)."""
    indications: frozenset[str] = frozenset()
    ages: Ages | None = None
    start: dt.date = dt.date.min
    end: dt.date | None = None
    rank: int = 1
    suggest: tuple[str, ...] = ()
    same_study: Mapping[str, str] = field(default_factory=dict)
    """`suggest: {contrast: ...}`: for each study of the rule the same one with that contrast."""
    offers: frozenset[str] | None = None
    """A pathway for whatever is ordered: which of its studies it recommends, to an order of the same region (None: all,
    to any order)."""
    message: str = ""
    binds: tuple[str, ...] = ()
    spares: tuple[str, ...] = ()
    pair: Pair | None = None
    critical: bool = False
    overrides: bool = False
    rates: bool = True
    """False for a safety rule that only speaks on the card."""
    reviewed: dt.date = dt.date.min
    owner: str = ""
    local: Local | None = None
    """Set where the site changed or added the rule."""

    @property
    def for_any_complaint(self) -> bool:
        """True for a pathway that any complaint may take, such as a red flag, rather than one for this indication."""
        return len(self.indications) > MANY

    @property
    def for_safety(self) -> bool:
        """True for a prerequisite that holds too where only the safety rules of its guideline speak."""
        return "safety" in self.binds

    def suggests(self, study: str) -> tuple[str, ...]:
        """What to offer when the rule fires for a study, best first."""
        same = self.same_study.get(study)
        return (same, *self.suggest) if same else self.suggest

    def in_force(self, on: dt.date) -> bool:
        return self.start <= on and (self.end is None or on <= self.end)


def requirement(prerequisite: Criterion) -> Node:
    """A prerequisite as a clause: what nobody can be asked about is a note, not a bar."""
    when, unless = prerequisite.when, prerequisite.unless
    inner = Any_((unless, when)) if unless is not None else when
    return All((inner,), says=prerequisite.title, rows=prerequisite.rows, missing="bar")


def select(raw: Any, catalogue: Catalogue, fault: Any, line: int | None) -> tuple[str, ...]:
    """Study ids that a ``studies:`` list names: ids, base names, classes, or mappings of what they must be."""
    if raw == "any":
        return tuple(s.id for s in catalogue.studies.values())
    out: dict[str, None] = {}
    for item in raw if isinstance(raw, list) else [raw]:
        key = repr(item)
        if key not in catalogue.selected:
            catalogue.selected[key] = tuple(s.id for s in catalogue.studies.values() if _matches(s, item, fault, line))
        found = catalogue.selected[key]
        if not found:
            known = {s.id for s in catalogue.studies.values()} | {s.base for s in catalogue.studies.values()}
            raise fault(line, f"`{item}` is no study of the catalogue.{near(item, known)}")
        out.update(dict.fromkeys(found))
    return tuple(out)


def _matches(study: Study, item: Any, fault: Any, line: int | None) -> bool:
    if isinstance(item, str):
        return item in (study.id, study.base) or item in study.classes
    if not isinstance(item, dict) or not item or set(item) - SELECTORS:
        raise fault(line, f"a study is an id, a base name, a class, or a mapping of {', '.join(sorted(SELECTORS))}.")
    for key, wanted in item.items():
        accepted = {str(w) for w in (wanted if isinstance(wanted, list) else [wanted])}
        held = (
            set(study.classes)
            if key == "class"
            else {*study.codes.get("cpt", ()), *study.codes.get("hcpcs", ())}
            if key == "cpt"
            else {str(getattr(study, key))}
        )
        if not held & accepted:
            return False
    return True


def read_criterion(
    path: Path,
    guideline: str,
    catalogue: Catalogue,
    reader: Reader,
    indications: Mapping[str, Indication],
    start: dt.date,
    raw: Any = None,
    name: str = "",
) -> Criterion:
    """One rule file, or the rule ``name`` that stands in ``path`` as ``raw``. Raises `DataError` with line and mend."""
    raw = read_yaml(path) if raw is None else raw
    if not isinstance(raw, Lines):
        raise DataError(path, 1, "a rule file is a mapping that starts with `title:`.")
    for key in raw:
        if key not in KEYS:
            raise DataError(path, raw.line(key), f"`{key}` is no key of a rule.{near(key, KEYS)}")
    if lacking := sorted(NEEDED - set(raw)):
        raise DataError(path, 1, f"the rule lacks {', '.join(f'`{k}`' for k in lacking)}.")
    if raw["studies"] == []:
        raise DataError(path, raw.line("studies"), "`studies` is empty, so the rule speaks of nothing: name a study.")
    _check_plain(raw, path)
    kind = raw["kind"]
    if kind not in get_args(Kind):
        raise DataError(
            path, raw.line("kind"), f"kind is one of {', '.join(get_args(Kind))}.{near(kind, get_args(Kind))}"
        )

    def node(key: str) -> Node | None:
        return reader.read(raw[key], raw.line(key)) if key in raw else None

    when = ALWAYS if raw["when"] == "always" else reader.read(raw["when"], raw.line("when"))
    named = tuple(_indications(raw, path, guideline, indications))
    if kind == "pathway" and not named and "trigger" not in raw:
        raise DataError(
            path, 1, "a pathway names its `indications`, or the `trigger` that must be recorded before it counts."
        )
    if "once" in raw and (kind != "pathway" or not named):
        raise DataError(path, raw.line("once"), "`once` goes with the `indications` of a pathway.")
    force = raw.get("in_force") or {}
    covers = tuple(str(r) for r in (raw["covers"] if isinstance(raw["covers"], list) else [raw["covers"]]))
    studies = select(raw["studies"], catalogue, reader.fault, raw.line("studies"))
    suggest, same_study = _suggest(raw, path, catalogue, reader, studies)
    inner = [
        r for part in (when, node("unless"), node("trigger"), node("once")) if part for n in walk(part) for r in n.rows
    ]
    return Criterion(
        id=f"{guideline}/{name or path.stem}",
        guideline=guideline,
        file=path,
        title=str(raw["title"]),
        kind=kind,
        studies=studies,
        section=str(raw["reference"]["section"]),
        rows=tuple(dict.fromkeys((*covers, *inner))),
        when=when,
        unless=node("unless"),
        trigger=node("trigger"),
        once=node("once"),
        indications=frozenset(named),
        ages=_ages(raw, path),
        start=force.get("from") or start,
        end=force.get("to"),
        rank=int(raw.get("rank", 1)),
        suggest=suggest,
        same_study=same_study,
        offers=_offers(raw, path, catalogue, reader, studies),
        message=str(raw.get("message", "")),
        binds=_names(raw.get("binds")),
        spares=_names(raw.get("spares")),
        pair=_pair(raw, path, catalogue, reader),
        critical=raw.get("critical") is True,
        overrides=raw.get("overrides") is True,
        rates=raw.get("rates") is not False,
        reviewed=raw["reviewed"],
        owner=str(raw["owner"]),
    )


def _suggest(
    raw: Lines, path: Path, catalogue: Catalogue, reader: Reader, studies: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Studies, best first; or `{contrast: ...}`, for each study of the rule the same one with that contrast.

    A study that does not exist in that form gets none (MRA of the abdomen has no plain code of its own).
    """
    suggested = raw.get("suggest")
    if not suggested:
        return (), {}
    line = raw.line("suggest")
    if not isinstance(suggested, Lines) or set(suggested) != {"contrast"}:
        return select(suggested, catalogue, reader.fault, line), {}
    forms = {(s.base, s.contrast): s.id for s in catalogue.studies.values()}
    ordered = [catalogue[s] for s in studies]
    same = {s.id: forms[form] for s in ordered if (form := (s.base, suggested["contrast"])) in forms}
    if not same or any(old == new for old, new in same.items()):
        message = (
            "`suggest: {contrast: ...}` names a contrast that the rule's studies exist with, and that none has yet."
        )
        raise DataError(path, line, message)
    return (), same


def _offers(
    raw: Lines, path: Path, catalogue: Catalogue, reader: Reader, studies: Sequence[str]
) -> frozenset[str] | None:
    if "offers" not in raw:
        return None
    line = raw.line("offers")
    named = select(raw["offers"], catalogue, reader.fault, line) if raw["offers"] else ()
    found = frozenset(named) & set(studies)
    if raw["kind"] != "pathway" or bool(found) != bool(raw["offers"]):
        raise DataError(
            path, line, "`offers` goes with a pathway and lists some of its studies: `any`, or [] for none."
        )
    return found


def _check_plain(raw: Lines, path: Path) -> None:
    """The types of what is taken over as it stands."""
    force, reference = raw.get("in_force", Lines()), raw["reference"]
    if not isinstance(reference, Lines) or set(reference) != {"section"}:
        raise DataError(path, raw.line("reference"), "reference is `{section: SP-5.1}`; the document is the guideline.")
    if not isinstance(force, Lines) or set(force) - {"from", "to"} or not all(_is_day(d) for d in force.values()):
        raise DataError(path, raw.line("in_force"), "in_force is `{from: 2024-01-01, to: 2026-12-31}`, or one of them.")
    if not _is_day(raw["reviewed"]):
        raise DataError(path, raw.line("reviewed"), "reviewed is the day of the last review, such as 2026-11-20.")
    if type(raw.get("rank", 1)) is not int:
        raise DataError(path, raw.line("rank"), "rank is a whole number: 1 for the guideline's first choice.")
    for key in ("title", "owner", "message"):
        if not isinstance(raw.get(key, ""), str):
            raise DataError(path, raw.line(key), f"{key} is text; quote what reads as a number or a date.")
    for key in ("critical", "overrides", "rates"):
        if not isinstance(raw.get(key, True), bool):
            raise DataError(path, raw.line(key), f"{key} is true or false.")


def _is_day(value: Any) -> bool:
    return type(value) is dt.date  # a time of day is no day


def _indications(raw: Lines, path: Path, guideline: str, known: Mapping[str, Indication]) -> Iterator[str]:
    """The ids; `any` is every indication the guideline covers, `any_<category>` those of one clinical field."""
    covered = [i for i in known.values() if guideline in i.guidelines]
    for name in _names(raw.get("indications")):
        if name in known:
            yield name
            continue
        found = [i.id for i in covered if name in ("any", f"any_{i.category}")]
        if not found:
            raise DataError(path, raw.line("indications"), f"`{name}` is no indication.{near(name, known)}")
        yield from found


def _names(raw: Any) -> tuple[str, ...]:
    return () if raw is None else tuple(str(r) for r in raw) if isinstance(raw, list) else (str(raw),)


def _ages(raw: Lines, path: Path) -> Ages | None:
    population = raw.get("population")
    if population is None:
        return None
    ages = population.get("age_years") if isinstance(population, Lines) else None
    if not isinstance(ages, Lines) or set(ages) - {"at_least", "at_most"}:
        raise DataError(path, raw.line("population"), "population is `{age_years: {at_least: 18, at_most: 21}}`.")
    return Ages(ages.get("at_least"), ages.get("at_most"))


def _pair(raw: Lines, path: Path, catalogue: Catalogue, reader: Reader) -> Pair | None:
    pair = raw.get("pair")
    if pair is None:
        if "refuses" in raw:
            raise DataError(path, raw.line("refuses"), "`refuses` goes with `pair`.")
        return None
    refuses = raw.get("refuses", "later")
    if refuses not in ("later", "this") or not isinstance(pair, Lines) or set(pair) - {"with", "same_region"}:
        raise DataError(
            path, raw.line("pair"), "write `pair: {with: [studies], same_region: true}` and `refuses: later` or `this`."
        )
    studies = select(pair["with"], catalogue, reader.fault, raw.line("pair"))
    return Pair(frozenset(studies), pair.get("same_region") is True, refuses)
