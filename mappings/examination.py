"""Signs found on examination: what a coded finding or the answer of a coded test says (codes/examination.csv)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from criteria.errors import DataError
from criteria.facts import Basis, Fact, Value
from mappings.answers import NO, positive
from mappings.attested import vocabulary
from mappings.codings import codings
from mappings.observations import Result, Results
from mappings.records import codes_in
from mappings.tables import CODES, read_table

TABLE = CODES / "examination.csv"
GRADES = ("grade strength", "grade reflex")
ANSWERS = ("positive", "negative")
DOUBTFUL = frozenset({"N", "E", "IND", "IE"})
EXAMINATION_DAYS = 92
"""Three months, the time within which guidelines accept an examination."""
DETAILED = 2
"""So many kinds of neurologic test on one day are a detailed examination."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One fact and what it is when the sign is there or not; ``test`` = only an answer tells.

    The denial of one finding (no clonus of the ankle) says nothing of a fact that has others: ``absent`` is None.
    """

    fact: str
    present: Value
    absent: Value | None
    test: bool


Seen = tuple[Result, Sign, bool]
"""A result, the sign that it tells of, and whether it is there."""


@functools.cache
def signs() -> Mapping[str, Sign]:
    """The `means` of examination.csv that are signs. Raises `DataError` for one that the vocabulary does not know."""
    found = {}
    for means in dict.fromkeys(m for held in read_table("examination").exact.values() for m in held):
        if means in GRADES:
            continue
        kind, _, rest = means.partition(" ")
        name, _, value = rest.partition("=")
        known = vocabulary().facts.get(name)
        if known and known.type == "boolean" and (kind, value) == ("finding", ""):
            found[means] = Sign(name, True, None, test=False)
        elif known and known.values == ANSWERS and (kind, value) in (("finding", "positive"), ("test", "")):
            found[means] = Sign(name, "positive", "negative", test=kind == "test")
        else:
            mend = "write `finding` and a boolean fact, or `finding fact=positive` or `test fact` where it has signs."
            raise DataError(TABLE, _line(means), f"`{means}` is no sign; {mend}")
    return found


def examination_facts(results: Results) -> Iterator[Fact]:
    """What was last found, of several sites and findings the worst."""
    seen: dict[object, list[Seen]] = {}
    for means, sign in signs().items():
        for result in results.get(means, ()):
            there = _present(result, sign, means) if result.ago <= EXAMINATION_DAYS else None
            if there is not None:
                asked = sign.fact if sign.absent else (sign.fact, _codes(result, means))
                seen.setdefault(asked, []).append((result, sign, there))
    last: dict[str, list[Seen]] = {}
    for held in seen.values():
        for result, sign, there in _last(held):
            if there or sign.absent is not None:
                last.setdefault(sign.fact, []).append((result, sign, there))
    for name, held in last.items():
        result, sign, there = max(held, key=lambda one: (one[2], one[0].on, one[0].at))
        yield result.fact(name, sign.present if there or sign.absent is None else sign.absent)
    yield from _examined(results)


def _codes(result: Result, means: str) -> frozenset[tuple[str, str]]:
    """The codes of the result that mean this sign."""
    table = read_table("examination").exact
    fields = (result.body.get("code"), result.body.get("valueCodeableConcept"))
    return frozenset(c for held in fields for c in codings(held) if means in table.get(c, ()))


def _last(held: Sequence[Seen]) -> Iterable[Seen]:
    """Of every coded site the newest day, and on it the worse; what names no site speaks for all until then."""
    kept: dict[frozenset[tuple[str, str]], Seen] = {}
    for one in sorted(held, key=lambda one: (one[0].on, one[2], one[0].at), reverse=True):
        site = frozenset(codings(one[0].body.get("bodySite")))
        if site not in kept and frozenset() not in kept:
            kept[site] = one
    return kept.values()


def _present(result: Result, sign: Sign, means: str) -> bool | None:
    """Whether the sign is there: a finding is, unless its value says no or something else."""
    marked = codes_in(result.body.get("interpretation"))
    if not sign.test and means in read_table("examination").means(result.body.get("valueCodeableConcept")):
        return None if marked & DOUBTFUL else not marked & NO
    said = positive(result.body)
    if said is not None or sign.test:
        return said
    silent = not any(key.startswith("value") for key in result.body)
    return True if silent and not marked & DOUBTFUL else None


def _examined(results: Results) -> Iterator[Fact]:
    """Days since the newest day on which two kinds of neurologic finding were recorded."""
    days: dict[int, dict[str, Result]] = {}
    for means in (*signs(), *GRADES):
        kind = signs()[means].fact if means in signs() else means
        for result in results.get(means, ()):
            days.setdefault(result.ago, {}).setdefault(kind, result)
    for ago in sorted(days):
        if len({id(r.body) for r in days[ago].values()}) >= DETAILED:
            first, *others = days[ago].values()
            yield first.fact("exam.neurologic_days_ago", ago, Basis.DERIVED, *others)
            return


def _line(means: str) -> int:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return next((n for n, line in enumerate(lines, 1) if f",{means}," in line), 1)
