"""What is kept of an answer and of feedback, as one line of JSON: the rows of the tables, and nothing else."""

from __future__ import annotations

import base64
import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Date, LargeBinary

from hooks.feedback import Feedback
from service.journal.consultation import Consultation
from service.journal.consults import cards_by_order, consult_uris
from service.journal.explained import to_row
from service.journal.models import Base, Moment

Row = dict[str, Any]
Hash = Callable[..., str]
ANSWER, EXPLAINED, FEEDBACK = "answer", "explained", "feedback"
CODE = re.compile(r"\S{1,255}")
"""What is shaped like a code and not like words."""


def line(kind: str, **rows: Any) -> bytes:
    """``kind`` says what is to be done with the rows."""
    return orjson.dumps({"kind": kind, **rows}, default=_bytes) + b"\n"


def answer_line(kept: Consultation, hashed: Hash, version: str) -> bytes:
    """One row per verdict with its cards and the codes that were not recognised."""
    return line(ANSWER, consults=list(_consults(kept, hashed, version)))


def explained_line(kept: Consultation, hashed: Hash, criteria: str) -> bytes:
    """What the orders that can be explained were judged on."""
    rows = [to_row(j, hashed("", "explain", j.handle), kept.tenant, kept.at, criteria) for j in kept.judged]
    return line(EXPLAINED, explanations=rows)


def _consults(kept: Consultation, hashed: Hash, version: str) -> Iterable[Row]:
    request, tenant = kept.request, kept.tenant
    uris, cards = consult_uris(kept.answer), cards_by_order(kept.answer)
    hook = hashed(tenant, "hook", request.hook_instance)
    session = hashed(tenant, "session", request.patient_id, request.encounter_id or "")
    for verdict in kept.verdicts:
        yield {
            "record": uuid.uuid4().hex,
            "tenant": tenant,
            "consult": uris.get(verdict.order),
            "hook": request.hook,
            "hook_instance": hook,
            "created": kept.at,
            "session": session,
            "order_key": hashed(tenant, "order", request.patient_id, verdict.order),
            "study": kept.studies.get(verdict.order),
            "rating": verdict.rating.value if verdict.rating else None,
            "because": verdict.because.value if verdict.because else None,
            "provisional": verdict.provisional,
            "asks": verdict.asks,
            "presumes": verdict.presumes,
            "criteria": verdict.criteria,
            "rows": verdict.rows,
            "guidelines": verdict.guidelines,
            "version": version,
            "ms": kept.ms,
            "cards": [_card(card) for card in cards.get(verdict.order, ())],
            "unmapped": [
                {"kind": kind, "system": code.system, "code": code.code}
                for kind, code in kept.unmapped.get(verdict.order, ())
            ],
        }


def _card(card: Mapping[str, Any]) -> Row:
    suggestions = [s["uuid"] for s in card.get("suggestions", ()) if "uuid" in s]
    return {"card": card["uuid"], "indicator": card["indicator"], "suggestions": suggestions}


def feedback_line(tenant: str, entries: Sequence[Feedback], at: dt.datetime) -> bytes:
    return line(FEEDBACK, entries=[_entry(tenant, entry, at) for entry in entries])


def _entry(tenant: str, entry: Feedback, at: dt.datetime) -> Row:
    return {
        "record": uuid.uuid4().hex,
        "tenant": tenant,
        "card": _short(entry.card),
        "outcome": entry.outcome,
        "outcome_at": entry.at,
        "received": at,
        "reason_code": _code(entry.reason_code),
        "reason_system": _code(entry.reason_system),
        "suggestions": [code for s in entry.suggestions if (code := _code(s))],
        "commented": entry.has_comment,
    }


def _code(text: str | None) -> str | None:
    short = _short(text or "")
    return short if CODE.fullmatch(short) else None


def _short(text: str) -> str:
    """What a column takes: PostgreSQL knows no NUL, and minds the length."""
    return text.replace("\0", "")[:255]


def _bytes(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(type(value).__name__)


def typed(table: type[Base], row: Mapping[str, Any]) -> Row:
    """A row as its columns take it. Keys that are no columns are left out."""
    out: Row = {}
    for column in table.__table__.columns:
        if column.name not in row:
            continue
        value = row[column.name]
        if isinstance(value, str):
            if isinstance(column.type, Moment):
                value = dt.datetime.fromisoformat(value)
            elif isinstance(column.type, Date):
                value = dt.date.fromisoformat(value)
            elif isinstance(column.type, LargeBinary):
                value = base64.b64decode(value)
        out[column.name] = value
    return out
