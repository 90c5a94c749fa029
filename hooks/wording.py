"""Every sentence that a clinician may read, from wording.yaml."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.ratings import Because
from criteria.reading import Lines, read_yaml
from criteria.vocabulary import near
from hooks.plans import ANSWERS

WORDING = Path(__file__).parent / "wording.yaml"
SECTIONS = {"sentences", "records", "presumed"}
SENTENCE = {"text", "limit", "slots"}
SUMMARY = 139
"""The longest summary: CDS Hooks asks for less than 140 characters."""

NEEDED = frozenset(
    {f"because.{b.value}" for b in Because}
    | {
        f"summary.{k}"
        for k in (
            "change",
            "recode",
            "remove",
            "reconsider",
            "requirement",
            "safety",
            "safety-change",
            "ask-one",
            "ask-many",
            "ask-reason",
            "ask-reason-unmapped",
            "ask-study",
            "ask-none",
            "appropriate",
            "appropriate-safety",
            "pediatric",
            "other-guideline",
            "scope",
            "add",
            "failed",
        )
    }
    | {
        f"heading.{k}"
        for k in (
            "alternatives",
            "asks",
            "presumes",
            "states",
            "why",
            "notes",
            "missing",
            "unmet",
            "found",
            "reasons",
            "devices",
        )
    }
    | {f"alternative.{k}" for k in ("appropriate", "needs-information", "other", "delete", "why")}
    | {f"alternative.{k}" for k in ("create", "create-if")}
    | {f"suggestion.{k}" for k in ("update", "update-asks", "delete", "create", "answer")}
    | {f"action.{k}" for k in ("update", "rate", "delete", "create", "answer")}
    | {f"link.{k}" for k in ("app", "guideline", "consult")}
    | {f"coverage.{k}" for k in (*ANSWERS, "technical")}
    | {
        "order",
        "order-reason",
        "order-unnamed",
        "no-alternative",
        "provisional",
        "why",
        "why-plain",
        "note-unchecked",
        "note-section",
        "unread",
        "unread-other",
        "set-aside",
        "edition",
        "edition-plain",
        "source",
        "notice.medicare",
        "attestation",
        "failed",
        "question-plain",
        "ask-proposed",
        "answer-yes",
        "answer-no",
        "reason-proposed",
        "unmet",
        "unmet-found",
        "unmet-silent",
        "found-yes",
        "found-no",
        "found-note",
        "found-value",
        "device",
        "device-unnamed",
    }
)


@dataclass(frozen=True, slots=True)
class Wording:
    """One language. ``records`` names resource types; ``presumed`` facts whose presumption has words of its own."""

    sentences: Mapping[str, str]
    limits: Mapping[str, int]
    records: Mapping[str, str]
    presumed: Mapping[str, str]

    def say(self, key: str, **slots: str) -> str:
        """The sentence with its placeholders filled; shortened placeholders keep it within its limit.

        The values are put in as they are: escape them before when the sentence is Markdown.
        """
        text, limit = self.sentences[key], self.limits[key]
        said = text.format(**slots)
        if len(said) <= limit or not slots:
            return said
        room = max(0, limit - len(text.format(**dict.fromkeys(slots, ""))))
        return text.format(**_shortened(slots, room, [n for _, n, _, _ in string.Formatter().parse(text) if n]))

    def __contains__(self, key: object) -> bool:
        return key in self.sentences


def _shortened(slots: Mapping[str, str], room: int, used: list[str]) -> dict[str, str]:
    """Cut the longest values first, evenly, until all fit into ``room`` characters."""
    share = {n: len(slots[n]) for n in used}
    while sum(share[n] for n in used) > room and max(share.values()) > 1:
        longest = max(share, key=lambda n: share[n])
        share[longest] -= 1
    return {n: v if len(v) <= share.get(n, len(v)) else v[: share[n] - 1].rstrip() + "…" for n, v in slots.items()}


@cache
def wording(language: str = "en", path: Path = WORDING) -> Wording:
    """The sentences of one language, English when there is no such language. Raises `DataError`."""
    raw = read_yaml(path)
    if not isinstance(raw, Lines) or "en" not in raw or "never" not in raw:
        raise DataError(path, 1, "the file needs the key `never` and one key per language, `en` among them.")
    never = [re.compile(rf"\b{word}\w*", re.IGNORECASE) for word in raw["never"]]
    read = {name: _language(path, entry, never) for name, entry in raw.items() if name != "never"}
    return read.get(language, read["en"])


def _language(path: Path, entry: Any, never: list[re.Pattern[str]]) -> Wording:
    if not isinstance(entry, Lines) or set(entry) != SECTIONS:
        raise DataError(path, None, f"a language needs exactly the keys {', '.join(sorted(SECTIONS))}.")
    sentences = entry["sentences"]
    for key, sentence in sentences.items():
        line = sentences.line(key)
        if key not in NEEDED:
            raise DataError(path, line, f"`{key}` is no sentence that a card uses.{near(key, NEEDED)}")
        _check(path, line, key, sentence)
    if lacking := NEEDED - set(sentences):
        raise DataError(path, entry.line("sentences"), f"these sentences are missing: {', '.join(sorted(lacking))}.")
    for section in ("records", "presumed"):
        if not all(isinstance(v, str) and v for v in entry[section].values()):
            raise DataError(path, entry.line(section), "every value here is text.")
    texts = {k: v["text"] for k, v in sentences.items()}
    for key, text in {**texts, **entry["records"], **entry["presumed"]}.items():
        for word in never:
            if word.search(text):
                raise DataError(path, sentences.line(key), f"`{key}` uses a word of `never`; say it another way.")
    return Wording(texts, {k: v["limit"] for k, v in sentences.items()}, entry["records"], entry["presumed"])


def _check(path: Path, line: int | None, key: str, sentence: Any) -> None:
    if not isinstance(sentence, Lines) or set(sentence) - SENTENCE or not {"text", "limit"} <= set(sentence):
        raise DataError(path, line, f"`{key}` needs `text` and `limit`, and `slots` when it has placeholders.")
    text, limit, slots = sentence["text"], sentence["limit"], sentence.get("slots", [])
    if not isinstance(text, str) or not isinstance(limit, int) or not isinstance(slots, list):
        raise DataError(path, line, f"`{key}`: text is text, limit a number, slots a list.")
    try:
        used = [(n, s, c) for _, n, s, c in string.Formatter().parse(text) if n is not None]
    except ValueError as error:
        raise DataError(path, line, f"`{key}`: a brace is not closed ({error}).") from None
    if {n for n, _, _ in used} != set(slots) or any(s or c for _, s, c in used):
        raise DataError(path, line, f"`{key}`: `slots` must list exactly the placeholders of the text.")
    if key.startswith("summary.") and limit > SUMMARY:
        raise DataError(path, line, f"`{key}`: a summary has at most {SUMMARY} characters.")
    if len(re.sub(r"\{\w+\}", "", text)) > limit - 12 * len(slots):
        raise DataError(path, line, f"`{key}`: the text leaves no room for its placeholders within {limit}.")
    if "<" in text or ">" in text:
        raise DataError(path, line, f"`{key}`: cards hold no HTML; leave out < and >.")
