"""Every sentence that a clinician may read, from languages/."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.facts import FactDefinition
from criteria.ratings import Because
from criteria.reading import Lines, read_yaml
from criteria.studies import Study
from criteria.vocabulary import near
from hooks.plans import ANSWERS
from hooks.translation import StudyNames, phrases, study_names

LANGUAGES = Path(__file__).parent / "languages"
RULES = "en"
"""The language of the rules, the facts and the studies."""
SECTIONS = {"never", "sentences", "staff", "records", "presumed", "named", "units"}
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
            "ask-reason-refuted",
            "ask-reason-mistaken",
            "ask-study",
            "ask-study-open",
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
            "changes",
            "others",
            "presumes",
            "states",
            "why",
            "notes",
            "missing",
            "unmet",
            "found",
            "reasons",
            "devices",
            "told",
            "left-out",
        )
    }
    | {
        f"alternative.{k}"
        for k in ("appropriate", "needs-information", "asks", "own-questions", "other", "delete", "why")
    }
    | {f"alternative.{k}" for k in ("create", "create-if")}
    | {f"stays.{k}" for k in ("supported", "open", "first", "on-file")}
    | {f"suggestion.{k}" for k in ("update", "update-asks", "delete", "create", "answer")}
    | {f"action.{k}" for k in ("update", "rate", "unrate", "delete", "create", "answer")}
    | {f"question.{k}" for k in ("patient.age_years", "order.study")}
    | {f"link.{k}" for k in ("app", "guideline", "consult")}
    | {f"coverage.{k}" for k in (*ANSWERS, "technical", "lapsed")}
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
        "late",
        "question-plain",
        "ask-proposed",
        "ask-doubted",
        "ask-presumed",
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
        "note-cited-safety",
        "answered",
        "answered-nothing",
    }
)
FOR_STAFF = frozenset(
    {
        f"summary.{k}"
        for k in (
            "ask-one",
            "ask-many",
            "ask-reason",
            "ask-reason-unmapped",
            "ask-reason-refuted",
            "ask-reason-mistaken",
            "ask-study",
            "ask-study-open",
            "ask-none",
            "change",
            "recode",
            "remove",
            "reconsider",
            "requirement",
            "safety",
            "safety-change",
            "appropriate-safety",
            "pediatric",
            "other-guideline",
            "add",
            "failed",
        )
    }
    | {f"heading.{k}" for k in ("asks", "changes", "reasons", "presumes", "states")}
    | {"ask-proposed", "ask-doubted", "link.app"}
)
"""What reads otherwise for someone who may not answer for the clinician."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One language for one reader. ``records`` names resource types; ``presumed`` facts whose presumption has words of
    its own, ``named`` facts whose value has; ``units`` are units as one says them, of one and of several. ``phrases``
    is what the rules' own data says, in this language; None where that is their own.
    """

    language: str
    sentences: Mapping[str, str]
    limits: Mapping[str, int]
    records: Mapping[str, str]
    presumed: Mapping[str, str]
    named: Mapping[str, str]
    units: Mapping[str, list[str]]
    phrases: Mapping[str, str] | None = None
    studies: StudyNames | None = None
    staff: bool = False

    @property
    def quotes(self) -> bool:
        """Whether sentences of the rules may stand on the card as they are."""
        return self.phrases is None

    @property
    def reader(self) -> tuple[str, ...]:
        """What tells this answer from the same in English to a clinician; () for that one."""
        return tuple(filter(None, (self.language if self.phrases is not None else "", "staff" if self.staff else "")))

    def quote(self, text: str) -> str:
        """What the rules' data says, in this language; '' where nobody has translated it."""
        return text if self.phrases is None else self.phrases.get(text, "")

    def measure(self, value: float, unit: str | None) -> str:
        """A number as one says it; a unit that nobody says stands as it is written, a score has none."""
        if unit is None or unit == "1" or "{" in unit:
            return f"{value:g}"
        one, several = self.units.get(unit, (unit, unit))
        return f"{value:g} {one if value == 1 else several}"

    def study(self, study: Study) -> str:
        return study.name if self.studies is None else self.studies.name(study)

    def question(self, fact: FactDefinition) -> str:
        """Its question; in the language of the rules where it has not been translated: better than none."""
        return (self.quote(fact.ask) or fact.ask) if fact.ask else ""

    def say(self, key: str, **slots: str) -> str:
        """The sentence with its placeholders filled; shortened placeholders keep it within its limit.

        The values are put in as they are: escape them before when the sentence is Markdown.
        """
        text, limit = self.sentences[key], self.limits[key]
        if len(text.format(**slots)) > limit and slots:
            room = max(0, limit - len(text.format(**dict.fromkeys(slots, ""))))
            slots = _shortened(slots, room, [n for _, n, _, _ in string.Formatter().parse(text) if n])
        if text.lstrip("*").startswith("{study}"):  # a language may write the names of studies small
            slots["study"] = slots["study"][:1].upper() + slots["study"][1:]
        return text.format(**slots)

    def __contains__(self, key: object) -> bool:
        return key in self.sentences


def _shortened(slots: Mapping[str, str], room: int, used: list[str]) -> dict[str, str]:
    """Cut the longest values first, evenly, until all fit into ``room`` characters."""
    share = {n: len(slots[n]) for n in used}
    while sum(share[n] for n in used) > room and max(share.values()) > 1:
        longest = max(share, key=lambda n: share[n])
        share[longest] -= 1
    return {n: v if len(v) <= share.get(n, len(v)) else v[: share[n] - 1].rstrip() + "…" for n, v in slots.items()}


def languages(folder: Path = LANGUAGES) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.yaml"))


@cache
def wording(language: str = RULES, *, staff: bool = False, folder: Path = LANGUAGES) -> Wording:
    """The sentences of one language, English when there is no such language. Raises `DataError`."""
    path = folder / f"{language if language in languages(folder) else RULES}.yaml"
    raw = read_yaml(path)
    known = SECTIONS if path.stem == RULES else SECTIONS | {"studies"}
    if not isinstance(raw, Lines) or set(raw) != known:
        raise DataError(path, 1, f"a language needs exactly the keys {', '.join(sorted(known))}.")
    never = [re.compile(rf"\b{word}\w*", re.IGNORECASE) for word in raw["never"]]
    said = _sentences(path, raw, "sentences", NEEDED, never)
    if staff:
        said |= _sentences(path, raw, "staff", FOR_STAFF, never)
    for unit, ways in raw["units"].items():
        if not isinstance(ways, list) or len(ways) != 2 or not all(isinstance(way, str) for way in ways):
            raise DataError(path, raw["units"].line(unit), f"`{unit}` needs two words: of one, and of several.")
    for section in ("records", "presumed", "named"):
        for key, text in raw[section].items():
            if not isinstance(text, str) or not text:
                raise DataError(path, raw[section].line(key), "every value here is text.")
            _check_never(path, raw[section].line(key), key, text, never)
    own = path.stem == RULES
    return Wording(
        path.stem,
        {k: text for k, (text, _) in said.items()},
        {k: limit for k, (_, limit) in said.items()},
        raw["records"],
        raw["presumed"],
        raw["named"],
        raw["units"],
        None if own else {p.english: p.text for p in phrases(path.with_suffix(".csv"))},
        None if own else study_names(path, raw["studies"]),
        staff,
    )


def _sentences(
    path: Path, raw: Lines, section: str, needed: frozenset[str], never: list[re.Pattern[str]]
) -> dict[str, tuple[str, int]]:
    sentences = raw[section]
    if not isinstance(sentences, Lines):
        raise DataError(path, raw.line(section), f"`{section}` needs its sentences by key.")
    for key, sentence in sentences.items():
        line = sentences.line(key)
        if key not in needed:
            raise DataError(path, line, f"`{key}` is no sentence that a card uses.{near(key, needed)}")
        _check(path, line, key, sentence)
        _check_never(path, line, key, sentence["text"], never)
    if lacking := needed - set(sentences):
        raise DataError(path, raw.line(section), f"these sentences are missing: {', '.join(sorted(lacking))}.")
    return {key: (s["text"], s["limit"]) for key, s in sentences.items()}


def _check_never(path: Path, line: int | None, key: str, text: str, never: list[re.Pattern[str]]) -> None:
    if any(word.search(text) for word in never):
        raise DataError(path, line, f"`{key}` uses a word of `never`; say it another way.")


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
