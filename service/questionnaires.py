"""GET /fhir/Questionnaire/<criterion>: the questions of a criterion as a form. Open to all: no patient is in it.

``<criterion>`` is the id of the rule (guideline/rule) or the id of its form; ``/fhir/Questionnaire?url=`` finds a form
by its canonical. The questions come in the languages of the cards (Accept-Language).
"""

from __future__ import annotations

from typing import Any

import orjson
from flask import Blueprint, Response, current_app, request

from hooks.errors import HooksError
from hooks.questionnaire import form_id, questionnaire
from hooks.wording import languages, wording
from service.guidelines.clauses import conditions
from service.guidelines.shelf import shelf_of
from service.parts import Parts

bp = Blueprint("questionnaires", __name__)
PLACE = "/fhir/Questionnaire"
FHIR = "application/fhir+json"


class NoSuchForm(HooksError):
    """404: no criterion has this id."""

    status, issue = 404, "not-found"

    def __init__(self) -> None:
        super().__init__("No criterion has a form under this name; /guidelines lists all criteria.")


class WhichForm(HooksError):
    """400: a search needs the canonical of one form."""

    status, issue = 400, "required"

    def __init__(self) -> None:
        super().__init__("Name one form: /fhir/Questionnaire/<guideline>/<rule>, or ?url= with its canonical.")


@bp.get(f"{PLACE}/<path:criterion>")
def read(criterion: str) -> Response:
    return _fhir(_form(criterion))


@bp.get(PLACE, strict_slashes=False)
def search() -> Response:
    """By canonical, with or without a version."""
    wanted = request.args.get("url", "").partition("|")[0]
    if not wanted:
        raise WhichForm
    base = f"{_canonicals()}/"
    try:
        found = [_form(wanted.removeprefix(base))] if wanted.startswith(base) else []
    except NoSuchForm:
        found = []
    entries = [{"fullUrl": form["url"], "resource": form, "search": {"mode": "match"}} for form in found]
    return _fhir(
        {"resourceType": "Bundle", "type": "searchset", "total": len(found)} | ({"entry": entries} if entries else {})
    )


def _form(name: str) -> dict[str, Any]:
    """Raises `NoSuchForm`."""
    parts = _parts()
    shelf, today = shelf_of(parts.decision.library), parts.settings.today(parts.decision.clock())
    criterion = next((c for c in shelf.library.criteria if name in (c.id, form_id(c.id))), None)
    if criterion is None:
        raise NoSuchForm
    bound = shelf.prerequisites(criterion, today) if criterion.kind == "pathway" else ()
    nodes = [node for rule in (criterion, *bound) for node in conditions(rule)]
    words = wording(request.accept_languages.best_match(languages()) or "en")
    library, url = shelf.library, f"{_canonicals()}/{criterion.id}"
    return questionnaire(criterion, nodes, library.definitions, library.vocabulary, words, url)


def _canonicals() -> str:
    settings = _parts().settings
    base = settings.base_url or request.url_root.rstrip("/")
    return settings.questionnaires or f"{base}{PLACE}"


def _parts() -> Parts:
    parts: Parts = current_app.extensions["imaging_cds"]
    return parts


def _fhir(resource: dict[str, Any]) -> Response:
    response = Response(orjson.dumps(resource), content_type=FHIR)
    response.vary.add("Accept-Language")
    return response
