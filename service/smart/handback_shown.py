"""What the partial smart/handback.html shows of a finished order, and what handback.js works with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import request

from service.smart.handback import HandBack, NotOffered, hand_back
from service.smart.handback_write import Wrote, may_write
from service.smart.offers import Finished
from service.smart.pages import Refused, Visit, parts, smart_parts
from service.smart.words import words

BY_SCRIPT = (
    "ready", "sending", "sent", "kept", "finish", "absent", "silent", "refused", "already", "copied", "select",
)  # fmt: skip
"""What handback.js says, by the keys of words.yaml."""


def shown(at: Visit, finished: Finished) -> dict[str, Any]:
    """The values of the partial; the answers follow their order to its new consult id. Raises `Refused`."""
    smart, decision, consult, answers = smart_parts(), parts().decision, finished.consult, finished.answers
    try:
        made = hand_back(decision, consult, at.launched.patient, answers, finished.alternative)
    except NotOffered:
        raise Refused("choice-over", 404, at.ehr) from None
    if made.consult:
        smart.continuity.follow(answers, made.consult)
    said = words(consult.language)
    wrote = request.args.get("wrote", "")
    return {
        "made": made,
        "text": "\n".join(_lines(made, said)),
        "data": _data(at, made, said["handback"]),
        "wrote": wrote if wrote in list(Wrote) else "",
        "writable": bool(answers) and may_write(at.launched.tokens.scope),
    }


def _data(at: Visit, made: HandBack, said: Mapping[str, str]) -> Mapping[str, Any]:
    """The handle is made to be seen by a browser; tokens are not and stay here."""
    return {
        "origin": at.launched.origin,
        "handle": at.launched.handle,
        "messages": made.messages,
        "key": made.digest,
        "say": {key: said[key] for key in BY_SCRIPT},
    }


def _lines(made: HandBack, said: Mapping[str, Any]) -> Iterator[str]:
    own = said["handback"]
    yield f"{made.study} ({', '.join(made.codes)})" if made.codes else made.study
    for action in made.actions:
        if action["type"] != "update":
            yield action["description"]
    if made.reasons:
        yield f"{said['reason']}: {'; '.join(made.reasons)}"
    yield f"{own['rating']}: {said['ratings'].get(made.rating, own['none'])}"
    if made.consult:
        yield f"{own['consult']}: {made.consult}"
    if made.criteria:
        yield f"{own['criteria']}: {made.criteria}"
    if made.told:
        yield f"{said['answers']}:"
        yield from (f"- {question} {answer}" for question, answer in made.told)
