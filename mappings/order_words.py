"""The words of orders (order_words.yaml): patterns for modality, region and technique, and a text made plain."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from criteria.catalogue import load_studies
from criteria.errors import DataError
from criteria.reading import read_yaml
from mappings.attested import vocabulary

WORDS = Path(__file__).parent / "order_words.yaml"
FACTS = {
    "modality": "order.modality",
    "region": "order.body_region",
    "tracer": "order.tracer",
    "side": "order.laterality",
    "technique": "order.procedure_type",
}
LISTS = ("not_imaging", "imaging", "reason", "contrast_open", "elsewhere", "spine_level_unsaid", "guidance", "enteric")
KEYS = (*LISTS, *FACTS, "base", "spelling", "families")
LONGEST = 1000
"""Characters of text that are read: a study is named in a line."""
_EXAMPLES = re.compile(r"\(\s*e\.?g\.?,[^)]*\)|\(eg [^)]*\)|\(excluding [^)]*\)")
_DOTTED = re.compile(r"\b(?:[a-z]\.){2,}")
_LEVELS = re.compile(
    r"\b([ctdl])((?: ?(?:/|,|&|-|\band\b) ?(?:and |& )?[ctdl]\b)+) ?-?(?=spines?\b|sp\b)|\b(ctl|tl|dl)(?=[ -]?spine)"
)
_TIDY = (
    (re.compile(r"\+ ?/ ?-"), " with or without "),
    (re.compile(r"\bw/? ?or ?w/?o\b"), " with or without "),
    (re.compile(r"\bc ?- ?(?:/|and|&|then)? ?c ?\+"), " without with contrast "),
    (re.compile(r"\bc ?\+(?! ?[a-z])"), " with contrast "),
    (re.compile(r"(?<=\w )c ?-(?= *(?:$|[;,.)]))"), " without contrast "),
    (re.compile(r"\+"), " and "),
    (re.compile(r"_"), " "),
    (re.compile(r"(?<=\bct )(?:cap|c ?/ ?a ?/ ?p)\b"), "chest abdomen pelvis"),
    (re.compile(r"\bthoraco[ -]?lumbar\b"), "thoracic lumbar"),
    (re.compile(r"\bcervico[ -]?thoracic\b"), "cervical thoracic"),
    (re.compile(r"\bw ?/ ?wo\b|\bw ?/ ?w ?/ ?o\b|\bwwo\b|\bw&wo\b"), " with without "),
    (re.compile(r"\bwo ?/ ?w\b|\bw ?/ ?o ?/ ?w\b|\bwow\b"), " without with "),
    (
        re.compile(r"\bnon-? ?con(trast)?\b|\bno (iv |dye |)contrast\b|\bunenhanced\b|\bnon-? ?enhanced\b"),
        " without contrast ",
    ),
    (re.compile(r"\bw ?/ ?o(ut)?\b|\bwo\b|\bw o\b"), " without "),
    (re.compile(r"\bw ?/|\bw\b"), " with "),
    (re.compile(r"\b(c|t|l|d|ls|l/s|si|sp)-(?=spine|joint)"), r"\1 "),
    (re.compile(r"(?<=[a-z])-(?=[a-z])|(?<=[a-z0-9])-(?=[a-z0-9])"), " "),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True, slots=True)
class Words:
    """order_words.yaml, as patterns."""

    lists: Mapping[str, re.Pattern[str]]
    modality: Mapping[str, re.Pattern[str]]
    region: Mapping[str, re.Pattern[str]]
    side: Mapping[str, re.Pattern[str]]
    tracer: Mapping[str, re.Pattern[str]]
    technique: Mapping[str, tuple[frozenset[str], re.Pattern[str]]]
    base: Mapping[str, tuple[str, re.Pattern[str]]]
    spelling: Mapping[str, str]
    families: tuple[tuple[int, int, str], ...]


def plain(text: str) -> str:
    """The text in lower case, abbreviations of contrast written out, slips of spelling mended."""
    text = _EXAMPLES.sub(" ", text.casefold()[:LONGEST])
    text = _DOTTED.sub(lambda m: m[0].replace(".", ""), text)
    text = _LEVELS.sub(_each_level, text)
    for pattern, instead in _TIDY:
        text = pattern.sub(instead, text)
    mended = load_words().spelling
    return re.sub(r"[a-z]{6,}", lambda m: mended.get(m[0], m[0]), text).strip()


def _each_level(match: re.Match[str]) -> str:
    """``c/t/l spine`` and ``tl spine`` name each level."""
    letters = re.findall(r"\b[ctdl]\b", match[0]) if match[1] else list(match[3])
    return " spine ".join(letters) + " "


@functools.cache
def load_words(path: Path = WORDS) -> Words:
    """order_words.yaml, checked. Raises `DataError`."""
    raw = read_yaml(path)
    for key in raw:
        if key not in KEYS:
            raise DataError(path, raw.line(key), f"`{key}` is no key; known: {', '.join(KEYS)}.")
    for key, fact in FACTS.items():
        for name in raw[key]:
            if name not in (vocabulary()[fact].values or ()):
                raise DataError(path, raw[key].line(name), f"`{name}` is no value of {fact}.")
    bases = {s.base for s in load_studies().studies.values()}
    for base in raw["base"]:
        if base not in bases:
            raise DataError(path, raw["base"].line(base), f"`{base}` is no base study of studies.yaml.")
    return Words(
        lists={k: _any(path, raw[k]) for k in LISTS},
        modality={k: _any(path, v) for k, v in raw["modality"].items()},
        region={k: _any(path, v) for k, v in raw["region"].items()},
        side={k: _any(path, v) for k, v in raw["side"].items()},
        tracer={k: _any(path, v) for k, v in raw["tracer"].items()},
        technique={k: (frozenset(v["modalities"]), _any(path, v["words"])) for k, v in raw["technique"].items()},
        base={k: (v["modality"], _any(path, v["words"])) for k, v in raw["base"].items()},
        spelling=dict(_slips(raw["spelling"]["words"], frozenset(raw["spelling"]["other_words"]))),
        families=tuple(_families(path, raw["families"])),
    )


def _slips(spelled: Sequence[str], others: frozenset[str]) -> Iterable[tuple[str, str]]:
    """Every text that is one letter away from one of the words: left out, doubled, wrong or changed places."""
    known = others | set(spelled)
    letters = "abcdefghijklmnopqrstuvwxyz"
    for word in spelled:
        cuts = [(word[:n], word[n:]) for n in range(len(word) + 1)]
        slips = {a + b[1:] for a, b in cuts if b} | {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
        slips |= {a + c + b[1:] for a, b in cuts if b for c in letters} | {a + c + b for a, b in cuts for c in letters}
        yield from ((slip, word) for slip in slips - known)


def _families(path: Path, raw: Any) -> Iterable[tuple[int, int, str]]:
    for study, ranges in raw.items():
        if study not in load_studies().studies:
            raise DataError(path, raw.line(study), f"`{study}` is no study id of studies.yaml.")
        for low, high in (str(held).split("-") for held in ranges):
            yield int(low), int(high), study


def _any(path: Path, patterns: Sequence[str]) -> re.Pattern[str]:
    try:
        return re.compile(r"\b(?:" + "|".join(patterns) + ")")
    except re.error as error:
        raise DataError(path, None, f"`{patterns}` is no regular expression: {error}.") from None
