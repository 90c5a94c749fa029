"""Ids that stay the same while nothing changed, and that nobody without the key can guess or read back."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from typing import Any

from criteria.ratings import Verdict
from hooks.site import Keys


def content_of(verdict: Verdict, *more: Any) -> str:
    """Everything about an answer that a reader could see, as one text; the same answer gives the same text."""
    seen = {
        "order": verdict.order,
        "rating": verdict.rating,
        "because": verdict.because,
        "provisional": verdict.provisional,
        "asks": verdict.asks,
        "presumes": verdict.presumes,
        "criteria": verdict.criteria,
        "rows": verdict.rows,
        "guidelines": verdict.guidelines,
        "message": verdict.message,
        "critical": verdict.safety_critical,
        "notes": [[n.kind, n.text, n.criterion, n.section, n.guideline, n.rows, n.critical] for n in verdict.notes],
        "alternatives": [
            [a.study.id if a.study else None, a.rating, a.asks, a.action, a.criterion, a.why]
            for a in verdict.alternatives
        ],
    }
    return json.dumps([seen, *more], sort_keys=True, ensure_ascii=True, default=str)


def stable_uuid(keys: Keys, label: str, content: str) -> str:
    """A UUID (version 8: made from our own hash) of tenant, label and content under the site's key."""
    text = "\0".join((keys.tenant, label, content)).encode()
    digest = bytearray(hmac.new(keys.secret, text, hashlib.sha256).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x80
    digest[8] = (digest[8] & 0x3F) | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def explain_handle(keys: Keys, consult: str) -> str:
    """What opens the explanation of an answer; the consult's own id, which the order carries, does not."""
    return stable_uuid(keys, "explain", consult)
