"""One hook answered, as the journal is told of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from criteria.ratings import Verdict
from hooks.request import HookRequest
from mappings.unmapped import Code
from service.journal.judged import Judged


@dataclass(frozen=True, slots=True)
class Consultation:
    """``studies`` names the study of each order, ``unmapped`` its codes that no table knows, ``judged`` what those that
    can be explained were judged on; ``ms`` is the time that it took."""

    request: HookRequest
    tenant: str
    verdicts: Sequence[Verdict]
    answer: Mapping[str, Any]
    studies: Mapping[str, str | None]
    at: dt.datetime
    ms: float
    unmapped: Mapping[str, Sequence[tuple[str, Code]]] = field(default_factory=dict)
    judged: Sequence[Judged] = ()
