"""Print the report, and show how far the walk is."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import orjson
import structlog

from service.report.folder import open_folder
from service.report.measure import SHARES, Sums, as_json, measure
from service.report.walk import Outcome, Walk
from service.settings import Settings

KINDS = {
    "wrong": "wrong ratings",
    "asked": "asked, although the scenario settles it",
    "many": "more questions than the scenario needs",
    "offer": "the right study is not offered",
    "no way": "not appropriate, no way offered and no word why",
}
EVERY = 50


def of_folder(path: Path, settings: Settings, top: int, in_json: bool) -> None:
    """Raises `DataError` naming file, line and mend."""
    folder = open_folder(path)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    sums = measure(_watched(Walk(settings, folder.today).outcomes(folder), folder.orders))
    if in_json:
        click.echo(orjson.dumps(as_json(sums), option=orjson.OPT_INDENT_2).decode())
    else:
        for line in lines(sums, top):
            click.echo(line)


def lines(sums: Sums, top: int) -> Iterator[str]:
    yield f"{sums.orders} orders, {100 * sums.with_card / max(1, sums.orders):.1f} of 100 with a card"
    yield ""
    for name, (says, goal, more) in SHARES.items():
        share = sums.share(name)
        if not share.whole:
            continue
        low, high = share.interval
        aim = "" if goal is None else f"  goal {'>=' if more else '<='} {goal:g} %"
        yield f"{share.percent:6.1f} % ({low:.1f} to {high:.1f}) {share.part:>5} of {share.whole:<5} {says}{aim}"
    yield ""
    yield f"questions: median {sums.quantile(0.5)}, 95th percentile {sums.quantile(0.95)}"
    yield "ratings: " + ", ".join(f"{name} {n}" for name, n in sums.ratings.most_common())
    yield "not-appropriate cards offer: " + ", ".join(f"{name} {n}" for name, n in sums.offers.most_common())
    yield ""
    yield "criteria that decided, per 100 orders:"
    for criterion, n in sums.criteria.most_common(top):
        yield f"{100 * n / sums.orders:6.1f} {n:>6}  {criterion}"
    for kind, says in KINDS.items():
        found = sums.faults_of(kind)
        yield ""
        yield f"{says}: {sum(n for *_, n in found)}"
        for scenario, came, rows, n in found:
            yield f"{n:>6}  {scenario} [{', '.join(rows)}]: {came}"


def _watched(outcomes: Iterable[Outcome], orders: int) -> Iterator[Outcome]:
    """A line on a terminal's standard error that writes over itself."""
    for done, outcome in enumerate(outcomes, 1):
        yield outcome
        if sys.stderr.isatty() and (done % EVERY == 0 or done >= orders):
            full = min(30, 30 * done // max(1, orders))
            end = "\n" if done >= orders else ""
            print(f"\r[{'#' * full}{'.' * (30 - full)}] {done} of {orders} orders", end=end, file=sys.stderr)
