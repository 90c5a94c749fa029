"""The report of the journal on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import orjson
from sqlalchemy import inspect

from service.journal.models import UnmappedCode
from service.journal.unmapped import existing
from service.report.figures import TOP, figures
from service.report.period import Period
from service.settings import Settings, SettingsError
from service.watch.spooled import spooled

HEADS = {
    "ratings": "orders by their latest rating",
    "cards": "cards",
    "indicators": "cards by how much they press",
    "override_reasons": "override reasons",
}
LISTS = {
    "missing_facts": "facts that were missing, by orders",
    "presumptions": "presumptions that ratings lean on, by orders",
    "studies": "studies ordered",
}


def of_journal(settings: Settings, in_json: bool, period: Period | None = None, top: int = TOP) -> None:
    counted = counts(settings, period or Period(), top)
    if in_json:
        click.echo(orjson.dumps(counted, option=orjson.OPT_INDENT_2).decode())
    else:
        for line in lines(counted):
            click.echo(line)


def counts(settings: Settings, period: Period, top: int = TOP) -> dict[str, Any]:
    """Raises `SettingsError` where there is no journal to read."""
    engine = existing(settings).engine
    try:
        if not inspect(engine).has_table(UnmappedCode.__tablename__):
            raise SettingsError("The journal is older than this software. Starting the service brings it up to date.")
        waiting, refused = spooled(settings.spool_folder)
        return {**figures(engine, period, top), "not_kept": {"waiting_bytes": waiting, "refused_bytes": refused}}
    finally:
        engine.dispose()


def lines(counted: dict[str, Any]) -> Iterator[str]:
    first, last = counted["since"] or "the beginning", counted["until"] or "now"
    yield f"from {first} to {last}, {counted['tenant'] or 'all tenants'}"
    yield f"answers: {counted['answers']}"
    for key, head in HEADS.items():
        yield f"{head}: {sum(counted[key].values())}"
        for name, n in counted[key].items():
            yield f"{n:>8}  {name}"
    if counted["orders"]:
        yield f"orders with a card, by their latest answer: {counted['cards_per_100_orders']:g} of 100"
    if taken := counted["suggestions_taken"]:
        yield "suggestions taken, by place on the card: " + ", ".join(f"{place}: {n}" for place, n in taken.items())
    for kept, says in (("waiting_bytes", "wait for the database"), ("refused_bytes", "were refused by it")):
        if number := counted["not_kept"][kept]:
            yield f"{number} bytes on this machine {says} and are not counted here"
    yield from _over_time(counted["over_time"], list(counted["ratings"]))
    yield from _criteria(counted["criteria"])
    for key, head in LISTS.items():
        if counted[key]:
            yield f"{head}:"
            yield from (f"{entry['orders']:>8}  {entry['name']}" for entry in counted[key])
    if counted["unmapped_codes"]:
        yield "codes that no table knows, by orders:"
        for code in counted["unmapped_codes"]:
            yield f"{code['orders']:>8}  {code['kind']} {code['system'] or '(no system)'} {code['code']}"
    for hook, took in counted["milliseconds"].items():
        yield f"{hook}: half of the answers within {took['p50']} ms, 95 % {took['p95']} ms, 99 % {took['p99']} ms"


def _over_time(entries: list[dict[str, Any]], ratings: list[str]) -> Iterator[str]:
    if not entries:
        return
    yield f"{'from':12}" + "".join(f"{rating:>20}" for rating in ratings)
    for entry in entries:
        yield f"{entry['from']:12}" + "".join(f"{entry['ratings'].get(rating, 0):>20}" for rating in ratings)


def _criteria(entries: list[dict[str, Any]]) -> Iterator[str]:
    if not entries:
        return
    yield f"{'criterion':60}{'decided, of orders':>32}{'cards':>8}{'overridden, of those with a word':>34}"
    for e in entries:
        yield f"{e['criterion']:60}{shown(e['triggered']):>32}{e['cards']:>8}{shown(e['overridden']):>34}"
        yield from (f"    {reason}: {times}" for reason, times in e["reasons"].items())


def shown(share: dict[str, Any]) -> str:
    """12 of 40, 30.0 % (18.1 to 45.4)"""
    if not share["whole"]:
        return "-"
    low, high = share["interval_95"]
    return f"{share['part']} of {share['whole']}, {share['percent']:.1f} % ({low:.1f} to {high:.1f})"
