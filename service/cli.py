"""The command line: serve, check, judge, report, replay, compare, unmapped, overridden, journal, audit, tenant,
coverage, schema, demo, app-keys, settings."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import click

from criteria.errors import CriteriaError
from hooks.errors import HooksError
from service.commands.tenant import tenant
from service.journal.commands import audit, journal
from service.replay.command import compare, replay
from service.settings import LOOPBACK, SettingsError, read_settings, settings_page, table
from service.version import version

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - what a browser on this machine calls them


class _Commands(click.Group):
    """What is wrong with data or settings is said in one sentence, without a stack."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (CriteriaError, SettingsError, HooksError) as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=_Commands)
@click.version_option(version(), prog_name="imaging-cds")
def main() -> None:
    """Imaging guidelines as open data, answered at order entry through CDS Hooks."""


@main.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--open", "open_", is_flag=True, help="For trying out: no token needed, any web origin.")
@click.option("--workers", type=click.IntRange(1, 64), help="In place of IMAGING_CDS_WORKERS.")
@click.option("--threads", type=click.IntRange(1, 64), help="In place of IMAGING_CDS_THREADS.")
def serve(port: int, host: str, open_: bool, workers: int | None, threads: int | None) -> None:
    """Run the service until it is stopped. SIGTERM ends it in order, SIGHUP has it read its files anew."""
    from service import log
    from service.watch.shared import share

    share()
    from service.app import create_app
    from service.server import Server
    from service.starting import check_port

    log.configure()
    given: dict[str, Any] = {"open": open_ or None, "workers": workers, "threads": threads}
    settings = read_settings(**{name: value for name, value in given.items() if value is not None})
    if not (settings.open or settings.base_url or host in LOOPBACK):
        raise SettingsError("IMAGING_CDS_BASE_URL is needed: tokens are made out to the service's public URL.")
    at = f"[{host}]" if ":" in host else host
    url = settings.base_url or f"http://{at}:{port}"
    words = f"CDS Hooks discovery: {url}/cds-services\nGuidelines to read: {url}/guidelines"
    if settings.open:
        words += "\nOpen: no token is asked for. For trying out only."
    check_port(host, port)
    served = settings.served_at(f"http://{EVERYWHERE.get(host, at)}:{port}")
    Server(lambda: create_app(served), f"{at}:{port}", words).run()


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--overlay", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A site's overlay file.")
@click.option("--sources", type=click.Path(path_type=Path), help="Folder of texts that nothing may be copied from.")
@click.option("--mutate", "mutating", is_flag=True, help="Put small wrongs into the rules: do their cases notice?")
@click.option("--sample", default=100.0, show_default=True, help="With --mutate: so many per cent of the mutants.")
@click.option("--seed", default=1, show_default=True, help="With --sample: which.")
@click.option("--json", "as_json", is_flag=True, help="With --mutate: the report as JSON.")
def check(
    paths: tuple[Path, ...],
    overlay: Path | None,
    sources: Path | None,
    mutating: bool,
    sample: float,
    seed: int,
    as_json: bool,
) -> None:
    """Check rule files and tables, and run the cases beside them; all when no PATHS are given."""
    from service import checking

    if mutating:
        checking.mutations(paths, sample, seed, as_json)
    elif sources is not None:
        checking.copies(sources)
    elif overlay is not None:
        checking.overlaid(overlay)
    else:
        checking.everything(paths)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--hook", help="Read the request as this hook (order-select or order-sign).")
@click.option("--json", "as_json", is_flag=True, help="The answer that a client would get, as JSON.")
@click.option("--complete", is_flag=True, help="A type that the Bundle lacks has no record, rather than not known.")
def judge(file: Path, hook: str | None, as_json: bool, complete: bool) -> None:
    """Judge the orders of FILE, a hook request or a FHIR Bundle, and print why.

    By the criteria, overlay and policies that the service has with the settings that stand.
    """
    from service.trial import judge_file

    for line in judge_file(file, hook, as_json, read_settings(open=True), complete):
        click.echo(line)


@main.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--journal", is_flag=True, help="What the journal kept of orders, instead of FILES: codes, no phrases.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="With --journal: from this day on.")
@click.option("--top", default=20, show_default=True, type=click.IntRange(1), help="So many of each kind.")
@click.option("--json", "form", flag_value="json", help="As JSON.")
@click.option("--csv", "form", flag_value="csv", help="As CSV.")
def unmapped(files: tuple[Path, ...], journal: bool, since: dt.datetime | None, top: int, form: str | None) -> None:
    """Which codes and phrases mean nothing to the service, the most frequent first.

    FILES are hook requests, FHIR Bundles, single resources or NDJSON, also gzipped, or folders of them. Phrases are
    printed as they stand there, numbers masked: keep the report where the files may be.
    """
    from service import unmapped_report as report

    if journal == bool(files) or (since and not journal):
        raise click.UsageError("Name files to read, or ask the --journal (--since goes with it).")
    if journal:
        report.of_journal(read_settings(open=True), since.date() if since else None, top, form or "lines")
    else:
        report.of_files(files, top, form or "lines")


@main.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--overlay", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A site's overlay file.")
@click.option("--journal", is_flag=True, help="What the journal kept, instead of FOLDER.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="With --journal: from this day on.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="With --journal: to the end of this day."
)
@click.option("--tenant", help="With --journal: of this tenant only.")
@click.option("--top", default=20, show_default=True, type=click.IntRange(1), help="So many criteria, facts, codes.")
@click.option("--json", "as_json", is_flag=True)
def report(
    folder: Path | None,
    overlay: Path | None,
    journal: bool,
    since: dt.datetime | None,
    until: dt.datetime | None,
    tenant: str | None,
    top: int,
    as_json: bool,
) -> None:
    """What the service answered and what became of it (--journal, docs/operating.md); or send generated orders with
    known truth (FOLDER, fixtures/orders) through it: how often is it right?"""
    from service.report import journal as kept
    from service.report.show import of_folder

    if journal == (folder is not None) or (journal and overlay) or (folder and (since or until or tenant)):
        raise click.UsageError("Name a folder of generated orders, or ask the --journal (days and tenant go with it).")
    if folder is None:
        from service.report.period import Period, zone_of

        settings = read_settings(open=True)
        days = (since.date() if since else None, until.date() if until else None)
        kept.of_journal(settings, as_json, Period(*days, tenant, zone_of(settings)), top)
    else:
        settings = read_settings(open=True)
        over = settings.model_copy(update={"overlay_file": str(overlay)}) if overlay else settings
        of_folder(folder, over, top, as_json)


@main.command()
@click.option("--missing", is_flag=True, help="Only the rows that are still open; the last line counts them.")
@click.option("--json", "as_json", is_flag=True)
@click.option("--record", "recording", is_flag=True, help="Keep what the cases exercised, for the service's own page.")
def coverage(missing: bool, as_json: bool, recording: bool) -> None:
    """Which statement of which guideline became what, section by section."""
    from service import checking

    checking.coverage(missing, as_json, recording)


@main.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="From this day on.")
def overridden(since: dt.datetime | None) -> None:
    """What became of the cards, criterion by criterion: accepted, set aside and why, no word."""
    from service.journal import Journal
    from service.journal.overridden import outcome_lines, outcomes

    journal = Journal(read_settings(open=True))
    journal.upgrade()
    for line in outcome_lines(outcomes(journal.engine, since.date() if since else None)):
        click.echo(line)


main.add_command(journal)
main.add_command(audit)


@main.command()
def schema() -> None:
    """The JSON Schema of rule files, for editors; criteria/schema.json holds it."""
    from criteria.schema import schema_text

    click.echo(schema_text(), nl=False)


@main.command()
@click.argument("requests", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--print", "shown", is_flag=True, help="Print the requests with their dates filled in; send nothing.")
def demo(requests: tuple[Path, ...], shown: bool) -> None:
    """Start the service on a free port, send it the fixture requests over HTTP, and show what comes back."""
    from service.demo import run, show

    raise SystemExit(show(requests) if shown else run(requests))


@main.command(name="app-keys")
def app_keys() -> None:
    """New private keys for the SMART app, as a JWK set: put them into a file that only the service can read."""
    from service.smart.keys import new_keys

    click.echo(json.dumps(new_keys(), indent=2))


@main.command()
@click.option("--markdown", is_flag=True, help="As docs/settings.md holds it.")
def settings(markdown: bool) -> None:
    """Every setting: environment variable, default, meaning."""
    if markdown:
        click.echo(settings_page(), nl=False)
        return
    for name, default, meaning in table():
        click.echo(f"{name} [{default}]\n    {meaning}")


main.add_command(tenant)
main.add_command(replay)
main.add_command(compare)

if __name__ == "__main__":
    main()
