"""How well the reading of free text proposes indications, measured on typed reasons that it was not made from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from criteria.errors import DataError
from criteria.indications import load_indications
from criteria.reading import Lines, read_yaml
from criteria.vocabulary import near
from mappings.phrases import candidates

PHRASES = Path(__file__).parent / "data" / "reason_phrases.yaml"
KEYS = {"text", "first", "also", "never"}
KNOWN = frozenset(load_indications())


@dataclass(frozen=True, slots=True)
class Phrase:
    """One typed reason. ``first``: any of these is right as the first proposal; empty when nothing may be proposed."""

    text: str
    first: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measure:
    """What a reading of the list is worth: two shares, and the (text, indication) pairs it should not have proposed.

    ``first`` and ``in_three`` are shares of the texts that have a right answer. ``denied`` are proposals of what
    the text denies or says of someone else, ``from_nothing`` proposals for texts that name no indication.
    """

    first: float
    in_three: float
    denied: tuple[tuple[str, str], ...]
    from_nothing: tuple[tuple[str, str], ...]
    not_first: tuple[str, ...]
    not_in_three: tuple[str, ...]


def load_phrases(path: Path) -> tuple[Phrase, ...]:
    """The list, checked. Raises `DataError` naming file, line and mend."""
    seen: set[str] = set()
    return tuple(_phrase(path, entry, seen) for entry in read_yaml(path))


def _phrase(path: Path, entry: Lines, seen: set[str]) -> Phrase:
    for key in entry:
        if key not in KEYS:
            raise DataError(path, entry.line(key), f"`{key}` is no key of a phrase.{near(key, KEYS)}")
    if lacking := {"text", "first"} - set(entry):
        raise DataError(path, min(entry.lines.values()), f"the entry lacks {', '.join(sorted(lacking))}.")
    text = entry["text"]
    if not isinstance(text, str) or not text.strip():
        raise DataError(path, entry.line("text"), "`text` is what was typed; put quotes around it.")
    if text.casefold() in seen:
        raise DataError(path, entry.line("text"), "this text stands twice; keep one.")
    seen.add(text.casefold())
    named = {key: _ids(path, entry, key) for key in ("first", "also", "never")}
    if both := set(named["never"]) & {*named["first"], *named["also"]}:
        raise DataError(path, entry.line("never"), f"{', '.join(sorted(both))} cannot be right and barred at once.")
    return Phrase(text, **named)


def _ids(path: Path, entry: Lines, key: str) -> tuple[str, ...]:
    value: Any = entry.get(key)
    if key == "first":
        value = [] if value is None else [value] if isinstance(value, str) else value
    elif key not in entry:
        return ()
    if not isinstance(value, list) or (not value and entry.get(key) is not None):
        raise DataError(path, entry.line(key), f"`{key}` is a list of indications with at least one.")
    for name in value:
        if name not in KNOWN:
            raise DataError(path, entry.line(key), f"`{name}` is no indication.{near(str(name), KNOWN)}")
    return tuple(value)


def measure(phrases: Iterable[Phrase], propose: Callable[[str], tuple[str, ...]]) -> Measure:
    """Read every text with ``propose`` and compare."""
    read = [(phrase, propose(phrase.text)) for phrase in phrases]
    answerable = [(phrase, proposed) for phrase, proposed in read if phrase.first]
    not_first = tuple(p.text for p, proposed in answerable if not set(proposed[:1]) & set(p.first))
    not_in_three = tuple(p.text for p, proposed in answerable if not set(proposed[:3]) & set(p.first))
    return Measure(
        first=1 - len(not_first) / len(answerable),
        in_three=1 - len(not_in_three) / len(answerable),
        denied=tuple((p.text, i) for p, proposed in read for i in proposed if i in p.never),
        from_nothing=tuple((p.text, i) for p, proposed in read if not p.first for i in proposed if i not in p.also),
        not_first=not_first,
        not_in_three=not_in_three,
    )


@pytest.fixture(scope="module")
def phrases() -> tuple[Phrase, ...]:
    return load_phrases(PHRASES)


@pytest.fixture(scope="module")
def measured(phrases: tuple[Phrase, ...]) -> Measure:
    return measure(phrases, candidates)


def test_the_right_indication_is_proposed_first(measured: Measure) -> None:
    assert measured.first >= 0.85, measured.not_first


def test_the_right_indication_is_among_the_first_three(measured: Measure) -> None:
    assert measured.in_three >= 0.95, measured.not_in_three


def test_nothing_is_proposed_that_the_text_denies_or_says_of_a_relative(measured: Measure) -> None:
    assert not measured.denied


def test_nothing_is_proposed_for_a_text_without_an_indication(measured: Measure) -> None:
    assert not measured.from_nothing


# --- the list and the measure themselves


def test_the_list_is_long_and_varied_enough_to_mean_something(phrases: tuple[Phrase, ...]) -> None:
    assert len(phrases) >= 200
    assert sum(bool(p.never) for p in phrases) >= 35
    assert sum(not p.first for p in phrases) >= 20


def test_a_reading_that_proposes_nothing_fails_on_both_shares(phrases: tuple[Phrase, ...]) -> None:
    result = measure(phrases, lambda text: ())
    assert (result.first, result.in_three) == (0, 0)
    assert not result.denied and not result.from_nothing


def test_a_reading_that_proposes_everything_fails_on_all_counts(phrases: tuple[Phrase, ...]) -> None:
    result = measure(phrases, lambda text: tuple(sorted(KNOWN)))
    assert result.first < 0.1 and result.in_three < 0.1
    assert len(result.denied) == sum(len(p.never) for p in phrases)
    assert {text for text, _ in result.from_nothing} == {p.text for p in phrases if not p.first}


def test_a_perfect_reading_passes(phrases: tuple[Phrase, ...]) -> None:
    answers = {p.text: (*p.first, *p.also) for p in phrases}
    result = measure(phrases, lambda text: answers[text])
    assert (result.first, result.in_three) == (1, 1) and not result.denied and not result.from_nothing


def test_second_place_counts_within_three_and_fourth_place_does_not() -> None:
    wanted = Phrase("LBP", first=("low_back_pain",))
    second = measure([wanted], lambda text: ("neck_pain", "low_back_pain"))
    fourth = measure([wanted], lambda text: ("neck_pain", "scoliosis", "dish", "low_back_pain"))
    assert (second.first, second.in_three) == (0, 1)
    assert (fourth.first, fourth.in_three) == (0, 0)


GOOD = """- text: neck pain, no arm pain
  first: neck_pain
  never: [arm_pain]
- text: pain
  first: null
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("  never:", "  nevr:", 3, "`nevr` is no key"),
        ("first: neck_pain", "first: neck_pane", 2, "`neck_pane` is no indication"),
        ("never: [arm_pain]", "never: [armpain]", 3, "`armpain` is no indication"),
        ("never: [arm_pain]", "never: arm_pain", 3, "list"),
        ("never: [arm_pain]", "never: []", 3, "at least one"),
        ("never: [arm_pain]", "never: [neck_pain]", 3, "cannot be right and barred"),
        ("  first: neck_pain\n", "", 1, "lacks first"),
        ("text: pain", "text: 5", 4, "quotes"),
        ("text: pain", "text: Neck pain, no arm pain", 4, "twice"),
    ],
)
def test_a_slip_in_the_list_names_line_and_mend(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    path = tmp_path / "reason_phrases.yaml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(DataError, match=re.escape(words)) as raised:
        load_phrases(path)
    assert raised.value.line == line


def test_a_good_list_reads(tmp_path: Path) -> None:
    path = tmp_path / "reason_phrases.yaml"
    path.write_text(GOOD)
    assert load_phrases(path) == (Phrase("neck pain, no arm pain", ("neck_pain",), (), ("arm_pain",)), Phrase("pain"))
