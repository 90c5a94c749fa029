"""A line of clinical text as words with their places: levels, scores, codes and numbers are words too."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

LONGEST = 1000
"""Characters of a text that are read; a reason is a line, a note a paragraph."""
MOST = 160
"""Words that are read."""
ENDS = frozenset({".", ";", "!", "\n"})
BREAKS = ENDS | {",", "(", ")", ":", "?"}
LEVELS = {"c": ("cervical", 8), "t": ("thoracic", 12), "l": ("lumbar", 6), "s": ("sacral", 5)}
ATLANTOAXIAL = re.compile(r"c\s?[01]\s?[-/\u2013]\s?c?\s?[12]")
TITLES = frozenset({"Ms", "Mr", "Mrs"})
"""Written so they are titles: MS is a disease."""
_ABBREVIATED = frozenset({"pt", "dr", "hx", "vs", "approx", "wk", "wks", "mo", "mos", "yr", "yrs", "st", "mr", "mrs"})

_TOKEN = re.compile(
    r"""
      (?P<date>\b\d{1,4}[/-]\d{1,2}[/-]\d{2,4}\b)
    | (?P<icd>\b[a-tv-z]\d[0-9ab](?:\.[0-9a-z]{1,4}|\d[0-9a-z]{0,3})\b)
    | (?P<level>\b[ctls]\d{1,2}(?:\s?[-/\u2013]\s?[ctls]?\s?\d{1,2}){0,4}(?![\w.]\d)\b
        |\b[ctls]\s\d{1,2}\s?[-/\u2013]\s?[ctls]?\s?\d{1,2}\b)
    | (?P<score>\b\d{1,2}(?:\.\d)?[+-]?\s?(?:/|out\sof)\s?(?:10|5)\b)
    | (?P<number>\d{1,6}(?:\.\d{1,3})?)(?:\s?(?:-|\u2013|to)\s?\d{1,6}(?:\.\d{1,3})?(?![\d/]))?
    | (?P<short>\b(?:w/o|s/p|h/o|r/o|c/o|c/f|e/o|f/u|b/l|y/o|d/t|2/2|w/u|w/|l/s|c/s|t/s|p/w|d/c|f/h|n/v|o/e|h/a|u/e|l/e)
        (?![a-z]/))
    | (?P<minus>\([-\u2212]\)|(?<!\w)-ve\b)
    | (?P<times>\bx(?=\s?\d))
    | (?P<word>[^\W\d_]+(?:['\u2019][^\W\d_]+)?)
    | (?P<mark>[.,;:()\n?!+/&]|\s[-\u2013\u2014]+\s)
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word in small letters without accents, and where it stands in the text. ``kind`` names its pattern."""

    word: str
    start: int
    end: int
    kind: str


def tokens(text: str) -> list[Token]:
    """The words of a text in their order; whatever is no word of ours is left out."""
    text = text[:LONGEST]
    out: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "word"
        word = _plain(match[0])
        if match[0] in TITLES:
            continue
        if kind == "level" and (site := level(word)):
            out.append(Token(site, *match.span(), kind))
            continue
        if kind == "level":
            kind = "word"
        if kind == "number":
            word = match["number"]
        elif kind == "minus":
            word = "negative"
        elif kind == "mark":
            word = _mark(word, text, match.end(), out)
        if word:
            out.append(Token(word, *match.span(), kind))
        if len(out) == MOST:
            break
    return out


def level(word: str) -> str:
    """The part of the spine that ``C5-6`` or ``T12`` names; '' for what is no level."""
    if ATLANTOAXIAL.fullmatch(word):
        return "upper_cervical"
    letter, digits = word[0], re.match(r"\d+", word[1:].strip())
    name, most = LEVELS[letter]
    return name if digits and 1 <= int(digits[0]) <= most else ""


def _mark(mark: str, text: str, end: int, before: list[Token]) -> str:
    if mark in "/&" and mark:
        return "and"
    if mark == "+":
        return "positive"
    if mark not in BREAKS:
        return ","  # a dash that stands alone
    if mark == ".":
        inside = end < len(text) and text[end].isalnum()
        short = before and before[-1].end == end - 1 and before[-1].word in _ABBREVIATED and end < len(text)
        return "" if inside or short else mark
    return mark


def _plain(word: str) -> str:
    word = word.strip(" \t\r").replace("\u2019", "'") if word != "\n" else word
    if word.isascii():
        return word.lower()
    folded = unicodedata.normalize("NFKD", word.casefold())
    return "".join(c for c in folded if not unicodedata.combining(c))
