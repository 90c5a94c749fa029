"""What the tables of free text say of a word, a phrase and a finding at a site."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from mappings.text.spelling import mend, slips
from mappings.text.tables import (
    ANYWHERE,
    Branch,
    Entry,
    Words,
    read_findings,
    read_phrases,
    read_ranks,
    read_words,
    written_out,
)
from mappings.text.tokens import Token, tokens


@dataclass(frozen=True, slots=True)
class Lexicon:
    words: Words
    phrases: Branch
    findings: Mapping[tuple[str, str], Entry]
    placed: frozenset[str]
    """Findings that have a meaning at certain sites: said of another site they mean nothing."""
    ranks: Mapping[str, float]
    spellings: tuple[Mapping[str, tuple[str, ...]], frozenset[str]]
    known: frozenset[str]
    passed: frozenset[str]
    """Words that may stand inside a phrase: the small ones and those that name a site."""

    def meaning(self, finding: str, site: str) -> Entry | None:
        """What a finding says at a site; a site without a row of its own is read as the wider one."""
        while site:
            if found := self.findings.get((finding, site)):
                return found
            site = self.words.sites.get(site, "")
        return None

    def read(self, text: str) -> list[Token]:
        """The words of a text in the spelling of the tables, abbreviations written out."""
        return written_out([_written(t, self) for t in tokens(text)], self.words.expand, self.words.begins)


@functools.cache
def lexicon() -> Lexicon:
    """The tables, read once. Raises `DataError`."""
    words = read_words()
    phrases, seen = read_phrases(words)
    known = frozenset(seen | set(words.skip) | {w for v in words.expand.values() for w in v})
    findings = read_findings(words)
    placed = frozenset(finding for finding, site in findings if site != ANYWHERE)
    sites = {w for w, node in phrases.next.items() if node.entry and node.entry.now.site and not node.entry.now.finding}
    passed = words.skip | sites
    return Lexicon(words, phrases, findings, placed, read_ranks(), slips(known, words.never), known, passed)


def _written(token: Token, lexicon: Lexicon) -> Token:
    if token.kind not in ("word", "times"):
        return token
    word = spelled(token.word, lexicon.words, lexicon.known)
    if word not in lexicon.known:
        word = spelled(mend(word, lexicon.spellings), lexicon.words, lexicon.known)
    return Token(word, token.start, token.end, token.kind)


def spelled(word: str, words: Words, known: frozenset[str]) -> str:
    """The one form in which the tables know a word: a listed variant, or the singular."""
    word = word[:-2] if word.endswith("'s") else word
    if word in words.same:
        return words.same[word]
    if word not in known and word.endswith("s") and len(word) > 3:
        for singular in (word[:-1], word[:-3] + "y" if word.endswith("ies") else word[:-2]):
            if singular in words.same or singular in known:
                return words.same.get(singular, singular)
    return word
