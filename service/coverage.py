"""GET /coverage: which statements of the guidelines are encoded. Open to all: it says nothing of any patient.

Running every case takes too long for a request, so the page reads what the cases exercised from criteria/exercised.json
(`imaging-cds coverage --record`). That file carries a fingerprint of all tables, rules and cases; where it does not fit
what is installed, the page says that the cases are not confirmed, and takes the rules at their word.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Blueprint, Response, request

from criteria.coverage import STATES, Row, claimed, recorded
from criteria.coverage import coverage as rows_of
from criteria.tally import lines, share
from service.answers import json
from service.guidelines.pages import page
from service.parts import shipped_library
from service.reports import coverage_json

bp = Blueprint("coverage", __name__)


@cache
def shipped() -> tuple[list[Row], bool]:
    """Every row of the criteria as shipped, without a site's overlay, and whether the cases confirm it.

    Read at the first request, then kept.
    """
    library, exercised = shipped_library(), recorded()
    rows = rows_of(library, claimed(library) if exercised is None else exercised)
    return rows, exercised is not None


@bp.get("/coverage", strict_slashes=False)
def coverage() -> Response:
    rows, confirmed = shipped()
    wanted = request.accept_mimetypes.best_match(["text/html", "application/json"])
    if wanted == "application/json":
        response = json({"confirmed": confirmed, **coverage_json(rows)})
    else:
        response = page("coverage", **_shown(rows, confirmed))
    response.vary.add("Accept")
    return response


def _shown(rows: list[Row], confirmed: bool) -> dict[str, Any]:
    known, table = shipped_library().guidelines, list(lines(rows))
    return {
        "confirmed": confirmed,
        "states": STATES,
        "total": table[-1],
        "share": share(rows),
        "guidelines": [
            {
                "id": guideline,
                "title": known[guideline].title,
                "lines": [x for x in table if x.guideline == guideline],
                "reasons": [r for r in rows if r.guideline == guideline and r.state == "not computed"],
            }
            for guideline in dict.fromkeys(r.guideline for r in rows)
        ],
    }
