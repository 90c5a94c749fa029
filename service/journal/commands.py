"""imaging-cds journal, imaging-cds audit: what is kept of answers, let go of, handed on and checked."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.settings import SettingsError, read_settings

if TYPE_CHECKING:
    from service.journal.chain import Head
    from service.journal.keep import Journal

DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def journal() -> None:
    """What is kept of answers (docs/journal.md)."""


@journal.command()
@click.option("--dry-run", is_flag=True, help="Say what would go, and let it stay.")
def purge(dry_run: bool) -> None:
    """Delete what is past its period. The service does so too, every ten minutes while it runs."""
    settings = read_settings(open=True)
    kept = _existing()
    gone = kept.ledger.purge(settings, dt.datetime.now(dt.UTC), only_count=dry_run)
    for name, rows in gone.items():
        click.echo(f"{name}: {rows} {'would go' if dry_run else 'deleted'}")
    kept.engine.dispose()


@journal.command()
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the files.")
@click.option("--tenant", help="Of this tenant alone.")
@click.option("--since", type=DAY, metavar="DATE", help="From this day on, at the site.")
@click.option("--until", type=DAY, metavar="DATE", help="To the end of this day.")
@click.option("--csv", "form", flag_value="csv", default=None, help="CSV; otherwise one JSON object a line.")
def export(
    out: Path, tenant: str | None, since: dt.datetime | None, until: dt.datetime | None, form: str | None
) -> None:
    """Answers, cards, unknown codes, feedback and the audit trail as files, with about.json."""
    from service.journal.export import export as write
    from service.report.period import zone_of

    if out.exists() and any(out.iterdir()):
        raise click.ClickException(f"{out} is not empty: name another folder, so that nothing is written over.")
    zone = zone_of(read_settings(open=True))
    kept = _existing()
    end = until + dt.timedelta(days=1) if until else None
    rows = write(kept.engine, out, form or "ndjson", tenant, _begin(since, zone), _begin(end, zone))
    for name, number in rows.items():
        click.echo(f"{name}: {number}")
    kept.engine.dispose()


@click.group()
def audit() -> None:
    """The trail of what was kept: chains of digests that show what was changed or taken out (docs/journal.md)."""


@audit.command()
def head() -> None:
    """The last link of each chain: writer, row, digest. Keep it where nobody can change it, for `verify --heads`."""
    from sqlalchemy.orm import Session

    from service.journal.verify import heads

    kept = _existing()
    with Session(kept.engine) as db:
        for writer, (seq, link) in heads(db).items():
            click.echo(f"{writer} {seq} {link}")
    kept.engine.dispose()


@audit.command()
@click.option("--heads", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="What `audit head` printed once: every link in it must still stand.")  # fmt: skip
def verify(file: Path | None) -> None:
    """Walk all chains and compare what the journal holds; exit 1 where something does not fit."""
    from service.journal.verify import verify as check

    kept = _existing()
    found = check(kept.engine, _heads(file) if file else None)
    kept.engine.dispose()
    for one in found.breaks:
        click.echo(f"BROKEN  {one}")
    click.echo(
        f"{len(found.heads)} chains, {found.links} links, {found.checked} rows compared, {found.gone.total()} gone."
    )
    if found.breaks:
        raise SystemExit(1)
    click.echo("The audit trail is whole.")


def _existing() -> Journal:
    import service.smart.models  # noqa: F401 - its tables have an end too
    from service.journal.unmapped import existing

    kept = existing(read_settings(open=True))
    kept.upgrade()
    return kept


def _begin(day: dt.datetime | None, zone: dt.tzinfo) -> dt.datetime | None:
    return day.replace(tzinfo=zone) if day else None


def _heads(file: Path) -> dict[str, Head]:
    from service.journal.chain import Head

    out: dict[str, Head] = {}
    for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            writer, seq, link = text.split()
            out[writer] = Head(int(seq), link)
        except ValueError:
            raise SettingsError(f"{file.name}, line {number}: write what `imaging-cds audit head` prints.") from None
    return out
