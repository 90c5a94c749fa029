"""Launches under way and sessions begun: kept on the server, opened by the browser's cookie alone.

The EHR's tokens are encrypted under a key that the site's secret and the cookie make together: whoever reads the
database, even with the secret, reads no token without the browser.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import delete, select, update

from service.settings import Clock
from service.smart.models import AppLaunch, AppSession
from service.smart.oauth import Going
from service.smart.sealed import Seal
from service.smart.store import Store

LAUNCH_LASTS = dt.timedelta(minutes=10)
"""From the launch to the browser's return: the clinician may have to sign in."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the EHR granted: to be shown to nobody."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    scope: str
    until: float  # seconds since 1970; 0 where it is not known


@dataclass(frozen=True, slots=True)
class Launched:
    """One session: at which EHR, for which patient, opened by whom, with what the EHR said of it.

    ``name`` stands in the address of every page. ``user`` is empty where the EHR does not say; ``origin`` is where
    SMART Web Messaging may be sent to, ``handle`` what the EHR knows its messages by.
    """

    name: str
    iss: str
    tenant: str
    patient: str
    tokens: Tokens
    encounter: str = ""
    user: str = ""
    app_context: str = ""
    origin: str = ""
    banner: bool = True
    handle: str = ""


class Sessions:
    def __init__(self, store: Store, seal: Seal, clock: Clock, lasts: dt.timedelta) -> None:
        self._store, self._seal, self._clock, self.lasts = store, seal, clock, lasts

    def begin(self, iss: str, tenant: str, launch: str) -> tuple[Going, str, str]:
        """A launch is sent to the EHR: what it is to be told, the session's name, and the secret for its cookie."""
        name, secret = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
        going = Going(secrets.token_urlsafe(32), secrets.token_urlsafe(48), secrets.token_urlsafe(32), launch)
        sealed = {"name": name, "iss": iss, "verifier": going.verifier, "nonce": going.nonce}
        now = self._clock()
        row = AppLaunch(
            mark=self._state(going.state),
            tenant=tenant,
            browser=self._browser(secret),
            sealed=self._seal.close(sealed, "launch", going.state),
            expires=now + LAUNCH_LASTS,
        )
        self._store.write(lambda database: database.add(row))
        return going, name, secret

    def returned(self, state: str, secret_of: Callable[[str], str]) -> tuple[str, str, Going] | None:
        """A browser comes back with a state: the session's name, the EHR and what it was told, once.

        None for a state that is nobody's, used, too old, or another browser's; ``secret_of`` reads a session's cookie.
        """
        now = self._clock()
        found = select(AppLaunch).where(AppLaunch.mark == self._state(state))
        row = self._store.read(lambda database: database.scalar(found))
        held = self._seal.open(row.sealed, "launch", state) if row else None
        if row is None or held is None or row.browser != self._browser(secret_of(held["name"])):
            return None
        gone = delete(AppLaunch).where(AppLaunch.mark == row.mark, AppLaunch.expires >= now)
        if self._store.write(lambda database: database.execute(gone).rowcount) != 1:  # type: ignore[attr-defined]
            return None
        return held["name"], held["iss"], Going(state, held["verifier"], held["nonce"])

    def open(self, launched: Launched) -> str:
        """A session begins: the new secret for its cookie."""
        secret, now = secrets.token_urlsafe(32), self._clock()
        row = AppSession(
            mark=self._name(launched.name),
            tenant=launched.tenant,
            browser=self._browser(secret),
            sealed=self._sealed(launched, secret),
            expires=now + self.lasts,
        )
        self._store.write(lambda database: database.add(row))
        return secret

    def find(self, name: str, secret: str) -> Launched | None:
        """The session of an address, for the browser that launched it."""
        found = select(AppSession).where(
            AppSession.mark == self._name(name),
            AppSession.browser == self._browser(secret),
            AppSession.expires >= self._clock(),
        )
        row = self._store.read(lambda database: database.scalar(found))
        held = self._seal.open(row.sealed, "session", name, secret) if row else None
        return Launched(**{**held, "tokens": Tokens(**held["tokens"])}) if held else None

    def renew(self, launched: Launched, secret: str, tokens: Tokens) -> Launched:
        """The same session with other tokens."""
        renewed = dataclasses.replace(launched, tokens=tokens)
        changed = update(AppSession).where(AppSession.mark == self._name(launched.name))
        changed = changed.values(sealed=self._sealed(renewed, secret))
        self._store.write(lambda database: database.execute(changed))
        return renewed

    def close(self, name: str) -> None:
        gone = delete(AppSession).where(AppSession.mark == self._name(name))
        self._store.write(lambda database: database.execute(gone))

    def _sealed(self, launched: Launched, secret: str) -> bytes:
        return self._seal.close(dataclasses.asdict(launched), "session", launched.name, secret)

    def _state(self, state: str) -> str:
        return self._store.hashed("", "app state", state)

    def _name(self, name: str) -> str:
        return self._store.hashed("", "app session", name)

    def _browser(self, secret: str) -> str:
        return self._store.hashed("", "app browser", secret)
