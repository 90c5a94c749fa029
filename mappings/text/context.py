"""How each word of a text is meant: denied, past, a relative's, doubted, imagined (context.yaml, after ConText)."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from criteria.errors import DataError
from criteria.reading import read_yaml
from mappings.text.lexicon import lexicon
from mappings.text.tables import in_table
from mappings.text.tokens import BREAKS, ENDS, Token

CONTEXT = Path(__file__).parent / "context.yaml"
STATES = ("denied", "past", "family", "doubted", "imagined")
KEYS = (*STATES, "harmless", "ends", "lists", "loosens")
LONG = 6
"""Words of the longest trigger."""
REACH: Mapping[str, int] = {"denied": 9, "past": 8, "family": 40, "doubted": 14, "imagined": 8}
"""Words that a trigger reaches ahead of it, without the end of the sentence."""
REACH_BACK = 5
FAMILIES = frozenset({"family", "antecedentes"})
"""First words of triggers that head a list of diseases; after a named relative the whole sentence is the relative's."""
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Triggers:
    before: Mapping[Words, str]
    after: Mapping[Words, tuple[str, ...]]
    harmless: frozenset[Words]
    ends: frozenset[str]
    lists: frozenset[Words]
    loosens: frozenset[str]


@dataclass(slots=True)
class Meant:
    """Per word of a text: its states; and the words that stand in a trigger."""

    states: list[set[str]]
    loosened: set[int] = field(default_factory=set)


@functools.cache
def triggers(path: Path = CONTEXT) -> Triggers:
    """context.yaml, checked. Raises `DataError`."""
    raw = read_yaml(path)
    if set(raw) != set(KEYS):
        raise DataError(path, 1, f"the keys are {', '.join(KEYS)}, each once.")
    words = lexicon().words
    before: dict[Words, str] = {}
    after: dict[Words, tuple[str, ...]] = {}
    for state in STATES:
        if set(raw[state]) - {"before", "after"}:
            raise DataError(path, raw.line(state), f"`{state}` has the keys before and after.")
        for phrase in raw[state].get("before", ()):
            key = in_table(phrase, words)
            if before.setdefault(key, state) != state:
                raise DataError(path, raw.line(state), f"`{phrase}` stands under two states; keep one.")
        for phrase in raw[state].get("after", ()):
            key = in_table(phrase, words)
            after[key] = (*after.get(key, ()), state)

    def each(key: str) -> Iterator[Words]:
        return (in_table(phrase, words) for phrase in raw[key])

    single = {key: frozenset(w for phrase in each(key) for w in phrase) for key in ("ends", "loosens")}
    return Triggers(
        before, after, frozenset(each("harmless")), single["ends"], frozenset(each("lists")), single["loosens"]
    )


def meant(read: Sequence[Token], taken: frozenset[int], signs: frozenset[int], findings: frozenset[int]) -> Meant:
    """The states of each word.

    ``taken`` are words inside a longer phrase of ours, which trigger nothing; ``signs`` those of findings that are
    listed in passing (fever, chills, numbness), ``findings`` those of any finding.
    """
    rules = triggers()
    out = Meant([set() for _ in read])
    written = [t.word for t in read]
    place = 0
    while place < len(read):
        length = _longest(written, place, taken, rules)
        if not length:
            place += 1
            continue
        key = tuple(written[place : place + length])
        if key in rules.harmless or (key[0] == "history" and place and written[place - 1] in lexicon().words.units):
            place += length  # "3 month history of": today's complaint
            continue
        if _answers(written, place, length) and "denied" in (rules.before.get(key), *rules.after.get(key, ())):
            _behind(written, place - 1, "denied", findings, out)  # "radiculopathy: no"
        elif state := rules.before.get(key):
            _ahead(written, place + length, key, state, rules, signs, findings, out)
        for state in rules.after.get(key, ()):
            _behind(written, place, state, findings, out)
        place += length
    return out


def _answers(written: Sequence[str], place: int, length: int) -> bool:
    """True for a trigger that stands alone behind a colon or a dash."""
    after = written[place + length] if place + length < len(written) else "."
    return place > 0 and written[place - 1] in (":", ",") and after in BREAKS


def _longest(written: Sequence[str], place: int, taken: frozenset[int], rules: Triggers) -> int:
    for length in range(min(LONG, len(written) - place), 0, -1):
        key = tuple(written[place : place + length])
        if (key in rules.harmless or key in rules.before or key in rules.after) and place not in taken:
            return length
    return 0


def _ahead(
    written: Sequence[str], start: int, key: Words, state: str, rules: Triggers,
    signs: frozenset[int], findings: frozenset[int], out: Meant,
) -> None:  # fmt: skip
    met = loose = False
    through = state == "doubted" or (state == "denied" and key in rules.lists)
    last = min(len(written), start + (40 if through else REACH[state]))
    for i in range(start, last):
        word = written[i]
        if word in ENDS:
            return
        if state != "family" and i > start and word in rules.ends and word not in ("new", "recent"):
            return
        if state != "family" and i > start and met and word in rules.ends:
            return
        if (
            word in (",", ":", "(", ")", "?")
            and i > start
            and not _goes_on(written, i, state, key, rules, signs, findings)
        ):
            return
        if (
            word == "and"
            and met
            and state in ("denied", "past")
            and not _goes_on(written, i, state, key, rules, signs, findings)
        ):
            return
        if state == "denied" and word in rules.loosens and not met:
            loose = True
        out.states[i].add(state)
        if i in findings:
            met = True
            if loose:
                out.loosened.add(i)


def _goes_on(
    written: Sequence[str], comma: int, state: str, key: Words, rules: Triggers,
    signs: frozenset[int], findings: frozenset[int],
) -> bool:  # fmt: skip
    """True when what stands behind a comma (or "and") is the next item of the trigger's list."""
    if state == "family" and key[0] not in FAMILIES:
        return True
    if state == "doubted":
        return written[comma] != "?" or key == ("?",)
    if written[comma] in ("(", ")", ":", "?"):
        return False
    item = comma + 1
    while item < len(written) and written[item] in ("or", "nor", "and"):
        if written[item] in ("or", "nor"):
            return state == "denied"
        item += 1
    if state not in ("denied", "family"):
        return False
    segment: list[int] = []
    for i in range(item, len(written)):
        if written[i] in ENDS or written[i] == ",":
            break
        segment.append(i)
    held = [i for i in segment if i in findings]
    if state == "family":
        return all(i in signs for i in held)
    if any(written[i] in rules.ends for i in segment[:2]):
        return False
    if key in rules.lists:
        return bool(held) and len(segment) <= 6
    if held and all(i in signs for i in held):
        return len(segment) <= len(held) + 3
    return bool(held) and _or_follows(written, segment[-1] + 1) and len(segment) <= 5


def _or_follows(written: Sequence[str], place: int) -> bool:
    """True when the list that goes on at ``place`` has an "or" before the sentence ends."""
    for word in written[place : place + 12]:
        if word in ENDS:
            return False
        if word in ("or", "nor"):
            return True
    return False


def _behind(written: Sequence[str], trigger: int, state: str, findings: frozenset[int], out: Meant) -> None:
    """What stands just before the trigger, back to the comma or the end of the sentence before."""
    for i in range(trigger - 1, max(-1, trigger - 1 - (REACH_BACK if state != "family" else 12)), -1):
        if written[i] in ENDS or written[i] in (",", "(", ")", ":", "?", "with", "but"):
            return
        if written[i] == "and" and state != "family":
            return
        out.states[i].add(state)
