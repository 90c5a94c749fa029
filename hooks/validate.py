"""Is this resource FHIR? Asked of every draft order that comes in and of every resource that leaves.

The models only look: what a client sent is never re-serialised. Empty elements (the public sandbox sends
``code: {"coding": [{}]}``) are left out of the copy that is checked.
"""

from __future__ import annotations

from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

Fault = tuple[str, str]
"""An element path inside the resource and what is wrong with it; never the value."""

_WHY = {
    "extra_forbidden": "is no element of this resource in FHIR R4",
    "model_field_validation.missing": "is required",
    "missing": "is required",
    "string_pattern_mismatch": "does not have the form that FHIR asks for",
    "enum": "is not one of the values that FHIR allows",
}


def faults(resource: dict[str, Any]) -> tuple[Fault, ...]:
    """What FHIR R4 says against a resource; empty when it is valid."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str):
        return (("resourceType", "is required"),)
    try:
        model = get_fhir_model_class(kind)
    except (KeyError, LookupError, ValueError):
        return (("resourceType", "names no FHIR R4 resource"),)
    try:
        model.model_validate(without_empty(resource))
    except ValidationError as error:
        found = [(_path(e["loc"]), _WHY.get(e["type"], "has the wrong type or form")) for e in error.errors()]
        return tuple(dict.fromkeys(found))
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError):
        # the models' own reading of contained resources trips over unknown types and wrong shapes
        return (("contained" if "contained" in resource else "", "cannot be read as FHIR R4"),)
    return ()


def without_empty(value: Any) -> Any:
    """A copy without empty elements: None, "", [] and {} go, and what is empty once they are gone."""
    if isinstance(value, dict):
        kept = {k: without_empty(v) for k, v in value.items()}
        return {k: v for k, v in kept.items() if not _empty(v)}
    if isinstance(value, list):
        return [v for v in map(without_empty, value) if not _empty(v)]
    return value


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and len(value) == 0)


def _path(loc: tuple[int | str, ...]) -> str:
    out = ""
    for part in loc:
        if isinstance(part, int):
            out += f"[{part}]"
        elif part.isidentifier() and len(part) <= 60:
            out += f".{part}" if out else part
        else:  # a key that the caller made up: it could hold anything
            out += ".(unknown element)" if out else "(unknown element)"
    return out
