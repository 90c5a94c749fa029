"""`imaging-cds check --mutate`: which small wrongs in the rules would no case notice?

Each mutant is put before the cases of its own rule: first before what they expect of the rule itself, which is quick,
and only when that passes before what they expect of the whole verdict. A mutant that nobody notices survives. One that
cannot be noticed, because it means the same, or that is not worth a case is listed with its reason in the guideline's
survivors.yaml: ``rule: {what: reason}``. It still counts as survived.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from criteria.cases import TRUTHS, Posed, RuleCase, cases_of, compare, rule_truth
from criteria.check import below
from criteria.criterion import Criterion
from criteria.errors import DataError
from criteria.library import HERE, Library, load_library
from criteria.mutants import Mutant, mutants_of, mutants_of_definition
from criteria.parallel import each, library_at
from criteria.ratings import Because
from criteria.reading import Lines, read_yaml
from criteria.select import Book, book
from criteria.swap import swapped
from criteria.weigh import weigh

MOST = 3.0
"""Per cent of the mutants that may survive."""
Progress = Callable[[int, int, int, int], None]
"""Told after each rule: rules done, rules in all, mutants so far, survivors so far."""


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that no case notices; ``reason`` is what survivors.yaml says of it."""

    guideline: str
    rule: str
    file: Path
    line: int | None
    what: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """The mutants of one guideline."""

    mutants: int
    survived: int

    @property
    def percent(self) -> float:
        return 100 * self.survived / self.mutants if self.mutants else 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """``stale``: entries of survivors.yaml whose mutant is noticed by now, or does not exist (full runs only)."""

    tallies: dict[str, Tally]
    survivors: list[Survivor]
    stale: list[str]

    @property
    def total(self) -> Tally:
        return Tally(sum(t.mutants for t in self.tallies.values()), sum(t.survived for t in self.tallies.values()))

    @property
    def passes(self) -> bool:
        return self.total.percent <= MOST and not self.stale


def mutate(
    paths: Sequence[Path] = (),
    *,
    home: Path = HERE,
    sample: float = 100,
    seed: int = 1,
    processes: int | None = None,
    progress: Progress = lambda *_: None,
) -> Report:
    """Try every mutant of the rules below ``paths`` (none: all), or ``sample`` per cent of them, the same for a seed.

    Raises `DataError` for a rule, case or survivors.yaml that cannot be read.
    """
    library = load_library(home)
    reasons = _reasons(library, home)
    tasks = [  # those that take longest come first
        (guideline, f"define {name}")
        for guideline, shared in library.shared.items()
        if below(home / "guidelines" / guideline / "definitions.yaml", paths)
        for name in shared
    ]
    tasks += [(c.guideline, c.id) for c in library.criteria if below(c.file, paths)]
    tallies = {g: Tally(0, 0) for g in dict.fromkeys(g for g, _ in tasks)}
    survivors: list[Survivor] = []
    tried: set[tuple[str, str]] = set()
    work: list[Task] = [(home, guideline, rule, sample, seed) for guideline, rule in tasks]
    for done, (guideline, rule, count, found) in enumerate(each(_try_rule, work, processes), 1):
        tally = tallies[guideline]
        tallies[guideline] = Tally(tally.mutants + count, tally.survived + len(found))
        survivors += [replace(s, reason=reasons.get((s.guideline, s.rule, s.what), "")) for s in found]
        tried.add((guideline, rule))
        progress(done, len(tasks), sum(t.mutants for t in tallies.values()), len(survivors))
    survivors.sort(key=lambda s: (s.guideline, str(s.file), s.line or 0, s.what))
    alive = {(s.guideline, s.rule, s.what) for s in survivors}
    all_of = reasons if sample >= 100 else {}
    known = {c.id for c in library.criteria} | {f"{g}/define {n}" for g, names in library.shared.items() for n in names}
    stale = [
        f"survivors.yaml of {g}: {r}: “{w}” " + ("does not survive; take it out." if (g, r) in tried else "is no rule.")
        for g, r, w in all_of
        if (g, r, w) not in alive and ((g, r) in tried or f"{g}/{r}" not in known)
    ]
    return Report(tallies, survivors, stale)


Done = tuple[str, str, int, list[Survivor]]
Task = tuple[Path, str, str, float, int]


def _try_rule(task: Task) -> Done:
    home, guideline, rule, sample, seed = task
    library = library_at(home)
    name = rule.removeprefix(f"{guideline}/")
    mutants = (
        mutants_of_definition(guideline, rule.removeprefix("define "), library)
        if rule.startswith("define ")
        else mutants_of(library.criterion(rule), library)
    )
    chosen = [m for m in mutants if _chosen(f"{seed} {guideline} {name} {m.what}", sample)]
    rules = {name for m in chosen for name in m.changes}
    witnesses = {r: [Witness(k, library) for k in cases_of(library.criterion(r), library)] for r in sorted(rules)}
    found = [Survivor(guideline, name, m.file, m.line, m.what) for m in chosen if not _noticed(m, witnesses)]
    return guideline, name, len(chosen), found


def _chosen(name: str, sample: float) -> bool:
    return zlib.crc32(name.encode()) % 10_000 < sample * 100


def _noticed(mutant: Mutant, witnesses: Mapping[str, list[Witness]]) -> bool:
    mine = [w for name in mutant.changes for w in witnesses[name]]
    books = {id(w.base): swapped(w.base, mutant.changes) for w in {id(w.base): w for w in mine}.values()}
    if any(w.sees_rule(mutant.changes[w.rule], books[id(w.base)]) for w in mine):
        return True
    return any(w.sees_verdict(books[id(w.base)]) for w in mine)


class Witness:
    """One case that may notice a mutant. A case that does not hold unmutated notices nothing."""

    def __init__(self, case: RuleCase, library: Library) -> None:
        self.criterion, self.expect, self.posed = case.criterion, case.expect, Posed(case, library)
        self.rule, self.base = case.criterion.id, book(library, case.on)
        truth = rule_truth(case.criterion, self.posed.weighed(self.base), self.posed.study)
        self._sees_rule = "rule" in case.expect and truth is TRUTHS[case.expect["rule"]]
        self._truth = truth
        self._holds: bool | None = None

    def sees_rule(self, changed: Criterion, current: Book) -> bool:
        """The rule itself comes to another result than expected. A changed outcome shows in verdicts only."""
        if not self._sees_rule or changed.kind != self.criterion.kind or not changed.studies:
            return False
        return rule_truth(changed, self.posed.weighed(current), self.posed.study) is not self._truth

    def sees_verdict(self, current: Book) -> bool:
        wanted = set(self.expect) - {"rule"}
        if not wanted:
            return False
        if self._holds is None:
            self._holds = not any(compare(self.expect, self.posed.verdict(self.base)))
        if not self._holds:
            return False
        if wanted == {"rating"}:  # the rating alone needs no alternatives, questions and presumptions
            weighing = weigh(self.posed.weighed(current), self.posed.study)
            if weighing.because is not Because.OUT_OF_SCOPE:
                return bool(weighing.rating != self.expect["rating"])
        return any(compare(self.expect, self.posed.verdict(current)))


def _reasons(library: Library, home: Path) -> dict[tuple[str, str, str], str]:
    """survivors.yaml of every guideline. Raises `DataError`."""
    return {key: why for g in library.guidelines for key, why in _read(home / "guidelines" / g / "survivors.yaml", g)}


def _read(path: Path, guideline: str) -> Iterator[tuple[tuple[str, str, str], str]]:
    raw: Lines = (read_yaml(path) if path.exists() else None) or Lines()
    for rule, entries in raw.items():
        if not isinstance(entries, Lines):
            raise DataError(path, raw.line(rule), "write `rule-name: {what was changed: reason}`.")
        for what, reason in entries.items():
            if not isinstance(reason, str) or not reason.strip():
                raise DataError(path, entries.line(what), f"“{what}” needs a reason, as text.")
            yield (guideline, str(rule), str(what)), reason
