"""imaging-cds tenant: who may call (docs/callers.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from service.settings import Settings, SettingsError, read_settings

FILE = click.Path(dir_okay=False, path_type=Path)
table_option = click.option("--file", type=FILE, help="The trust table; default: IMAGING_CDS_TRUST_FILE.")


@click.group()
def tenant() -> None:
    """Who may call: the clients of the trust table, and a call as one of them would make it."""


@tenant.command()
@click.argument("issuer")
@click.argument("name")
@click.option("--jku", multiple=True, help="Address that its keys may be fetched from.")
@click.option("--keys", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="File with its keys (JWK set, JWK, PEM); public halves go into the table.")  # fmt: skip
@click.option("--fhir-base", "fhir_bases", multiple=True, help="FHIR server that may be called for it.")
@click.option("--profile", help="One of service/clients.yaml.")
@click.option("--algorithm", "algorithms", multiple=True, help="Allowed; default: all asymmetric ones.")
@click.option("--subject", help="sub of its tokens.")
@click.option("--audience", "audiences", multiple=True, help="URL it knows the service by, beside the public one.")
@click.option("--leeway", "leeway_seconds", type=int, help="Seconds that its clock may be off.")
@click.option("--certificate", multiple=True, help="SHA-256 fingerprint or subject of its TLS certificate.")
@click.option("--policy", help="Policy that speaks where the payer is unknown.")
@click.option("--rate", help="Calls that it may make, such as 6000/minute.")
@table_option
def add(issuer: str, name: str, keys: Path | None, file: Path | None, **said: Any) -> None:
    """Add a client to the trust table: the ISSUER of its tokens, and the NAME under which everything is stored."""
    from service.key_files import public_half, read_keys
    from service.parts import library_of
    from service.tenants import add_row

    settings = read_settings(open=True)
    entry = {key: list(value) if isinstance(value, tuple) else value for key, value in said.items()}
    entry |= {"issuer": issuer, "tenant": name, "keys": [public_half(key) for key in read_keys(keys)] if keys else []}
    target = _table(file, settings)
    click.echo(add_row(target, entry, settings, tuple(library_of(settings).policies.by_id)), nl=False)
    click.echo(f"Added to {target}. A running service reads it within a few seconds.", err=True)


@tenant.command(name="list")
@table_option
def list_(file: Path | None) -> None:
    """The clients of the trust table, one a line."""
    from service.tenants import table_lines

    settings = read_settings(open=True)
    for line in table_lines(_rows(file, settings), _apps(settings)):
        click.echo(line)


@tenant.command()
@click.argument("client")
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="File with the client's private key (JWK set, JWK, PEM); without it nothing is sent.")  # fmt: skip
@click.option("--kid", help="Key id, where the file does not say it or holds several.")
@click.option("--url", help="Where the service is; default: IMAGING_CDS_BASE_URL, or this machine's port 8000.")
@click.option("--request", "request_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Hook request to send; default: the first made-up one.")  # fmt: skip
@table_option
def test(
    client: str, key: Path | None, kid: str | None, url: str | None, request_file: Path | None, file: Path | None
) -> None:
    """Try what the row of a CLIENT (issuer or tenant) points to, and call a running service as it would."""
    from service.key_files import read_keys
    from service.trial_call import Step, call, passed, reach

    settings = read_settings(open=True)
    rows = _rows(file, settings)
    row = next((r for r in rows.values() if client in (r.issuer, r.tenant)), None)
    if row is None:
        raise click.ClickException(f"No client {client} in the table. `imaging-cds tenant list` shows those there are.")
    click.echo(f"{row.issuer}, tenant {row.tenant}, profile {row.profile}")
    steps: list[Step] = []
    found = None
    if key:
        held = read_keys(key)
        found = next((k for k in held if kid is None or k.get("kid") == kid), held[0] if len(held) == 1 else None)
        if found is None or "d" not in found:
            raise click.ClickException(f"{key.name} holds no private key{f' with the id {kid}' if kid else ''}.")
        found = {**found, "kid": kid or found.get("kid")}
    at = (url or settings.base_url or "http://127.0.0.1:8000").rstrip("/")
    for step in (*reach(row, settings), *(call(row, rows, found, at, settings, request_file) if found else ())):
        steps.append(step)
        for line in step.lines():
            click.echo(line)
    if not key:
        click.echo("No call was made: name the client's private key with --key (`imaging-cds tenant keys` makes one).")
    raise SystemExit(0 if passed(steps) else 1)


@tenant.command()
@click.argument("file", type=FILE)
def keys(file: Path) -> None:
    """Make keys to try a client out with: the private ones into FILE, the public ones on standard output."""
    from service.key_files import write_new_keys

    click.echo(json.dumps(write_new_keys(file), indent=2))


def _table(file: Path | None, settings: Settings) -> Path:
    if file is None and not settings.trust_file:
        raise SettingsError("IMAGING_CDS_TRUST_FILE is not set; name the table with --file.")
    return file or Path(settings.trust_file)


def _rows(file: Path | None, settings: Settings) -> Mapping[str, Any]:
    from service.trusted import load_trust

    return load_trust(_table(file, settings), settings)


def _apps(settings: Settings) -> dict[str, list[str]]:
    """Tenant -> the EHRs that may launch the app, with the app's client id there."""
    from criteria.reading import read_yaml

    out: dict[str, list[str]] = {}
    for row in read_yaml(Path(settings.smart_file)) if settings.smart_file else ():
        out.setdefault(str(row.get("tenant")), []).append(f"{row.get('iss')} as {row.get('client_id', 'imaging-cds')}")
    return out
