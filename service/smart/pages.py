"""The app's pages: who may frame them, what they may load, and the session that they are for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from flask import Response, current_app, render_template, request

from service.html import html
from service.journal import Away
from service.parts import Parts
from service.smart import browser
from service.smart.ehrs import Ehr
from service.smart.parts import SmartParts
from service.smart.sessions import Launched
from service.smart.words import FIRST, languages, words

POLICY = "default-src 'none'; style-src 'self'; {scripts}form-action {forms}; base-uri 'none'; frame-ancestors {frames}"
SCRIPTS = "script-src 'self'; connect-src 'self'; "
"""What pages of a session may do beyond: run our own scripts, which call nobody but us."""
PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
"""`same-origin`: nobody else hears an address, and our own forms still say where they come from."""


class Refused(Exception):
    """A page instead of what was asked for; ``why`` is a key of words.yaml, `refused`."""

    def __init__(self, why: str, status: int = 400, ehr: Ehr | None = None) -> None:
        super().__init__(why)
        self.why, self.status, self.ehr = why, status, ehr


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a session: the session, the browser's secret, and the EHR that it is of."""

    launched: Launched
    secret: str
    ehr: Ehr


def visit(session: str) -> Visit:
    """Whose request this is. Raises `Refused` unless the session is this browser's and has not ended."""
    smart = smart_parts()
    secret = browser.secret_of(request, session)
    launched = smart.sessions.find(session, secret) if secret else None
    ehr = smart.ehrs.find(launched.iss) if launched else None
    if launched is None or ehr is None or ehr.tenant != launched.tenant:
        raise Refused("session-over", 401)
    return Visit(launched, secret, ehr)


def form_visit(session: str) -> Visit:
    """The same for a form that was sent: it must be one of this session's pages."""
    found = visit(session)
    if not browser.is_ours(request, root_of(), smart_parts().store.hashed, session):
        raise Refused("form-foreign", 403, found.ehr)
    return found


def session_page(
    template: str, at: Visit, language: str = "", status: int = 200, chosen: str = "", **values: Any
) -> Response:
    """One page of a session. ``template`` is a file of templates/smart; `form_mark` must be in each of its forms.

    ``chosen`` is the order that was picked where the EHR handed none over: every address carries it on (`to`).
    """
    mark = browser.form_mark(smart_parts().store.hashed, at.launched.name, at.secret)
    here = address("app", "s", at.launched.name)

    def to(step: str = "", **query: Any) -> str:
        sent = {k: v for k, v in {"order": chosen, **query}.items() if v}
        return here + (f"/{step}" if step else "") + (f"?{urlencode(sent, doseq=True)}" if sent else "")

    return page(
        template, at.ehr.ancestors, language, status, scripts=SCRIPTS, form_mark=mark, here=here, to=to,
        chosen=chosen, **values,
    )  # fmt: skip


def page(
    template: str,
    frames: Sequence[str],
    language: str = "",
    status: int = 200,
    forms: str = "'self'",
    scripts: str = "",
    **values: Any,
) -> Response:
    """One page. ``frames`` are the origins that may frame it, ``forms`` where its forms may lead. Without a
    ``language`` the browser's own counts.

    Nothing that was sent is repeated on a page but what is known to us, or was typed into a form of ours (`html`).
    """
    said = words(language or request.accept_languages.best_match(languages(), FIRST))
    text = render_template(
        f"smart/{template}.html", said=said, language=said["language"], address=address, field=browser.FIELD, **values
    )
    response = html(text, status)
    policy = POLICY.format(forms=forms, scripts=scripts, frames=" ".join(frames) or "'none'")
    response.headers.update({**PRIVATE, "Content-Security-Policy": policy})
    return response


def refused(error: Refused) -> Response:
    """It says what to do, and nothing of what was sent."""
    frames = error.ehr.ancestors if error.ehr else smart_parts().ehrs.ancestors
    return page("refused", frames, status=error.status, why=error.why)


def unanswered(_error: Away) -> Response:
    """The journal's database does not answer: nothing was taken, and that is said."""
    return page("refused", smart_parts().ehrs.ancestors, status=503, why="away")


def address(*segments: str) -> str:
    """An address of ours, below the path that the service is reached under."""
    base = parts().settings.base_url
    root = urlsplit(base).path.rstrip("/") if base else request.script_root
    return "/".join([root, *(quote(s, safe="") for s in segments)])


def root_of() -> str:
    """Our own origin, as browsers write it."""
    seen = urlsplit(parts().settings.base_url or request.host_url)
    return f"{seen.scheme}://{seen.netloc}"


def callback_url() -> str:
    """Where EHRs send the browser back: the redirect URI that the app is registered with."""
    return f"{parts().settings.base_url or request.url_root.rstrip('/')}/app/callback"


def parts() -> Parts:
    found: Parts = current_app.extensions["imaging_cds"]
    return found


def smart_parts() -> SmartParts:
    return parts().smart
