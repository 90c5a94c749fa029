"""Codings: which code system and which code, whatever alias the client writes the system with (codes/systems.csv)."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

from criteria.errors import DataError
from mappings.fields import mapping, objects, words
from mappings.kept import Kept

SYSTEMS = Path(__file__).parent / "codes" / "systems.csv"
COLUMNS = ["uri", "name", "kind", "source"]
KINDS = ("canonical", "alias")
_CPT = re.compile(r"\d{5}|\d{4}[A-Z]")
_HCPCS = re.compile(r"[A-V]\d{4}")
_MODIFIED = re.compile(r"((?:\d{5}|\d{4}T|[A-V]\d{4}))[\s\-]+([A-Z0-9]{2}(?:[\s\-,]+[A-Z0-9]{2})*)")


_OID = re.compile(r"[012](\.\d+)+")
Made = TypeVar("Made")
_met: ContextVar[set[str] | None] = ContextVar("met", default=None)


Pairs = tuple[tuple[str, str], ...]
"""(system, code) of each coding of a concept."""
Written = tuple[str | None, tuple[tuple[str | None, str | None, str | None], ...]]
"""A CodeableConcept as the client writes it: its text, and system, code and display of its codings."""


class Concept(dict[str, Any]):
    """A CodeableConcept that many charts share, with what is made of it each time; it is never changed."""

    __slots__ = ("aliases", "codes", "made", "pairs", "written")

    def __init__(self, held: dict[str, Any]) -> None:
        super().__init__(held)
        self.pairs, self.aliases = read_codings(held)
        self.written = written(held)
        self.codes = frozenset(code for coding in objects(held.get("coding")) if (code := words(coding.get("code"))))
        """Whatever their system."""
        self.made: dict[Any, Any] = {}

    def once(self, read: Callable[[Concept], Made]) -> Made:
        """What a reader makes of it by our tables alone: it reads it once, and the aliases are noted each time."""
        if self.aliases:
            note_aliases(self.aliases)
        if read not in self.made:
            self.made[read] = read(self)
        held: Made = self.made[read]
        return held


def once(concept: Any, read: Callable[[Any], Made]) -> Made:
    """`Concept.once`, and for what is none of them read anew."""
    return concept.once(read) if type(concept) is Concept else read(concept)


def codings(concept: Any) -> Pairs:
    """The (system, code) pairs of a CodeableConcept (or a Coding), in its order, each once.

    ``system`` is our short name, or '' for a local or absent one. CPT and HCPCS codes are told by their shape when the
    client mixes the two up; modifiers after the code (``72148-26``) are cut off. Whatever is not FHIR yields nothing.
    """
    if not concept:
        return ()
    pairs, aliases = (concept.pairs, concept.aliases) if type(concept) is Concept else read_codings(concept)
    if aliases:
        note_aliases(aliases)
    return pairs


def read_codings(concept: Any) -> tuple[Pairs, tuple[str, ...]]:
    """The `codings`, and the aliases that their systems were written with."""
    try:
        return READ[tuple([(c["system"], c["code"]) for c in concept["coding"]])]
    except (KeyError, TypeError):  # something is missing, or is not as FHIR has it
        return READ[_whatever_is_there(concept)]


def written(concept: Any) -> Written:
    """A concept as it is written, to look up what is kept of it. Raises `TypeError` where it is not as FHIR has it."""
    if type(concept) is Concept:
        return concept.written
    try:
        held = tuple([(c.get("system"), c.get("code"), c.get("display")) for c in concept.get("coding", ())])
        return concept.get("text"), held
    except AttributeError:
        raise TypeError("it is no concept") from None


def concept_of(held: Written) -> dict[str, Any]:
    """The concept that is written so."""
    text, listed = held
    return {"text": text, "coding": [{"system": s, "code": c, "display": d} for s, c, d in listed]}


def said(concept: Written) -> list[str]:
    """The text and the displays of a concept as it is written."""
    text, listed = concept
    return [name for name in (text, *(display for _, _, display in listed)) if name is not None]


def _whatever_is_there(concept: Any) -> Pairs:
    held = concept.get("coding", concept) if isinstance(concept, dict) else concept
    listed = (held,) if isinstance(held, dict) else held if isinstance(held, list) else ()
    return tuple((words(c.get("system")), _text(c.get("code"))) for c in listed if isinstance(c, dict))


def _read(pairs: Pairs) -> tuple[Pairs, tuple[str, ...]]:
    """The pairs with our names, and the aliases that their systems were written with."""
    read = [read_coding(*pair) for pair in pairs]
    return tuple(dict.fromkeys(p for p, _ in read if p[1])), tuple(alias for _, alias in read if alias)


READ = Kept(_read)


def read_coding(system: str | None, code: str | None) -> tuple[tuple[str, str], str]:
    """Our short name and the code, and the alias that the system was written with. Raises `TypeError` for a lack."""
    if system is None or code is None:
        raise TypeError("a part is missing")
    name, alias = _named(system)
    return _by_shape(name, code.strip()), alias


def note_aliases(aliases: Iterable[str]) -> None:
    """For whom `watch_aliases`."""
    if (met := _met.get()) is not None:
        met.update(aliases)


def modifiers(concept: Any) -> frozenset[str]:
    """CPT and HCPCS modifiers written after a procedure code: ``73721-RT`` -> {RT}."""
    found: set[str] = set()
    for coding in objects(mapping(concept).get("coding")):
        if match := _MODIFIED.fullmatch(_text(coding.get("code")).upper()):
            found.update(re.split(r"[\s\-,]+", match[2]))
    return frozenset(found)


def short_name(system: Any) -> str:
    """Our short name of a code system URI, OID or other name; '' when it is none of ours."""
    name, alias = _named(system) if isinstance(system, str) else ("", "")
    if alias:
        note_aliases((alias,))
    return name


def _named(system: str) -> tuple[str, str]:
    """Our short name and, where it is not written as the table has it, how."""
    written = system.strip().partition("|")[0]
    uri = written.rstrip("/").casefold()
    if _OID.fullmatch(uri):
        uri = f"urn:oid:{uri}"
    found = systems().get(uri)
    if found is None:
        return "", ""
    name, alias, listed = found
    return name, listed if alias else "" if written == listed else f"{listed} (another spelling)"


def watch_aliases() -> set[str]:
    """The aliases of code systems that are met from now on in this thread, as systems.csv writes them; it fills as
    resources are read."""
    met: set[str] = set()
    _met.set(met)
    return met


def _by_shape(system: str, code: str) -> tuple[str, str]:
    if system in ("cpt", "hcpcs"):
        plain = code.upper()
        if match := _MODIFIED.fullmatch(plain):
            plain = match[1]
        if _CPT.fullmatch(plain):
            return "cpt", plain
        return ("hcpcs" if _HCPCS.fullmatch(plain) else system), plain
    if system == "icd10cm":
        return system, code.upper()
    return system, code


def _text(code: Any) -> str:
    """A code as text; some clients send numbers."""
    return str(code) if isinstance(code, int) and not isinstance(code, bool) else words(code)


@functools.cache
def systems(path: Path = SYSTEMS) -> Mapping[str, tuple[str, bool, str]]:
    """By name as compared: our short name, whether it is an alias, and the name as the table writes it."""
    out: dict[str, tuple[str, bool, str]] = {}
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [(n, next(csv.reader([line]))) for n, line in enumerate(lines, 1) if line and not line.startswith("#")]
    if not rows or rows[0][1] != COLUMNS:
        raise DataError(path, rows[0][0] if rows else 1, f"the first line must be {','.join(COLUMNS)}.")
    for n, row in rows[1:]:
        if len(row) != len(COLUMNS) or not all(row):
            raise DataError(path, n, f"a line has {len(COLUMNS)} filled cells: {', '.join(COLUMNS)}.")
        if row[2] not in KINDS:
            raise DataError(path, n, f"`{row[2]}` is none of {', '.join(KINDS)}.")
        uri = row[0].casefold().rstrip("/")
        if uri in out:
            raise DataError(path, n, f"`{row[0]}` stands twice; keep one.")
        out[uri] = row[1], row[2] == "alias", row[0]
    return out
