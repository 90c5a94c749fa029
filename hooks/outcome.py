"""Errors as the FHIR resource that says so: OperationOutcome."""

from __future__ import annotations

from typing import Any

from hooks.errors import HooksError


def outcome(error: HooksError) -> dict[str, Any]:
    """The OperationOutcome for one refusal; it holds the element at fault and no data of the caller's."""
    issue: dict[str, Any] = {
        "severity": "error",
        "code": error.issue,
        "details": {"text": error.message},
        "diagnostics": error.message,
    }
    if error.expression:
        issue["expression"] = [error.expression]
    return {"resourceType": "OperationOutcome", "issue": [issue]}
