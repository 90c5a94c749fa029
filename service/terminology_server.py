"""Ask a FHIR terminology server which concepts of our table hold a SNOMED CT concept.

Groups of our codes narrow the search (`ValueSet/$validate-code` over an expression of them), `CodeSystem/$subsumes`
decides. A server that reads no expressions is asked code by code. A failure is never an answer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from service.outgoing import Outgoing, Unavailable
from service.settings import Settings
from service.urls import read_base

SNOMED = "http://snomed.info/sct"
GROUP = 50
"""Codes in one expression: the address stays under 2,000 characters."""
MOST = 40
"""Of our codes that may hold one concept; a server that says more says yes to everything."""
SECONDS = 300.0
"""For everything about one concept together."""
MAX_BYTES = 200_000
ACCEPT = {"Accept": "application/fhir+json"}


class TerminologyServer:
    def __init__(self, settings: Settings, covered: Sequence[str]) -> None:
        self.settings, self.covered = settings, tuple(sorted(covered))
        self._calls, self._base = Outgoing(settings), read_base(settings.terminology_url)

    def holding(self, code: str) -> tuple[str, ...]:
        """The narrowest of our codes that hold ``code``; none when there are none. Raises `Unavailable`."""
        ends = time.monotonic() + SECONDS
        if not self._says(ends, "CodeSystem/$validate-code", {"url": SNOMED, "code": code}, "result", True, False):
            return ()
        found = [held for held in self._candidates(code, ends) if self._subsumes(held, code, ends)]
        if len(found) > MOST:
            raise Unavailable("too-many")
        wide = {a for a in found for b in found if a != b and self._subsumes(a, b, ends)}
        return tuple(held for held in found if held not in wide)

    def _candidates(self, code: str, ends: float) -> list[str]:
        """Our codes that may hold it: groups that hold it are halved."""
        expressions, found = True, list[str]()
        groups = [self.covered[i : i + GROUP] for i in range(0, len(self.covered), GROUP)]
        while groups:
            group = groups.pop()
            if len(group) == 1:
                found += group
                continue
            if expressions:
                try:
                    if not self._in_group(group, code, ends):
                        continue
                except Unavailable as error:
                    if not error.reason.startswith("http-"):
                        raise
                    expressions = False  # it reads none: every code is asked for by itself
            middle = len(group) // 2
            groups += [group[:middle], group[middle:]]
        return found

    def _in_group(self, group: Sequence[str], code: str, ends: float) -> bool:
        expression = " OR ".join(f"<<{held}" for held in group)
        asked = {"url": f"{SNOMED}?fhir_vs=ecl/{expression}", "system": SNOMED, "code": code}
        return self._says(ends, "ValueSet/$validate-code", asked, "result", True, False)

    def _subsumes(self, held: str, code: str, ends: float) -> bool:
        asked = {"system": SNOMED, "codeA": held, "codeB": code}
        outcomes = ("subsumes", "equivalent"), ("subsumed-by", "not-subsumed")
        return self._says(ends, "CodeSystem/$subsumes", asked, "outcome", *outcomes)

    def _says(self, ends: float, operation: str, asked: dict[str, str], name: str, yes: Any, no: Any) -> bool:
        """Whether the answer's parameter is among ``yes``; what is among neither is no answer."""
        settings = self.settings
        url = f"{settings.terminology_url}/{operation}?{urlencode(asked)}"
        timeout, left = settings.terminology_timeout_seconds, ends - time.monotonic()
        value = _parameter(self._calls.fetch(url, self._base, ACCEPT, timeout, left, MAX_BYTES), name)
        for among, means in ((yes, True), (no, False)):
            if value in among if isinstance(among, tuple) else value is among:
                return means
        raise Unavailable("not-an-answer")


def _parameter(body: bytes, name: str) -> Any:
    """The boolean or code of one parameter of a Parameters resource."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Unavailable("not-json") from None
    if not isinstance(answer, dict) or answer.get("resourceType") != "Parameters":
        raise Unavailable("not-fhir")
    listed = answer.get("parameter")
    named = [p for p in listed if isinstance(p, dict) and p.get("name") == name] if isinstance(listed, list) else []
    if len(named) != 1:
        return None
    value = named[0].get("valueBoolean", named[0].get("valueCode"))
    return value if isinstance(value, bool | str) else None
