"""How the signed orders of an input add up, and why none was found where there is none."""

from __future__ import annotations

from collections.abc import Mapping

from service.replay.buckets import Intake
from service.replay.judged import ORDER


def added_up(intake: Intake, orders: int, passed: Mapping[str, int], not_judged: int) -> str:
    """`311 imaging orders of 316 signed orders: 5 for no imaging.`"""
    signed = sum(intake.orders)
    rest = [f"{n:,} {why}" for why, n in sorted(passed.items()) if n]
    if not_judged:
        rest.append(f"{not_judged:,} could not be judged")
    if not rest:
        return counted(orders, "imaging order")
    return f"{counted(orders, 'imaging order')} of {counted(signed, 'signed order')}: {', '.join(rest)}"


def none_found(intake: Intake, passed: Mapping[str, int], not_judged: int) -> str:
    """Why no order was judged, as far as it is known."""
    requests, signed = intake.resources[ORDER], sum(intake.orders)
    bad = len(intake.faults) + intake.more_faults
    why = []
    if not any((*intake.resources.values(), *intake.unread.values())):
        why.append("nothing that was read is a FHIR resource")
    elif not requests:
        why.append(f"the input holds no {ORDER}")
    elif not signed:
        why.append(
            f"{counted(requests, ORDER)} {'are' if requests > 1 else 'is'} there, and none that a clinician signed"
            " (intent order or original-order, not entered in error)"
        )
    else:
        rest = [f"{n:,} {reason}" for reason, n in sorted(passed.items()) if n]
        if not_judged:
            rest.append(f"{not_judged:,} could not be judged (errors.parquet)")
        why.append(f"of {counted(signed, 'signed order')} {', '.join(rest)}")
    if bad:
        why.append(f"{counted(bad, 'record')} or files could not be used (errors.parquet)")
    return f"No imaging order found: {'; '.join(why)}."


def counted(n: int, what: str) -> str:
    """`1 order`, `2 orders`."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"
