"""What `imaging-cds check` and `imaging-cds coverage` print."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hooks.configuration
import hooks.overrides
import hooks.roles
import hooks.scores
import hooks.services
from criteria import load_library
from criteria.coverage import STATES, Row
from criteria.errors import DataError
from criteria.library import HERE
from criteria.mutate import MOST, Report
from criteria.tally import Line, lines, share
from hooks.translation import check_facts, check_translation
from hooks.wording import LANGUAGES, languages, wording
from service.clients import load_profiles

HEADS = ("rows", *STATES)


def check_languages() -> None:
    """Every language has all sentences, and says all that the rules' data may say as it stands now."""
    library = load_library()
    for language in languages():
        words = wording(language, staff=True)
        check_facts((LANGUAGES / language).with_suffix(".yaml"), [*words.presumed, *words.named], library.vocabulary)
        if words.studies is not None:
            check_translation((LANGUAGES / language).with_suffix(".csv"), words.studies, library)


TABLES: tuple[Callable[[], object], ...] = (
    check_languages,
    hooks.overrides.override_reasons,
    hooks.roles.roles,
    hooks.services.services,
    hooks.configuration.published,
    hooks.scores.scores,
    load_profiles,
)


def table_faults() -> Iterator[str]:
    """Slips in the tables outside criteria/: wording, override reasons, roles, services, client profiles."""
    for load in TABLES:
        try:
            load()
        except DataError as error:
            yield str(error)


def coverage_lines(rows: Sequence[Row]) -> Iterator[str]:
    """The table, section by section."""
    yield f"{'':34}{''.join(f'{head:>20}' for head in HEADS)}"
    for line in lines(rows):
        name = f"  {line.section}" if line.section else line.guideline or "all"
        yield f"{name:34}{line.rows:20}{''.join(f'{_counted(line, state):>20}' for state in STATES)}"
    asked, total = share(rows), list(lines(rows))[-1]
    whole = sum(total.percent(state) for state in STATES)
    for row in (r for r in rows if r.state == "not computed"):
        yield f"not computed: {row.guideline} {row.id} ({row.title}): {row.reason}"
    yield f"sum {whole:.0f} %, {total.unaccounted} unaccounted"
    yield f"of {asked.rows} rows that ask for a computation, {asked.encoded} are encoded: {asked.percent:.1f} %"


def coverage_json(rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "rows": [dataclasses.asdict(row) for row in rows],
        "sections": [
            {"guideline": x.guideline, "section": x.section, "title": x.title, "rows": x.rows, **x.states}
            for x in lines(rows)
        ],
        "computed": {**dataclasses.asdict(share(rows)), "percent": round(share(rows).percent, 2)},
        "unaccounted": sum(row.state == "open" for row in rows),
    }


def missing_lines(rows: Iterable[Row]) -> Iterator[str]:
    """The open rows; the last line says how many."""
    still = [row for row in rows if row.state == "open"]
    for row in still:
        yield f"{row.guideline} {row.id} ({row.kind}): {row.title}{f' - {row.reason}' if row.reason else ''}"
    yield f"{len(still)} unaccounted"


def mutation_lines(report: Report) -> Iterator[str]:
    """Each survivor, what is stale in survivors.yaml, and the sums."""
    for s in report.survivors:
        where = s.file.relative_to(HERE) if s.file.is_relative_to(HERE) else s.file.name
        yield f"{where}{f' line {s.line}' if s.line else ''}: {s.what}{f' ({s.reason})' if s.reason else ''}"
    yield from report.stale
    for guideline, tally in {**report.tallies, "all": report.total}.items():
        killed = tally.mutants - tally.survived
        yield (
            f"{guideline}: {tally.mutants} mutants, {killed} killed, {tally.survived} survived, {tally.percent:.1f} %"
        )
    unexplained = sum(not s.reason for s in report.survivors)
    yield f"{unexplained} of the survivors are without a reason; at most {MOST:g} % may survive."


def mutation_json(report: Report) -> dict[str, Any]:
    def tally(t: Any) -> dict[str, Any]:
        return {
            "mutants": t.mutants, "killed": t.mutants - t.survived, "survived": t.survived,
            "percent": round(t.percent, 2),
        }  # fmt: skip

    return {
        "guidelines": {name: tally(t) for name, t in report.tallies.items()},
        "total": tally(report.total),
        "survivors": [{**dataclasses.asdict(s), "file": s.file.name} for s in report.survivors],
        "stale": report.stale,
        "passes": report.passes,
    }


def show_progress(done: int, rules: int, mutants: int, survivors: int) -> None:
    """One line on standard error that writes over itself; every hundredth rule where it is no terminal."""
    if sys.stderr.isatty():
        print(f"\r{done} of {rules} rules, {mutants} mutants, {survivors} survive", end="", file=sys.stderr)
    elif done % 100 == 0:
        print(f"{done} of {rules} rules, {mutants} mutants, {survivors} survive", file=sys.stderr)
    if done == rules and sys.stderr.isatty():
        print(file=sys.stderr)


def our_texts() -> list[Path]:
    """What may hold no sentence of a source: all under criteria/, and the wording of the cards."""
    from criteria.sources import our_files

    return our_files(HERE, *sorted(LANGUAGES.glob("*.yaml")))


def _counted(line: Line, state: str) -> str:
    return f"{line.states[state]} ({line.percent(state):.0f} %)"
