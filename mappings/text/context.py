"""How each word of a text is meant: denied, past, a relative's, doubted, imagined, planned (after ConText)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mappings.text.lexicon import lexicon
from mappings.text.tokens import BREAKS, ENDS, Token
from mappings.text.triggers import Triggers, Words, triggers

LONG = 6
"""Words of the longest trigger."""
REACH: Mapping[str, int] = {"denied": 9, "past": 8, "family": 40, "doubted": 14, "imagined": 8, "planned": 6}
"""Words that a trigger reaches ahead of it, without the end of the sentence."""
REACH_BACK = 5
ASIDES = ("with", "after")
AFTER = ("poststatus",)
SIDES = frozenset({"left", "right", "lt", "rt", "l", "r"})
LINKS = frozenset({",", "and"})
YEAR_WITHIN = 6
"""Words behind "status post" among which a year may stand."""
FAMILIES = frozenset({"family", "antecedentes"})
"""First words of triggers that head a list of diseases; after a named relative the whole sentence is the relative's."""


@dataclass(frozen=True, slots=True)
class Said:
    """What stands where in a text. ``signs``: places of findings that are listed in passing (fever, numbness, injury).

    ``kinds``: of each place in a finding, whether it is a complaint, an event, something done, background or a disease.
    """

    signs: frozenset[int]
    kinds: Mapping[int, str]


@dataclass(slots=True)
class Meant:
    """Per word of a text: its states. ``loosened``: places of findings of which less than all is denied."""

    states: list[set[str]]
    loosened: set[int] = field(default_factory=set)


def meant(read: Sequence[Token], taken: frozenset[int], said: Said) -> Meant:
    """The states of each word. ``taken`` are words inside a longer phrase of ours: only a plan is read from them."""
    rules = triggers()
    out = Meant([set() for _ in read])
    written = [t.word for t in read]
    place = 0
    while place < len(read):
        length = _longest(written, place, taken, rules)
        if not length:
            next_to_it = _next_to(written, place, said)
            if written[place] in rules.relatives and next_to_it == "disease":
                _ahead(written, place + 1, (written[place],), "family", rules, said, out)  # "aunt breast cancer"
            elif written[place] == "for" and next_to_it == "done" and (not place or written[place - 1] in BREAKS):
                _ahead(written, place + 1, ("for",), "planned", rules, said, out)  # "stenosis, for laminectomy"
            place += 1
            continue
        key = tuple(written[place : place + length])
        if key in rules.harmless or (key[0] == "history" and _lasts(read, place)):
            place += length  # "3 month history of": today's complaint
            continue
        if key == AFTER and _next_to(written, place, said) == "event" and not _year(written, place):
            place += length  # "s/p fall": what brings the patient today
            continue
        if _answers(written, place, length) and "denied" in (rules.before.get(key), *rules.after.get(key, ())):
            _behind(written, place - 1, "denied", out)  # "radiculopathy: no"
        elif state := rules.before.get(key):
            _ahead(written, place + length, key, state, rules, said, out)
        for state in rules.after.get(key, ()):
            _behind(written, place, state, out)
        place += length
    return out


def _next_to(written: Sequence[str], place: int, said: Said) -> str:
    """The kind of the finding that follows a word, small words and the name of its site before it; else ''."""
    for i in range(place + 1, min(len(written), place + 4)):
        if i in said.kinds:
            return said.kinds[i]
        if written[i] not in lexicon().passed:
            return ""
    return ""


def _lasts(read: Sequence[Token], place: int) -> bool:
    """True where a time stands right before, in the same sentence."""
    before = read[place - 1] if place else None
    return before is not None and before.word in lexicon().words.units and read[place].start - before.end < 2


def _year(written: Sequence[str], place: int) -> bool:
    """True where a year follows, so that what happened is of long ago."""
    return any(w.isdigit() and len(w) == 4 for w in written[place : place + YEAR_WITHIN])


def _answers(written: Sequence[str], place: int, length: int) -> bool:
    """True for a trigger that stands alone behind a colon or a dash."""
    after = written[place + length] if place + length < len(written) else "."
    return place > 0 and written[place - 1] in (":", ",") and after in BREAKS


def _longest(written: Sequence[str], place: int, taken: frozenset[int], rules: Triggers) -> int:
    for length in range(min(LONG, len(written) - place), 0, -1):
        key = tuple(written[place : place + length])
        state = "harmless" if key in rules.harmless else rules.before.get(key, "")
        if (state or key in rules.after) and (place not in taken or state == "planned"):
            return length
    return 0


def _ahead(written: Sequence[str], start: int, key: Words, state: str, rules: Triggers, said: Said, out: Meant) -> None:
    met, loose = "", False
    through = state == "doubted" or (state == "denied" and key in rules.lists)
    last = min(len(written), start + (40 if through else REACH[state]))
    i = start
    while i < last:
        word = written[i]
        if word in ENDS or (state == "family" and i > start and word in rules.returns):
            return
        if state == "planned" and (word in rules.did or rules.before.get((word,)) == "past"):
            return
        if met and state in ("denied", "past", "family") and _begins_anew(written, i, state, key, rules):
            return
        if state == "denied" and word in ASIDES and met:
            i = _aside(written, i, key, met, rules, said, out)
            if not i:
                return
            continue
        if state != "family" and i > start and word in rules.ends and (met or word not in ("new", "recent")):
            return
        listed = word in (",", ":", "(", ")", "?") and i > start
        listed |= word == "and" and bool(met) and state in ("denied", "past", "family")
        if listed and not _goes_on(written, i, state, key, met, rules, said):
            return
        if state == "denied" and word in rules.loosens and not met:
            loose = True
        out.states[i].add(state)
        if i in said.kinds:
            other = met in ("complaint", "event") and said.kinds[i] in ("disease", "background")
            met = met if other else said.kinds[i]
            if loose or (other and state == "denied"):
                out.loosened.add(i)
        i += 1


def _begins_anew(written: Sequence[str], place: int, state: str, key: Words, rules: Triggers) -> bool:
    """True where something of its own begins: a question ("history of breast cancer, rule out metastasis"), and behind
    a comma another denial, a suspicion, or a history that is not an item of the list."""
    if written[place - 1] in ("or", "nor"):
        return False
    for length in range(1, LONG):
        phrase = tuple(written[place : place + length])
        if phrase in rules.asks:
            return True
        if written[place - 1] not in LINKS or state == "past":
            continue
        begun = rules.before.get(phrase)
        if begun == "denied" or phrase == ("?",):
            return True
        if state == "family" and key[0] not in FAMILIES:
            continue
        if begun == "doubted" or (begun == "past" and phrase[0] == "history" and key not in rules.lists):
            return True
    return False


def _aside(written: Sequence[str], start: int, key: Words, met: str, rules: Triggers, said: Said, out: Meant) -> int:
    """Where a denial goes on behind "with ..." or "after ...", 0 where it ends.

    "No stenosis with cord compression" denies neither alone, so nothing is said of the second; "no injury with neck
    pain" tells of pain, and "with" answers "without". What a denial stands "after" took place; an "or" behind it,
    or the comma of a list, takes the denial up again.
    """
    end = next((i for i in range(start, len(written)) if written[i] in (*ENDS, ",", "or", "nor")), len(written))
    aside = range(start + 1, end)
    kind = next((said.kinds[i] for i in aside if i in said.kinds), "")
    if written[start] == "with":
        if key[-1] == "without":
            return 0
        if kind and (kind != met or kind not in ("complaint", "disease")):
            return 0
        if any(written[i] in rules.ends for i in aside):
            return 0
        for i in range(start, end):
            out.states[i].add("denied")
        out.loosened.update(aside)
    if end == len(written) or written[end] in ENDS:
        return 0
    if written[end] == ",":
        return end if key in rules.lists and _goes_on(written, end, "denied", key, met, rules, said) else 0
    following = next((said.kinds[i] for i in range(end, min(len(written), end + 5)) if i in said.kinds), "")
    return end if following == met else 0


def _goes_on(written: Sequence[str], comma: int, state: str, key: Words, met: str, rules: Triggers, said: Said) -> bool:
    """True when what stands behind a comma (or "and") is the next item of the trigger's list."""
    if state == "family" and key[0] not in FAMILIES:
        return not _lasting(written, range(comma + 1, _end(written, comma + 1)))
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
    segment = range(item, _end(written, item))
    held = [i for i in segment if i in said.kinds]
    if state == "family":
        if written[comma] == "and":
            return all(said.kinds[i] == met for i in held)
        return all(i in said.signs and said.kinds[i] == "disease" for i in held)
    if _lasting(written, segment):
        return False  # "denies numbness, R leg weakness for 3 days"
    if held and said.kinds[held[0]] == "done" != met:
        return False  # "denies numbness, PT without relief"
    if any(written[i] in rules.ends for i in segment[:2]):
        return False
    if key in rules.lists:
        return bool(held) and len(segment) <= 6
    if held and all(i in said.signs for i in held):
        return len(segment) <= len(held) + 3
    return bool(held) and _or_follows(written, segment[-1] + 1) and len(segment) <= 5


def _end(written: Sequence[str], start: int) -> int:
    """Where the item of a list ends."""
    return next((i for i in range(start, len(written)) if written[i] in ENDS or written[i] == ","), len(written))


def _lasting(written: Sequence[str], segment: range) -> bool:
    """True where a pain, or a complaint of one side, has a time of its own: it is there."""
    if "pain" not in (written[i] for i in segment) and SIDES.isdisjoint(written[i] for i in segment[:2]):
        return False
    after = (written[i + 1] for i in segment[:-1] if written[i] in ("times", "for", "since"))
    return any(word.isdigit() or word in lexicon().words.numbers for word in after)


def _or_follows(written: Sequence[str], place: int) -> bool:
    """True when the list that goes on at ``place`` has an "or" before the sentence ends."""
    for word in written[place : place + 12]:
        if word in ENDS:
            return False
        if word in ("or", "nor"):
            return True
    return False


def _behind(written: Sequence[str], trigger: int, state: str, out: Meant) -> None:
    """What stands just before the trigger, back to the comma or the end of the sentence before."""
    for i in range(trigger - 1, max(-1, trigger - 1 - (REACH_BACK if state != "family" else 12)), -1):
        if written[i] in ENDS or written[i] in (",", "(", ")", ":", "?", "with", "but"):
            return
        if written[i] == "and" and state != "family":
            return
        out.states[i].add(state)
