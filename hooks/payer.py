"""For whom a CRD call is answered.

CRD 2.2.1 (hooks.html, hook-13) wants a 400 where the primary Coverage names no payer that the endpoint answers for,
where there is none, and where there are several. CRD 2.0.1 asks for nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hooks import errors
from hooks.coverage import CRD_2_0
from hooks.site import Insured


def spoken_for(version: str, coverages: Sequence[Insured], unread: bool, payers: Collection[str]) -> list[Insured]:
    """The coverages that the answer is about.

    For CRD 2.2 exactly one: that in force, or else the only one on file, of which the answer then says that it is not.
    ``unread``: Coverage could be had neither from prefetch nor from the FHIR server. ``payers``: whom this endpoint
    answers for; none means any. Raises `CoverageMissing` or `PayerUnclear`.
    """
    in_force = [c for c in coverages if c.in_force]
    if not version or version == CRD_2_0:
        return in_force
    if unread:
        raise errors.CoverageMissing()
    if len(in_force) > 1 or (not in_force and len(coverages) > 1):
        raise errors.PayerUnclear("several Coverages were found. Send the primary one alone")
    if not coverages:
        raise errors.PayerUnclear("no Coverage was found. Send the primary one")
    [one] = in_force or coverages
    if not one.payers:
        raise errors.PayerUnclear("the payer of the Coverage has no identifier. Send one in Coverage.payor")
    if payers and not set(one.payers) & set(payers):
        raise errors.PayerUnclear("the payer of the Coverage is none that is answered for here. Call its own service")
    return [one]
