"""Which rules judge: those that are shipped, a folder of rules, with or without a site's overlay and policies."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import shutil
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from criteria import Library, load_library
from criteria.coverage import fingerprint
from criteria.errors import DataError
from criteria.library import HERE
from criteria.logic import leaves
from criteria.overlay import apply
from criteria.policies import load_policies
from criteria.reading import read_yaml
from criteria.select import Book
from service.guidelines.clauses import conditions

SHIPPED = "shipped"


@dataclass(frozen=True, slots=True)
class Rules:
    """Where rules are read from; a worker process reads them itself. ``name`` is what reports call them."""

    name: str = SHIPPED
    home: str = ""
    overlay: str = ""
    policies: str = ""

    @property
    def stamp(self) -> str:
        """A digest of all that they are read from."""
        digest = hashlib.sha256(_shipped().encode())
        if self.home:
            digest.update(b"\0" + fingerprint(Path(self.home)).encode())
        for name in (self.overlay, self.policies):
            digest.update(b"\0" + (Path(name).read_bytes() if name else b""))
        return digest.hexdigest()[:16]

    def library(self) -> Library:
        """Raises `DataError` naming file, line and mend."""
        library = _library(Path(self.home)) if self.home else load_library()
        if self.policies:
            library = replace(library, policies=load_policies(Path(self.policies), library.guidelines))
        return apply(library, Path(self.overlay)) if self.overlay else library


def named(text: str, overlay: str = "", policies: str = "") -> Rules:
    """`shipped`, a criteria folder, the folder of one guideline, or an overlay file over what is shipped."""
    path = Path(text)
    if text == SHIPPED:
        found = Rules(SHIPPED)
    elif path.is_dir():
        found = Rules(path.resolve().name, str(path.resolve()))
    elif path.is_file():
        found = Rules(f"{SHIPPED} with {path.name}", overlay=str(path.resolve()))
    else:
        raise DataError(path, None, f"no such file or folder; name one, or `{SHIPPED}`.")
    if overlay:
        if found.overlay:
            raise DataError(path, None, "this is an overlay already: name a folder of criteria beside --overlay.")
        found = replace(found, name=f"{found.name} with {Path(overlay).name}", overlay=str(Path(overlay).resolve()))
    return replace(found, policies=str(Path(policies).resolve()) if policies else "")


def _library(home: Path) -> Library:
    """A folder like criteria/, or the folder of one guideline in place of the shipped one with its prefix."""
    if (home / "facts.yaml").exists():
        return load_library(home)
    guideline = home / "guideline.yaml"
    if not guideline.exists():
        raise DataError(home, None, "a folder of criteria holds facts.yaml, that of one guideline guideline.yaml.")
    prefix = read_yaml(guideline).get("prefix")
    shipped = {read_yaml(g).get("prefix"): g.parent.name for g in HERE.glob("guidelines/*/guideline.yaml")}
    if prefix not in shipped:
        raise DataError(guideline, None, "`prefix` is that of no shipped guideline; give a whole criteria folder.")
    with tempfile.TemporaryDirectory(prefix="imaging-cds-") as made:
        whole = Path(made) / "criteria"
        shutil.copytree(HERE, whole, ignore=shutil.ignore_patterns("*.py", "__pycache__", "*.test.yaml"))
        place = whole / "guidelines" / shipped[prefix]
        shutil.rmtree(place)
        shutil.copytree(home, place)
        try:
            return load_library(whole)
        except DataError as error:
            inner = Path(error.file)
            at = home / inner.relative_to(place) if inner.is_relative_to(place) else inner
            raise DataError(at, error.line, error.message) from None


class Standing:
    """A library with the book of rules of any day; days between which no rule changes share one."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.turns = sorted(set(turning_days(library)))

    def book(self, on: dt.date) -> Book:
        at = bisect_right(self.turns, on)
        return _book(self.library, self.turns[at - 1] if at else dt.date.min)


@functools.cache
def _shipped() -> str:
    return fingerprint(HERE)


@functools.lru_cache(maxsize=64)
def _book(library: Library, on: dt.date) -> Book:
    return Book(library, on)


def turning_days(library: Library) -> Iterator[dt.date]:
    """The days on which a guideline, a rule or a threshold begins, and those after its last."""
    spans = [(g.start, g.end) for g in library.guidelines.values()] + [(c.start, c.end) for c in library.criteria]
    for start, end in spans:
        yield start
        if end is not None and end < dt.date.max:
            yield end + dt.timedelta(days=1)
    nodes = [*library.definitions.values(), *(n for c in library.criteria for n in conditions(c))]
    for node in nodes:
        yield from (start for leaf in leaves(node) for start, _ in leaf.values if start is not None)


def latest_day(libraries: Iterable[Library]) -> dt.date:
    """The day from which everything that was written is in force."""
    return max(day for library in libraries for day in turning_days(library))


@functools.lru_cache(maxsize=4)
def standing(rules: Rules, stamp: str) -> Standing:
    """Read once per process; ``stamp`` is that of the rules when the run began."""
    if rules.stamp != stamp:
        raise DataError(Path(rules.home or rules.overlay or HERE), None, "the rules were changed while they were used.")
    return Standing(rules.library())
