"""A site's own table of what its plans say of coverage, by our answer. It is the plan's word, not ours.

    reviewed: {by: Medical policy committee, date: 2026-10-01}
    plans:
      cigna-evicore:               # a policy of policies.yaml
        contact: {name: Imaging desk, phone: 800-555-0100}    # may be left out: whom to ask about these statements
        valid-days: 90                                        # may be left out: how long a statement holds
        appropriate: {covered: covered, pa-needed: no-auth}
        appropriate-provisional: {covered: covered, pa-needed: auth-needed}
        not-appropriate: {covered: conditional, pa-needed: auth-needed, doc-needed: [clinical], doc-purpose: [withpa]}
        no-criteria-apply: {covered: conditional, pa-needed: conditional}
        needs-information: {covered: conditional, pa-needed: conditional, doc-needed: [clinical]}
        unrated: {covered: conditional, pa-needed: conditional}

`appropriate-provisional` rests on something that nobody recorded. `unrated` is no imaging order, or one without a code.
The policy `default` is that of every payer who is not known: leave it out where several payers are answered for.
`contact` has any of name, phone, fax, email, url; CRD wants it only where it is more than the payer's general number.
A statement never holds longer than the Coverage itself (its period); CRD 2.0.1 has no place for the day.
A `satisfied` authorization gets a number that we make from the answer, so the plan must be ready to accept it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from criteria.errors import DataError
from criteria.reading import Lines, read_yaml
from criteria.vocabulary import near

ANSWERS = (
    "appropriate", "appropriate-provisional", "not-appropriate", "no-criteria-apply", "needs-information", "unrated",
)  # fmt: skip
CODES: Mapping[str, tuple[str, ...]] = {
    "covered": ("covered", "not-covered", "conditional"),
    "pa-needed": ("no-auth", "auth-needed", "satisfied", "performpa", "conditional"),
    "doc-needed": ("clinical", "admin"),
    "doc-purpose": ("withpa", "withclaim", "withorder", "retain-doc", "OTH"),
    "info-needed": ("performer", "location", "timeframe", "contract-window", "OTH"),
}
"""What CRD 2.0.1 and CRD 2.2 both know, in the words of both."""
ONE = ("covered", "pa-needed")
WAYS = ("phone", "fax", "email", "url")
"""How somebody is reached, as FHIR names it."""
BESIDE = ("contact", "valid-days")
"""What a plan may say beside its answers."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan says of an order with one kind of answer, in the codes of the CRD coverage information."""

    covered: str = "conditional"
    pa_needed: str = "conditional"
    doc_needed: tuple[str, ...] = ()
    doc_purpose: tuple[str, ...] = ()
    info_needed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to ask: a name or empty, and (way, number or address)."""

    name: str
    ways: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one plan says, by answer; whom to ask about it, and for how many days it holds."""

    terms: Mapping[str, Terms]
    contact: Contact | None = None
    valid_days: int | None = None


Plans = Mapping[str, Plan]
"""By policy."""


def load_plans(path: Path, policies: Collection[str]) -> Plans:
    """The table, checked. Raises `DataError` naming file, line and mend."""
    raw = read_yaml(path)
    if not isinstance(raw, Lines) or set(raw) != {"reviewed", "plans"} or not isinstance(raw["plans"], Lines):
        raise DataError(path, 1, "the file needs exactly the keys `reviewed` and `plans`.")
    reviewed = raw["reviewed"]
    if (
        not isinstance(reviewed, Lines)
        or set(reviewed) != {"by", "date"}
        or not (isinstance(reviewed["by"], str) and reviewed["by"] and isinstance(reviewed["date"], dt.date))
    ):
        raise DataError(
            path, raw.line("reviewed"), "`reviewed` says who looked at the table and when: {by: ..., date: 2026-01-31}."
        )
    return {name: _plan(path, raw["plans"], name, policies) for name in raw["plans"]}


def _plan(path: Path, plans: Lines, name: Any, policies: Collection[str]) -> Plan:
    if name not in policies:
        raise DataError(path, plans.line(name), f"`{name}` is no policy.{near(str(name), policies)}")
    entry = plans[name]
    if not isinstance(entry, Lines):
        raise DataError(path, plans.line(name), f"a plan says what holds for {', '.join(ANSWERS)}.")
    for answer in entry:
        if answer not in (*ANSWERS, *BESIDE):
            raise DataError(
                path, entry.line(answer), f"`{answer}` is no answer.{near(str(answer), (*ANSWERS, *BESIDE))}"
            )
    if lacking := [a for a in ANSWERS if a not in entry]:
        raise DataError(path, plans.line(name), f"the plan says nothing of {', '.join(lacking)}.")
    terms = {answer: _terms(path, entry, answer) for answer in ANSWERS}
    days = entry.get("valid-days")
    if days is not None and (type(days) is not int or days < 1):
        raise DataError(path, entry.line("valid-days"), "`valid-days` is a number of days, at least 1.")
    return Plan(terms, _contact(path, entry), days)


def _contact(path: Path, entry: Lines) -> Contact | None:
    if "contact" not in entry:
        return None
    held = entry["contact"]
    texts = isinstance(held, Lines) and all(isinstance(v, str) and v for v in held.values())
    if not texts or not set(held) <= {"name", *WAYS} or not set(held) & set(WAYS):
        ways = ", ".join(WAYS)
        raise DataError(path, entry.line("contact"), f"`contact` has texts: a name, and at least one of {ways}.")
    return Contact(held.get("name", ""), tuple((way, held[way]) for way in WAYS if way in held))


def _terms(path: Path, entry: Lines, answer: str) -> Terms:
    row, line = entry[answer], entry.line(answer)
    if not isinstance(row, Lines) or "covered" not in row:
        raise DataError(path, line, f"`{answer}` needs at least `covered`.")
    for key, value in row.items():
        if key not in CODES:
            raise DataError(path, row.line(key), f"`{key}` is no part of it.{near(str(key), CODES)}")
        held = [value] if key in ONE else value
        codes = held if isinstance(held, list) else []
        if not codes or not all(v in CODES[key] for v in codes) or len(set(codes)) < len(codes):
            form = "one" if key in ONE else "a list"
            raise DataError(path, row.line(key), f"`{key}` is {form} of {', '.join(CODES[key])}.")
    several = {key.replace("-", "_"): tuple(row.get(key, ())) for key in CODES if key not in ONE}
    terms = Terms(row["covered"], row.get("pa-needed", ""), **several)
    if why := _contradiction(terms, answer):
        raise DataError(path, line, f"`{answer}`: {why}")
    return terms


def _contradiction(terms: Terms, answer: str) -> str:
    """What CRD forbids, and what would let an order pass on something that nobody knows."""
    conditional = "conditional" in (terms.covered, terms.pa_needed)
    if terms.covered == "not-covered" and terms.pa_needed:
        return "what is not covered needs no word on authorization; leave out `pa-needed`."
    if terms.covered != "not-covered" and not terms.pa_needed:
        return "`pa-needed` is missing."
    if terms.pa_needed == "satisfied" and answer != "appropriate":
        return "an authorization is satisfied only where the order is appropriate and nothing was presumed."
    if terms.pa_needed in ("satisfied", "no-auth") and "withpa" in terms.doc_purpose:
        return "no authorization is to be sought, so `doc-purpose` cannot be withpa."
    if terms.doc_purpose and not terms.doc_needed:
        return "`doc-purpose` needs `doc-needed`."
    if terms.info_needed and not conditional:
        return "`info-needed` needs something that is conditional."
    return ""
