"""GET /, /guidelines and what lies below: the criteria as pages. Open to all: they say nothing of any patient."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from flask import Blueprint, Response, abort, current_app, render_template, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import NotFound

from criteria.criterion import Criterion, Local
from criteria.studies import Study
from hooks.site import section_page
from service.errors import Refused, answer
from service.guidelines.find import LONGEST, Found, Leaf, find, leaf
from service.guidelines.picture import picture
from service.guidelines.shelf import by_guideline, name, shelf_of
from service.guidelines.words import day, plain, span, words, years
from service.html import html
from service.parts import Parts
from service.version import version

bp = Blueprint(
    "guidelines", __name__, template_folder="templates", static_folder="static", static_url_path="/guidelines/static"
)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
IDLE = re.compile(r"\s*\n\s*")
"""White space that templates leave and no reader sees."""
MACHINES = ("/cds-services", "/health")
"""Addresses that programs call: they always hear an OperationOutcome."""
COVERAGE = "/coverage"


@bp.record_once
def begin(state: BlueprintSetupState) -> None:
    """Read the indexes now: a slip in one stops the start, not the first reader."""
    shelf_of(state.app.extensions["imaging_cds"].decision.library)


@bp.get("/")
def start() -> Response:
    parts = _parts()
    base = parts.settings.base_url or request.url_root.rstrip("/")
    return page("start", discovery=f"{base}/cds-services", open=parts.settings.open, version=version())


@bp.get("/guidelines", strict_slashes=False)
def guidelines() -> Response:
    shelf, today = shelf_of(_parts().decision.library), _today()
    query = " ".join(request.args.get("q", "")[:LONGEST].split())
    known = shelf.library.guidelines.values()
    current = [g for g in known if g.start <= today and (g.end is None or today <= g.end)]
    counts = {g.id: sum(len(s.rules) for s in shelf.sections[g.id]) for g in known}
    others = [g for g in known if g not in current]
    listed = _found(find(shelf, query), query) if query else []
    return page("guidelines", query=query, listed=listed, current=current, others=others, counts=counts, shelf=shelf)


def _found(found: Found, query: str) -> list[tuple[str, Leaf[Any], str]]:
    """(kind, its page, the address of that list without the number) of what a search found; a reader who turned a
    page of one kind sees that kind alone."""
    wanted = request.args.get("kind")
    kinds: dict[str, list[Any]] = {"rules": found.rules, "studies": found.studies, "facts": found.facts}
    shown = [wanted] if wanted in kinds else [k for k, held in kinds.items() if held]
    number = request.args.get("page") if wanted in kinds else None
    return [(k, leaf(kinds[k], number), f"?{urlencode({'q': query, 'kind': k})}&page=") for k in shown]


@bp.get("/guidelines/<guideline>", strict_slashes=False)
def guideline(guideline: str) -> Response:
    shelf = shelf_of(_parts().decision.library)
    known = shelf.library.guidelines.get(guideline) or abort(404)
    gone = [m for m in shelf.library.local if m.what == "silenced" and m.criterion.startswith(f"{guideline}/")]
    sections = shelf.sections[guideline]
    return page(
        "guideline", guideline=known, sections=sections, shelf=shelf, silenced=gone, signed=signed, today=_today()
    )


@bp.get("/guidelines/<guideline>/<rule>", strict_slashes=False)
def rule(guideline: str, rule: str) -> Response:
    shelf, today = shelf_of(_parts().decision.library), _today()
    criterion = shelf.rules.get((guideline, rule)) or abort(404)
    library = shelf.library
    return page(
        "rule",
        rule=criterion,
        guideline=library.guidelines[guideline],
        section=next(s for s in shelf.sections[guideline] if s.id == criterion.section),
        indications=sorted(library.indications[i].name for i in criterion.indications),
        studies=[library.catalogue[s] for s in criterion.studies],
        every=len(criterion.studies) == len(library.catalogue.studies),
        suggested=[library.catalogue[s] for s in (*criterion.same_study.values(), *criterion.suggest)],
        paired=[library.catalogue[s] for s in sorted(criterion.pair.studies)] if criterion.pair else [],
        read=shelf.conditions.read,
        picture=picture(shelf.conditions.read(criterion.when)),
        prerequisites=shelf.prerequisites(criterion, today),
        bound=by_guideline(list(shelf.bound_by(criterion, today))) if criterion.kind == "prerequisite" else {},
        guidelines=library.guidelines,
        marks=list(_marks(criterion)),
        today=today,
    )


@bp.get("/guidelines/facts", strict_slashes=False)
def facts() -> Response:
    known = shelf_of(_parts().decision.library).library.vocabulary.facts
    return page("list", kind="facts", held=leaf(sorted(known.values(), key=lambda f: f.name), request.args.get("page")))


@bp.get("/guidelines/studies", strict_slashes=False)
def studies() -> Response:
    known = shelf_of(_parts().decision.library).library.catalogue.studies
    return page("list", kind="studies", held=leaf(sorted(known.values(), key=_by_region), request.args.get("page")))


def _by_region(study: Study) -> tuple[str, ...]:
    return study.region, study.modality, study.name


@bp.get("/guidelines/facts/<fact>", strict_slashes=False)
def fact(fact: str) -> Response:
    shelf = shelf_of(_parts().decision.library)
    vocabulary = shelf.library.vocabulary
    known = vocabulary.facts.get(fact) or abort(404)
    logic = shelf.library.definitions.get(fact)
    return page(
        "fact",
        fact=known,
        given=vocabulary.facts.get(known.given or ""),
        values=[shelf.conditions.value(known, v) for v in known.values or ()],
        clause=shelf.conditions.read(logic) if logic else None,
        used=by_guideline(shelf.of_fact.get(fact, [])),
        defines=[vocabulary[f] for f in shelf.defines.get(fact, ())],
        guidelines=shelf.library.guidelines,
    )


@bp.get("/guidelines/studies/<study>", strict_slashes=False)
def study(study: str) -> Response:
    shelf = shelf_of(_parts().decision.library)
    known = shelf.library.catalogue.studies.get(study) or abort(404)
    used = by_guideline(shelf.of_study.get(study, []))
    return page("study", study=known, used=used, guidelines=shelf.library.guidelines)


@bp.app_errorhandler(404)
def nothing_here(error: NotFound) -> Response:
    """A page for somebody with a browser; programs get the OperationOutcome that they always get."""
    wanted = request.accept_mimetypes.best_match(["application/fhir+json", "application/json", "text/html"])
    if wanted == "text/html" and not request.path.startswith(MACHINES) and request.method in ("GET", "HEAD"):
        return page("missing", status=404)
    return answer(Refused(404))


def page(template: str, status: int = 200, **values: Any) -> Response:
    """One page, with headers that let the browser load our own stylesheet and nothing else.

    ``template`` is one of these pages', or a path below any templates folder.
    """
    root = _root()

    def address(*segments: str) -> str:
        return "/".join([root, *(quote(s, safe="") for s in segments)])

    def section_address(guideline: str, section: str) -> str:
        return section_page(f"{root}/guidelines", guideline, section)

    known: dict[str, Any] = {"address": address, "section_address": section_address, "name": name}
    known |= {"codes": billing_codes, "words": words(), "day": day, "plain": plain, "span": span, "years": years}
    has_coverage = any(r.rule.rstrip("/") == COVERAGE for r in current_app.url_map.iter_rules())
    file = f"{template}.html" if "/" in template else f"guidelines/{template}.html"
    text = render_template(file, **known, has_coverage=has_coverage, **values)
    response = html(IDLE.sub("\n", text), status)
    response.headers.update(HEADERS)
    return response


def billing_codes(study: Study) -> str:
    """The numbers that bill a study, each with its system."""
    named = ((words()["systems"][s], study.codes.get(s, ())) for s in ("cpt", "hcpcs"))
    return ", ".join(f"{system} {code}" for system, codes in named for code in codes)


def signed(local: Local) -> str:
    """What the site did to a rule, who answers for it, and why."""
    return f"{local.what.capitalize()} at this site on {day(local.date)} by {plain(local.author)}: {local.reason}"


def _marks(criterion: Criterion) -> Iterator[str]:
    """What is special about a rule, in words."""
    if criterion.critical:
        yield "Its card is critical."
    if not criterion.rates:
        yield "It speaks on the card only and changes no rating."
    if criterion.overrides:
        yield "It stands even where a pathway is met."
    if criterion.kind == "pathway" and criterion.rank > 1:
        yield f"Choice number {criterion.rank} among the studies for its indications."
    if criterion.local:
        yield signed(criterion.local)


def _parts() -> Parts:
    parts: Parts = current_app.extensions["imaging_cds"]
    return parts


def _today() -> Any:
    parts = _parts()
    return parts.settings.today(parts.decision.clock())


def _root() -> str:
    """The path below which the service is reached: a proxy in front of it may strip it."""
    base = _parts().settings.base_url
    return urlsplit(base).path.rstrip("/") if base else request.script_root
