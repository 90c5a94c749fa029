"""Client profiles, read from clients.yaml, and who is calling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import Lines, read_yaml
from criteria.vocabulary import near
from hooks.configuration import ASKED_VERSION
from hooks.request import HookRequest
from hooks.scores import scores
from hooks.site import CRD_CARD_TYPE, CRD_TEMP, Profile
from hooks.wording import languages
from service.urls import Base

CLIENTS = Path(__file__).parent / "clients.yaml"
SANDBOX_ISSUER = "https://sandbox.cds-hooks.org"
OPEN_TENANT = "open"
ACTIONS = {"update", "delete", "create"}
CRD = ("", "2.0.1", "2.2")
TOPICS = {"crd-temp": CRD_TEMP, "crd-card-type": CRD_CARD_TYPE}


@dataclass(frozen=True, slots=True)
class ClientProfile:
    """What hooks.compose needs to know (``shows``), and what only the service does."""

    shows: Profile
    callbacks: bool = True
    tolerated_hooks: tuple[str, ...] = ()
    answer_failures: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """Who is calling. ``bases``: FHIR servers that may be called for this client; None means any (open mode with *).
    ``policy`` speaks for it where the payer is unknown; empty: the default one."""

    tenant: str
    profile: ClientProfile
    bases: tuple[Base, ...] | None = ()
    policy: str = ""


SHOWS = {f.name: f.type for f in fields(Profile) if f.name != "name"}
OURS = {f.name: f.type for f in fields(ClientProfile) if f.name != "shows"}


@cache
def load_profiles(path: Path = CLIENTS) -> Mapping[str, ClientProfile]:
    """The profiles by name. Raises `DataError` naming file, line and mend."""
    raw = read_yaml(path)
    if not isinstance(raw, Lines) or not isinstance(raw.get("full"), Lines):
        raise DataError(path, 1, "the profile `full` is needed: every other starts from it.")
    if lacking := (SHOWS.keys() | OURS.keys()) - raw["full"].keys():
        raise DataError(path, raw.line("full"), f"`full` must state everything; it lacks {', '.join(sorted(lacking))}.")
    full = _profile(path, "full", raw["full"], ClientProfile(Profile()))
    return {name: full if name == "full" else _profile(path, name, entry, full) for name, entry in raw.items()}


def _profile(path: Path, name: str, entry: Any, base: ClientProfile) -> ClientProfile:
    if not isinstance(entry, Lines):
        raise DataError(path, None, f"the profile `{name}` must say what differs from `full`.")
    shows: dict[str, Any] = {"name": name}
    own: dict[str, Any] = {}
    for key, value in entry.items():
        known = SHOWS.get(key) or OURS.get(key)
        if known is None:
            raise DataError(path, entry.line(key), f"`{key}` is no field of a profile.{near(key, SHOWS | OURS)}")
        (shows if key in SHOWS else own)[key] = _value(path, entry.line(key), key, value, str(known))
    return replace(base, shows=replace(base.shows, **shows), **own)


def _value(path: Path, line: int | None, key: str, value: Any, kind: str) -> Any:
    """The value in the field's own type; ``kind`` is the annotation as written."""
    if key == "topic_system":
        if value not in TOPICS:
            raise DataError(path, line, f"`topic_system` is one of {', '.join(TOPICS)}.")
        return TOPICS[value]
    if key in ("crd", "scores") and value not in (known := CRD if key == "crd" else ("", *scores())):
        raise DataError(path, line, f"`{key}` is empty or one of {', '.join(known[1:])} (quote a number).")
    if key == "language" and value not in languages():
        raise DataError(path, line, f"`language` is one of {', '.join(languages())}.")
    if kind.startswith(("tuple", "Collection")):
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise DataError(path, line, f"`{key}` must be a list of words.")
        if key == "suggestion_actions" and not set(value) <= ACTIONS:
            raise DataError(path, line, f"`{key}` holds only {', '.join(sorted(ACTIONS))}.")
        return tuple(value)
    wanted = {"bool": bool, "int": int, "str": str}[kind]
    if type(value) is not wanted:
        expected = {"bool": "true or false", "int": "a number", "str": "text"}[kind]
        raise DataError(path, line, f"`{key}` must be {expected}.")
    return value


def speaking(client: Client, request: HookRequest) -> Client:
    """The client, in the version of Da Vinci CRD that its call asks for; only CRD clients have a choice."""
    asked = request.extension.get(ASKED_VERSION)
    if not client.profile.shows.crd or not isinstance(asked, str) or client.profile.shows.crd.startswith(asked):
        return client
    spoken = (p for p in load_profiles().values() if asked and p.shows.crd.startswith(asked))
    return replace(client, profile=next(spoken, client.profile))


def open_client(issuer: str | None, default: str = "full", bases: tuple[Base, ...] | None = ()) -> Client:
    """The client of a call in open mode, by what its token says of itself (which nobody checked)."""
    profiles = load_profiles()
    return Client(OPEN_TENANT, profiles["sandbox" if issuer == SANDBOX_ISSUER else default], bases)
