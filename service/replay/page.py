"""The summary of a replay: summary.json, and a page with plots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.replay.pages import Page
from service.replay.plots import bars, stacked
from service.replay.run import Came
from service.replay.summary import NAMED, RATINGS, TOP, as_json, sums
from service.replay.work import put

WORDS = {
    "appropriate": "appropriate", "not-appropriate": "not appropriate", "needs-information": "needs information",
    "no-criteria-apply": "no criteria apply",
}  # fmt: skip
LIMITS = (
    "Each order was judged on what the export says was known when it was placed. Its statuses are those of today: a "
    "prescription that has ended since reads as ended, an order that was open then reads as done."
)


def sum_up(came: Came, folder: Path) -> None:
    held = as_json(came, sums(folder))
    put(folder / "summary.json", held)
    page = Page("Past imaging orders, judged as of the day they were placed")
    page.text(
        f"{held['orders']:,} imaging orders; the input holds {held['patients']:,} patients. Rules: "
        f"{held['rules'][0]['name']}, in force on {held['rules_in_force_on']}. A card would have been shown for "
        f"{_or_none(held['cards_per_100_orders'])} of 100 orders."
    )
    page.text(LIMITS)
    rows = [[WORDS[r], *of(held["ratings"][r])] for r in RATINGS] + [["provisional (of all)", *of(held["provisional"])]]
    page.table("Ratings", ["rating", "orders", "per cent", "interval of 95 %"], rows)
    if held["by_year"]:
        svg = stacked(held["by_year"], RATINGS, "Ratings by year of the order", folder / "by_year.svg")
        page.picture(svg, "Shares of the ratings by year; the same figures stand in summary.json", "by_year.svg")
    if studies := _top(held["by_study"], 12):
        svg = stacked(studies, RATINGS, "Ratings by study", folder / "by_study.svg")
        page.picture(svg, "Shares of the ratings of the most frequent studies", "by_study.svg")
    page.heading("What decided")
    _counts(page, "Criteria that decided most orders", held["criteria"], held["orders"])
    if held["local_criteria"]:
        _counts(page, "Of them, changed or added by the site", held["local_criteria"], held["orders"])
    page.heading("What was missing")
    _counts(page, "Facts that would have been asked for", held["asked"], held["orders"])
    if asked := _top(held["asked"], 12):
        shares = {name: 100 * n / held["orders"] for name, n in asked.items()}
        svg = bars(shares, "Facts asked for", "per 100 orders", folder / "asked.svg")
        page.picture(svg, "The facts that would have been asked for most, per 100 orders", "asked.svg")
    _counts(page, "First alternatives", held["first_alternatives"], held["orders"])
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


def _counts(page: Page, caption: str, counts: Mapping[str, int], whole: int) -> None:
    rows = [[name, n, 100 * n / whole if whole else math.nan] for name, n in _top(counts, TOP).items()]
    page.table(caption, ["", "orders", "per 100 orders"], rows)


def _top(held: Mapping[str, Any], count: int) -> dict[str, Any]:
    return dict(list(held.items())[:count])


def _or_none(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"
