"""The tables of free text, read and checked: words.yaml, ../codes/phrases.csv, findings.csv, ranks.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.facts import Value
from criteria.indications import value_problem
from criteria.reading import read_yaml
from criteria.vocabulary import near
from mappings.attested import vocabulary
from mappings.diagnoses import CODES, indications, rows
from mappings.text.tokens import LEVELS, Token, tokens

HERE = Path(__file__).parent
WORDS, FINDINGS, RANKS = HERE / "words.yaml", HERE / "findings.csv", HERE / "ranks.yaml"
PHRASES = CODES / "phrases.csv"
PHRASE_COLUMNS = ("phrase", "says", "past")
FINDING_COLUMNS = ("finding", "site", "says", "past")
WORD_SETS = ("skip", "never", "therapy_before", "therapy_surely_before", "therapy_after", "patient_after")
WORD_KEYS = ("same", "expand", "sites", "numbers", "units", *WORD_SETS)
ANYWHERE = "*"


@dataclass(frozen=True, slots=True)
class Says:
    """What a phrase, or a finding at a site, says."""

    indications: tuple[str, ...] = ()
    facts: Mapping[str, Value] = field(default_factory=dict)
    finding: str = ""
    site: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of phrases.csv or findings.csv: what is said now, what is left of it when it is past, and what is said
    besides where it is only suspected."""

    now: Says
    past: Says = Says()
    doubted: Says = Says()


@dataclass(slots=True)
class Branch:
    """A node of the tree of phrases."""

    next: dict[str, Branch] = field(default_factory=dict)
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """words.yaml: how words are written, and which may stand inside a phrase."""

    same: Mapping[str, str]
    expand: Mapping[tuple[str, ...], tuple[str, ...]]
    begins: frozenset[str]
    """First words of what is written out."""
    sites: Mapping[str, str]
    numbers: Mapping[str, float]
    units: Mapping[str, float]
    skip: frozenset[str]
    never: frozenset[str]
    therapy_before: frozenset[str]
    therapy_surely_before: frozenset[str]
    therapy_after: frozenset[str]
    patient_after: frozenset[str]


def written_out(
    read: list[Token], expand: Mapping[tuple[str, ...], tuple[str, ...]], begins: frozenset[str]
) -> list[Token]:
    out: list[Token] = []
    place = 0
    while place < len(read):
        if read[place].word not in begins:
            out.append(read[place])
            place += 1
            continue
        for length in (3, 2, 1):
            part = read[place : place + length]
            if instead := expand.get(tuple(t.word for t in part)):
                out += [Token(w, part[0].start, part[-1].end, "word") for w in instead]
                place += length
                break
        else:
            out.append(read[place])
            place += 1
    return out


def in_table(phrase: str, words: Words) -> tuple[str, ...]:
    """A phrase of a table as its words; levels are not for tables."""
    read = written_out(
        [Token(words.same.get(t.word, t.word), t.start, t.end, t.kind) for t in tokens(phrase)],
        words.expand,
        words.begins,
    )
    return tuple(t.word for t in read)


def read_words(path: Path = WORDS) -> Words:
    """words.yaml, checked. Raises `DataError`."""
    raw = read_yaml(path)
    if set(raw) != set(WORD_KEYS):
        raise DataError(path, 1, f"the keys are {', '.join(WORD_KEYS)}, each once.")
    same: dict[str, str] = {}
    for word, variants in raw["same"].items():
        for variant in variants:
            if variant in same:
                raise DataError(path, raw["same"].line(word), f"`{variant}` stands twice; keep one.")
            same[variant] = word
    expand: dict[tuple[str, ...], tuple[str, ...]] = {}
    for short, long in raw["expand"].items():
        instead = tuple(same.get(w, w) for w in long.split())
        key = tuple(same.get(t.word, t.word) for t in tokens(short))
        if key in expand:
            raise DataError(path, raw["expand"].line(short), f"`{short}` stands twice; keep one.")
        expand[key] = instead
    sites = {s: wider or "" for s, wider in raw["sites"].items()}
    for site, wider in sites.items():
        if wider and wider not in sites:
            raise DataError(path, raw["sites"].line(site), f"`{wider}` is no site.{near(wider, sites)}")
    for name, _ in LEVELS.values():
        if name not in sites:
            raise DataError(path, raw.line("sites"), f"the level `{name}` has to be among the sites.")
    sets = [frozenset(same.get(w, w) for w in raw[key]) for key in WORD_SETS]
    begins = frozenset(key[0] for key in expand)
    return Words(same, expand, begins, sites, dict(raw["numbers"]), dict(raw["units"]), *sets)


def read_phrases(words: Words, path: Path = PHRASES) -> tuple[Branch, set[str]]:
    """phrases.csv as a tree, and every word in it. Raises `DataError` naming the line."""
    tree, seen = Branch(), {name for name, _ in LEVELS.values()}
    for n, (phrase, says, past) in rows(path, PHRASE_COLUMNS):
        node = tree
        parts = in_table(phrase, words)
        if phrase != phrase.casefold() or not parts:
            raise DataError(path, n, f"`{phrase}` is not in small letters.")
        for word in parts:
            node = node.next.setdefault(word, Branch())
        if node.entry:
            raise DataError(path, n, f"`{phrase}` stands twice (perhaps in another spelling); keep one.")
        node.entry = _entry(path, n, says, past, words)
        seen |= set(parts)
    return tree, seen


def read_findings(words: Words, path: Path = FINDINGS) -> Mapping[tuple[str, str], Entry]:
    """findings.csv: (finding, site) -> what it says there. Raises `DataError` naming the line."""
    out: dict[tuple[str, str], Entry] = {}
    for n, (finding, site, says, past) in rows(path, FINDING_COLUMNS):
        for one in site.split():
            if one != ANYWHERE and one not in words.sites:
                raise DataError(path, n, f"`{one}` is no site of words.yaml.{near(one, words.sites)}")
            if (finding, one) in out:
                raise DataError(path, n, f"`{finding}` at `{one}` stands twice; keep one.")
            out[finding, one] = _entry(path, n, says, past, words)
    return out


def _entry(path: Path, line: int, says: str, past: str, words: Words) -> Entry:
    now = [p for p in says.split() if not p.startswith("?")]
    doubted = [p[1:] for p in says.split() if p.startswith("?")]
    return Entry(*(_says(path, line, parts, words) for parts in (now, past.split(), doubted)))


def _says(path: Path, line: int, parts: Sequence[str], words: Words) -> Says:
    finding = [p[1:] for p in parts if p.startswith("+")]
    site = [p[1:] for p in parts if p.startswith("@")]
    named = tuple(p for p in parts if p[0] not in "+@" and "=" not in p)
    for name in named:
        if name not in indications():
            raise DataError(path, line, f"`{name}` is no indication.{near(name, indications())}")
    if len(finding) > 1 or len(site) > 1:
        raise DataError(path, line, "a row has at most one finding (+) and one site (@).")
    if site and site[0] not in words.sites:
        raise DataError(path, line, f"`{site[0]}` is no site of words.yaml.{near(site[0], words.sites)}")
    facts = dict(_fact(path, line, p) for p in parts if "=" in p)
    return Says(named, facts, "".join(finding), "".join(site))


def _fact(path: Path, line: int, part: str) -> tuple[str, Value]:
    name, _, text = part.partition("=")
    if name not in vocabulary():
        raise DataError(path, line, f"`{name}` is no fact of facts.yaml.{near(name, vocabulary().facts)}")
    value: Value = {"true": True, "false": False}.get(text, text)
    if problem := value_problem(vocabulary()[name], value):
        raise DataError(path, line, problem)
    return name, value


def read_ranks(path: Path = RANKS) -> Mapping[str, float]:
    """ranks.yaml: indication -> its rank, 1 first. Raises `DataError`."""
    raw: Any = read_yaml(path)
    out: dict[str, float] = {}
    for rank, named in raw.items():
        for name in _each(named):
            if name not in indications():
                raise DataError(path, raw.line(rank), f"`{name}` is no indication.{near(name, indications())}")
            if name in out or not isinstance(rank, int | float):
                raise DataError(path, raw.line(rank), f"`{name}` stands twice, or its rank is no number.")
            out[name] = rank
    return out


def _each(named: Any) -> Iterable[str]:
    return (str(n) for n in named)
