"""What the app asks leave for, in the spelling that the EHR reads."""

from __future__ import annotations

from collections.abc import Iterator

SIGN_IN = ("openid", "fhirUser", "online_access")
"""Who the clinician is, and new tokens for as long as they are at work."""


def asked(scopes: tuple[str, ...], *, from_ehr: bool, version_2: bool) -> str:
    """The scope parameter. ``from_ehr``: the EHR says which patient; else its sign-in page is to ask."""
    wanted = scopes if version_2 else tuple(dict.fromkeys(old for new in scopes for old in version_1(new)))
    return " ".join(("launch" if from_ehr else "launch/patient", *SIGN_IN, *wanted))


def version_1(scope: str) -> Iterator[str]:
    """`patient/Observation.crs` as SMART 1 has it: read, write, or both. Those of messaging are the same in both."""
    if scope.startswith("messaging/"):
        yield scope
        return
    place, _, rights = scope.rpartition(".")
    reads, writes = bool(set(rights) & set("rs")), bool(set(rights) & set("cud"))
    if reads:
        yield f"{place}.read"
    if writes:
        yield f"{place}.write"


def may_read(granted: str, kind: str) -> bool:
    """Whether one resource of a type may be read, in either spelling."""
    return _granted(granted, kind, ("read", "*"), "r")


def may_create(granted: str, kind: str) -> bool:
    """Whether a resource of a type may be added, in either spelling."""
    return _granted(granted, kind, ("write", "*"), "c")


def _granted(granted: str, kind: str, older: tuple[str, ...], right: str) -> bool:
    for scope in granted.split():
        place, _, rights = scope.partition("?")[0].rpartition(".")
        context, _, what = place.partition("/")
        if context in ("patient", "user") and what in (kind, "*") and (rights in older or _may(rights, right)):
            return True
    return False


def _may(rights: str, right: str) -> bool:
    return right in rights and not set(rights) - set("cruds")
