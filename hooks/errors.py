"""What can be wrong with a call, and what the caller is told.

HooksError                 base; never raised itself
├── WrongContentType       415  the body is not declared as JSON
├── TooLarge               413  the body is over the limit
├── TooManyOrders          413  more draft orders than one session can have
├── UnreadableRequest      400  not JSON, not an object, nested too deep
├── UnknownService         404  no service of that id
├── WrongHook              400  a hook the service does not offer
├── MissingField           400  a field that the hook needs is not there
├── WrongField             400  a field has the wrong type or form
├── InvalidOrder           400  a draft order is not valid FHIR
├── DuplicateOrder         400  two drafts with one id
├── UnknownSelection       400  selections names no draft order
├── WrongPatient           400  an order for somebody else than context.patientId
├── PayerUnclear           400  CRD 2.2: no Coverage, several, or one whose payer is not known here
├── Unprocessable          422  any of the 400s above, for a client that keeps 400 for what is no JSON (CRD 2.0.1)
├── PatientMissing         412  the patient can be had neither from prefetch nor from the FHIR server
├── CoverageMissing        412  CRD 2.2: the same of the Coverage
├── NotTrusted             401  the caller's token is missing or not accepted
└── Failed                 500  our own trouble

Each says which element is at fault and how to mend it. No message quotes a value that the caller sent: it might
describe a patient.
"""

from __future__ import annotations

from typing import ClassVar


class HooksError(Exception):
    """One refusal.

    ``status`` is the HTTP status, ``issue`` the FHIR issue type, ``expression`` the element at fault as a path
    (``context.draftOrders.entry[0].resource``) or None, ``message`` the text for the person at the other end.
    """

    status: ClassVar[int] = 500
    issue: ClassVar[str] = "exception"

    def __init__(self, message: str, expression: str | None = None) -> None:
        super().__init__(message)
        self.message, self.expression = message, expression


class WrongContentType(HooksError):
    status, issue = 415, "not-supported"

    def __init__(self) -> None:
        super().__init__("The request must be JSON: send it with Content-Type application/json.")


class TooLarge(HooksError):
    status, issue = 413, "too-long"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"The request is larger than {limit} bytes. Send fewer draft orders or less prefetch.")


class TooManyOrders(HooksError):
    status, issue = 413, "too-costly"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        message = f"context.draftOrders holds more than {limit} orders. Send the orders of one session."
        super().__init__(message, "context.draftOrders")


class TooManyEntries(HooksError):
    """413: a Bundle with more entries than the service reads."""

    status, issue = 413, "too-long"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"A Bundle in the request has more than {limit} entries. Send less, page by page.")


class UnreadableRequest(HooksError):
    status, issue = 400, "structure"


class UnknownService(HooksError):
    status, issue = 404, "not-found"

    def __init__(self) -> None:
        super().__init__("There is no CDS service at this address. Discovery at /cds-services lists them.")


class WrongHook(HooksError):
    status, issue = 400, "not-supported"

    def __init__(self, offered: tuple[str, ...]) -> None:
        self.offered = offered
        super().__init__(f"This service answers the hooks {' and '.join(offered)}; `hook` names another.", "hook")


class MissingField(HooksError):
    status, issue = 400, "required"

    def __init__(self, expression: str, message: str = "") -> None:
        super().__init__(message or f"`{expression}` is missing. The hook cannot be answered without it.", expression)


class WrongField(HooksError):
    status, issue = 400, "value"

    def __init__(self, expression: str, expected: str) -> None:
        super().__init__(f"`{expression}` must be {expected}.", expression)


class InvalidOrder(HooksError):
    """A draft ServiceRequest that is not valid FHIR R4; ``faults`` are (path, what is wrong), no values."""

    status, issue = 400, "invalid"

    def __init__(self, expression: str, faults: tuple[tuple[str, str], ...]) -> None:
        self.faults = faults
        path, why = faults[0]
        where = f"{expression}.{path}" if path else expression
        more = f" ({len(faults) - 1} more such elements.)" if len(faults) > 1 else ""
        super().__init__(f"The draft order is not valid FHIR R4: `{where}` {why}.{more}", where)


class DuplicateOrder(HooksError):
    status, issue = 400, "duplicate"

    def __init__(self, expression: str) -> None:
        super().__init__(
            "Two draft orders have the same id, so an answer could not say which it means. Give each its own.",
            expression,
        )


class UnknownSelection(HooksError):
    status, issue = 400, "not-found"

    def __init__(self, expression: str) -> None:
        super().__init__(
            "`context.selections` names an order that is not in context.draftOrders. Write each selection as the whole"
            " reference of a draft, such as ServiceRequest/123.",
            expression,
        )


class WrongPatient(HooksError):
    status, issue = 400, "business-rule"

    def __init__(self, expression: str) -> None:
        super().__init__(
            "A draft order is for another patient than context.patientId. Send one patient's orders only.", expression
        )


class PayerUnclear(HooksError):
    status, issue = 400, "business-rule"

    def __init__(self, why: str) -> None:
        super().__init__(f"A call under CRD 2.2 is answered for one payer, and {why}.", "prefetch.coverages")


class Unprocessable(HooksError):
    """JSON that breaks the rules of CDS Hooks or FHIR, for a client that tells this from what is no JSON at all."""

    status: ClassVar[int] = 422

    def __init__(self, error: HooksError) -> None:
        super().__init__(error.message, error.expression)
        self.issue = error.issue  # type: ignore[misc]


class PatientMissing(HooksError):
    status, issue = 412, "incomplete"

    def __init__(self, key: str = "patient") -> None:
        self.key = key
        super().__init__(
            f"The patient could be had neither from prefetch key `{key}` nor from the FHIR server. Fill the prefetch"
            " key, or send fhirServer with fhirAuthorization that may read Patient.",
            f"prefetch.{key}",
        )


class CoverageMissing(HooksError):
    status, issue = 412, "incomplete"

    def __init__(self, key: str = "coverages") -> None:
        super().__init__(
            f"A call under CRD 2.2 needs the Coverage, which could be had neither from prefetch key `{key}` nor from"
            " the FHIR server. Fill the prefetch key, or send fhirServer with fhirAuthorization that may read it.",
            f"prefetch.{key}",
        )


class NotTrusted(HooksError):
    status, issue = 401, "login"

    def __init__(self, message: str = "The call needs a bearer token that this service accepts.") -> None:
        super().__init__(message)


class NotNow(HooksError):
    """What is needed for this does not answer; the same call may succeed in a while."""

    status, issue = 503, "transient"


class Failed(HooksError):
    status, issue = 500, "exception"

    def __init__(self) -> None:
        super().__init__("The service failed to answer. No advice was given; this is not a statement about the order.")
