"""Phrases of the tables found in a text: findings and sites, the longest first, with small words allowed in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mappings.text.lexicon import Lexicon
from mappings.text.tables import Branch, Entry, Says, Words
from mappings.text.tokens import BREAKS, Token

GAP = 3
"""Words that may stand inside a phrase in all: sides, grades, levels."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A phrase found: the places of its words, and what its row says."""

    places: tuple[int, ...]
    entry: Entry

    @property
    def first(self) -> int:
        return self.places[0]

    @property
    def last(self) -> int:
        return self.places[-1]


def mentions(read: Sequence[Token], lexicon: Lexicon) -> tuple[list[Mention], list[Mention]]:
    """The findings and the sites of a text, each in its order; of overlapping findings the longest stands."""
    findings: list[Mention] = []
    sites: list[Mention] = []
    for start, token in enumerate(read):
        if token.kind == "level":
            sites.append(Mention((start,), Entry(Says(site=token.word))))
            continue
        best: dict[bool, Mention] = {}
        for found in _walk(read, start, lexicon.phrases, lexicon):
            says = found.entry.now
            lone = bool(says.site) and not (says.finding or says.indications or says.facts)
            held = best.get(lone)
            if held is None or _weight(found) > _weight(held):
                best[lone] = found
        findings += [best[False]] if False in best else []
        sites += [best[True]] if True in best else []
    return _apart(findings), _apart(sites)


def _weight(found: Mention) -> tuple[int, int]:
    return len(found.places), found.first - found.last


def _walk(read: Sequence[Token], start: int, tree: Branch, lexicon: Lexicon) -> Iterator[Mention]:
    """Every phrase that begins at a word."""
    if read[start].word not in tree.next:
        return
    open_ways: list[tuple[Branch, int, tuple[int, ...], int]] = [(tree, start, (), 0)]
    while open_ways:
        node, place, held, gap = open_ways.pop()
        if node.entry and held:
            yield Mention(held, node.entry)
        if place >= len(read):
            continue
        token = read[place]
        if after := node.next.get(token.word):
            open_ways.append((after, place + 1, (*held, place), gap))
        if held and node.next and gap < GAP and (token.kind == "level" or token.word in lexicon.passed):
            open_ways.append((node, place + 1, held, gap + 1))


def _apart(found: list[Mention]) -> list[Mention]:
    taken: set[int] = set()
    out: list[Mention] = []
    for one in sorted(found, key=lambda m: (-len(m.places), m.first)):
        if taken.isdisjoint(one.places):
            taken.update(one.places)
            out.append(one)
    return sorted(out, key=lambda m: m.first)


def patient_or_therapy(read: list[Token], text: str, words: Words) -> list[Token]:
    """ "PT" is physical therapy or the patient, by the words beside it."""
    out: list[Token] = []
    mixed = text != text.upper()
    for i, token in enumerate(read):
        if token.word != "pt":
            out.append(token)
            continue
        before = read[i - 1].word if i else "."
        after = read[i + 1].word if i + 1 < len(read) else "."
        capital = mixed and text[token.start : token.end] == "PT"
        opens = before in BREAKS
        if opens and not capital:
            therapy = after in ("times", "for", "failed") and not any(t.word == "pt" for t in read[i + 1 : i + 8])
        elif after in words.patient_after:
            therapy = before in words.therapy_surely_before
        else:
            therapy = capital or before in words.therapy_before or after in words.therapy_after
        out.append(replace(token, word="physiotherapy" if therapy else "patient"))
    return out
