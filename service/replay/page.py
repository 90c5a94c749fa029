"""The summary of a replay: summary.json, and a page with plots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from criteria import Library
from hooks.wording import wording
from service.replay.accounts import counted
from service.replay.pages import Page
from service.replay.plots import bars, stacked
from service.replay.rules import standing
from service.replay.run import Came
from service.replay.summary import NAMED, RATINGS, TOP, as_json, sums
from service.replay.work import put

WORDS = {
    "appropriate": "appropriate", "not-appropriate": "not appropriate", "needs-information": "needs information",
    "no-criteria-apply": "no criteria apply",
}  # fmt: skip
WAYS = {"update": "order {} instead", "create": "order {} as well", "delete": "leave out {}"}
LIMITS = (
    "Each order was judged on what the export says was known when it was placed. Its statuses are those of today: a "
    "prescription that has ended since reads as ended, an order that was open then reads as done."
)


def sum_up(came: Came, folder: Path) -> None:
    held = as_json(came, sums(folder))
    put(folder / "summary.json", held)
    library = standing(came.job.rules[0], came.job.stamps[0]).library
    page = Page("Past imaging orders, judged as of the day they were placed")
    page.warning(held["warnings"])
    page.text(held["found"].rstrip(".") + ".")
    if not held["orders"]:
        what_went_in(page, held)
        page.write(folder, "summary")
        return
    page.text(
        f"The input holds {counted(held['patients'], 'patient')}. Rules: "
        f"{held['rules'][0]['name']}, in force on {held['rules_in_force_on']}. Orders with a card: "
        f"{held['cards_per_100_orders']:g} of 100."
    )
    page.text(LIMITS)
    rows = [[WORDS[r], *of(held["ratings"][r])] for r in RATINGS] + [["provisional (of all)", *of(held["provisional"])]]
    page.table("Ratings", ["rating", "orders", "per cent", "interval of 95 %"], rows)
    if early := held["no_criteria_yet"]["orders"]:
        begun = "; ".join(
            f"{library.guidelines[name].title} ({name}) began on {library.guidelines[name].start}: "
            f"{counted(n, 'order')}"
            for name, n in held["no_criteria_yet"]["guidelines"].items()
        )
        page.text(
            f"No criteria apply: {early:,} of these {held['ratings']['no-criteria-apply']['orders']:,} orders were"
            " judged by the rules of a day before a guideline that covers them began."
            f" {begun}. --rules-of latest judges them by it all the same."
        )
    if held["by_year"]:
        svg = stacked(held["by_year"], RATINGS, "Ratings by year of the order", folder / "by_year.svg")
        page.picture(svg, "Shares of the ratings by year; the same figures stand in summary.json", "by_year.svg")
    if studies := _top(held["by_study"], 12):
        svg = stacked(studies, RATINGS, "Ratings by study", folder / "by_study.svg")
        page.picture(svg, "Shares of the ratings of the most frequent studies", "by_study.svg")
    page.heading("What decided")
    titles = {c.id: f"{c.title} ({c.id})" for c in library.criteria}
    _counts(page, "Criteria that decided most orders", held["criteria"], held["orders"], titles)
    if held["local_criteria"]:
        _counts(page, "Of them, changed or added by the site", held["local_criteria"], held["orders"], titles)
    page.heading("What was missing")
    _counts(page, "Facts that would have been asked for", held["asked"], held["orders"])
    if asked := _top(held["asked"], 12):
        shares = {name: 100 * n / held["orders"] for name, n in asked.items()}
        svg = bars(shares, "Facts asked for", "per 100 orders", folder / "asked.svg")
        page.picture(svg, "The facts that would have been asked for most, per 100 orders", "asked.svg")
    ways = {way: _way(way, library) for way in held["first_alternatives"]}
    _counts(page, "First alternatives", held["first_alternatives"], held["orders"], ways)
    what_went_in(page, held)
    page.write(folder, "summary")


def what_went_in(page: Page, held: Mapping[str, Any]) -> None:
    """The input and what of it could not be used, for whoever has to trust the figures."""
    page.heading("What went in")
    page.table("Resources read", ["type", "number"], [[k, n] for k, n in held["resources"].items()])
    said = []
    if lacking := held["types_the_input_lacks"]:
        said.append(
            f"The input holds no {', '.join(lacking)}: facts that stand there are taken as not known, not as absent."
            " If the export is complete and there just are none, say --complete."
        )
    undated = {name.removeprefix("left out "): n for name, n in held["undated"].items() if name.startswith("left out ")}
    if undated:
        said.append(
            "Left out, for they name no day: " + ", ".join(f"{n:,} {kind}" for kind, n in undated.items()) + "."
        )
    counted = {name.removeprefix("counts "): n for name, n in held["undated"].items() if name.startswith("counts ")}
    if counted:
        said.append(
            "Taken as known throughout, for they name no day: " + ", ".join(f"{n:,} {k}" for k, n in counted.items())
        )
    if held["parts_failed"]:
        said.append(
            f"{held['parts_failed']} parts of the input could not be judged; start the same command to try again."
        )
    page.points(said or ["Every record that is read here was dated."])
    errors = list(held["errors"].items())[:NAMED]
    page.table("Records and orders that could not be used (all stand in errors.parquet)", ["what", "number"], errors)


def of(share: Mapping[str, Any]) -> list[str | int | float]:
    if share["percent"] is None:
        return [0, "-", "-"]
    low, high = share["interval_95"]
    return [share["orders"], float(share["percent"]), f"{low:.1f} to {high:.1f}"]


def _way(way: str, library: Library) -> str:
    """`order CT lumbar spine without contrast instead (ct_lumbar_spine.without)`"""
    action, _, study = way.partition(" ")
    if not study:
        return WAYS[action].format("this one")
    return f"{WAYS[action].format(wording('en').study(library.catalogue[study]))} ({study})"


def _counts(
    page: Page, caption: str, counts: Mapping[str, int], whole: int, names: Mapping[str, str] | None = None
) -> None:
    """``names`` say in words what the counts are of."""
    rows = [
        [(names or {}).get(name, name), n, 100 * n / whole if whole else math.nan]
        for name, n in _top(counts, TOP).items()
    ]
    page.table(caption, ["", "orders", "per 100 orders"], rows)


def _top(held: Mapping[str, Any], count: int) -> dict[str, Any]:
    return dict(list(held.items())[:count])
