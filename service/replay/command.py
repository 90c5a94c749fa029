"""`imaging-cds replay` and `imaging-cds compare`."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import click

KEY_BYTES = 32
WORK = "work"
FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _rules_of(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if value in ("order", "latest"):
        return value
    try:
        return dt.date.fromisoformat(value).isoformat()
    except ValueError:
        raise click.BadParameter("write order, latest, or a day such as 2026-01-01") from None


BREAKS_OFF = 3
"""Exit status where a file of the input breaks off: the results stand, and are of what could be read."""
OVERLAY = "A site's overlay file over the criteria; with compare, over the new ones."
REASONS = "reasons.parquet: the clauses of the criteria that decided, or none of them, which is smaller."
RULES_OF = "Rules in force on which day: the order's own, the latest (everything that was written), or a date."


def _shared(command: Any) -> Any:
    """The options of both commands."""
    for option in reversed((
        click.argument("source", metavar="INPUT", type=click.Path(path_type=Path)),
        click.option("--out", required=True, type=FOLDER, help="Folder for all results."),
        click.option("--overlay", type=FILE, help=OVERLAY),
        click.option("--processes", type=click.IntRange(1, 256), help="On this machine; default: one for each core."),
        click.option("--dask", metavar="ADDRESS", default="", help="Work on a Dask cluster, such as tcp://host:8786."),
        click.option("--keep-ids", is_flag=True, help="Ids of orders and patients as they are, not as keyed hashes."),
        click.option("--key-file", type=FILE, help="Key of these hashes (32 bytes or more), so that runs agree."),
        click.option("--complete", is_flag=True, help="A type without a file has no record, rather than not known."),
        click.option("--restart", is_flag=True, help="Let go of what an earlier run left in DIR."),
    )):  # fmt: skip
        command = option(command)
    return command


@click.command()
@_shared
@click.option("--criteria", default="shipped", show_default=True, help="A folder of criteria, or of one guideline.")
@click.option("--rules-of", default="order", show_default=True, callback=_rules_of, help=RULES_OF)
@click.option("--reasons", default="decisive", show_default=True, type=click.Choice(["decisive", "none"]), help=REASONS)
def replay(source: Path, out: Path, **options: Any) -> None:
    """Judge every imaging order of INPUT on the chart as it stood when the order was placed.

    INPUT is a FHIR Bulk Data export (NDJSON, one file or several per type, gzipped or not) or a folder of Bundles.
    docs/replay.md tells the rest. A run that was stopped goes on when it is started again.
    """
    from service.replay.page import sum_up

    _run(source, out, (options.pop("criteria"),), sum_up, options)


@click.command()
@_shared
@click.option("--criteria", multiple=True, help="Twice: OLD and NEW; a folder, `shipped`, or an overlay file.")
@click.option("--rules-of", default="latest", show_default=True, callback=_rules_of, help=RULES_OF)
def compare(source: Path, out: Path, criteria: tuple[str, ...], **options: Any) -> None:
    """Judge every imaging order of INPUT by two sets of rules: which verdicts change, and which clause does it.

    Name two --criteria, or one with an --overlay over it, or an --overlay alone over what is shipped.
    """
    from service.replay.compare_page import sum_up

    if options["overlay"]:
        if len(criteria) > 1:
            raise click.UsageError("--overlay is the new one of the two: give at most one --criteria with it.")
        criteria = (criteria or ("shipped",)) * 2
    if len(criteria) != 2:
        raise click.UsageError("Name OLD and NEW: --criteria twice, or --overlay.")
    _run(source, out, criteria, sum_up, {**options, "reasons": "none"})


def _run(source: Path, out: Path, criteria: tuple[str, ...], sum_up: Any, options: dict[str, Any]) -> None:
    try:
        _judge(source, out, criteria, sum_up, options)
    except KeyboardInterrupt:
        raise click.ClickException(f"Stopped; {_go_on(out)}") from None


def _judge(source: Path, out: Path, criteria: tuple[str, ...], sum_up: Any, options: dict[str, Any]) -> None:
    from service.replay.cluster import NoCluster
    from service.replay.job import site_of
    from service.replay.progress import watched
    from service.replay.rules import named
    from service.replay.run import Ask, run
    from service.replay.tables import Lacking
    from service.replay.work import Refused
    from service.settings import read_settings

    _key(options["key_file"])
    settings = read_settings(open=True)
    last = len(criteria) - 1
    overlay = str(options.pop("overlay") or ("" if last else settings.overlay_file))
    rules = tuple(named(c, overlay if n == last else "", settings.policies_file) for n, c in enumerate(criteria))
    options["processes"] = options["processes"] or os.cpu_count() or 1
    if options["keep_ids"] and options["key_file"]:
        raise click.UsageError("--key-file makes hashes, --keep-ids makes none: choose one.")
    try:
        figures = run(Ask(source, out, rules, site=site_of(settings), **options), sum_up, watched())
    except (Lacking, NoCluster, Refused) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise click.ClickException(f"{error.strerror}{where}; {_go_on(out)}") from None
    for warning in figures["warnings"]:
        click.echo(f"WARNING: {warning}", err=True)
    for line in _said(figures, out):
        click.echo(line)
    if figures["parts_failed"]:
        raise click.ClickException("some orders have no verdict (errors.parquet); start the same command to try again.")
    if not figures["orders"]:
        raise click.ClickException(figures["found"])
    if figures["breaks_off"]:
        click.get_current_context().exit(BREAKS_OFF)


def _go_on(out: Path) -> str:
    """What to do after a run that ended early."""
    if (out / WORK).is_dir():
        return "start the same command to go on: what is finished is kept."
    return "nothing was begun."


def _key(path: Path | None) -> None:
    """Short keys can be guessed, and with them who is behind a hash."""
    if path is not None and len(path.read_bytes().strip()) < KEY_BYTES:
        raise click.UsageError(
            f"--key-file {path} holds fewer than {KEY_BYTES} bytes, which can be guessed. Make a key with:"
            f" (umask 077; openssl rand -hex 32 > {path})"
        )


def _said(figures: dict[str, Any], out: Path) -> list[str]:
    from service.replay.accounts import counted

    pace = figures["orders_per_second"]
    return [
        f"{figures['found'].rstrip('.')}. {counted(figures['errors'], 'record')} could not be used. Results: {out}",
        f"{figures['seconds']} s on {figures['ran_on']}"
        + (f", {pace} orders a second, {figures['orders_per_second_per_core']} a second and core" if pace else "")
        + (
            f"; {figures['parts_kept']} of {figures['parts']} parts were there already" if figures["parts_kept"] else ""
        ),
        f"peak memory {figures['peak_mib_all']} MiB in all processes",
    ]
