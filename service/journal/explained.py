"""What an order was judged on, as a row of the journal and back again.

A row holds words of our vocabulary, numbers, days and references of chart resources, and nothing else: what does not
look like one of these is left out, and the fact counts as not searched, so that nothing is concluded from its absence.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from criteria.conditions import Conditions, Reach
from criteria.facts import Basis, Fact, Facts, Value
from criteria.library import Library
from criteria.orders import Kind, Order, Proposal, Reason
from criteria.policies import Policy
from criteria.ratings import Apart, Support, Verdict
from criteria.select import book
from criteria.studies import Study
from mappings.said import said_facts
from service.journal.judged import Judged
from service.journal.models import Explanation

CODE = re.compile(r"[\w.:+-]{1,64}", re.ASCII)
REFERENCE = re.compile(r"([A-Z][A-Za-z]{2,40})/[A-Za-z0-9.-]{1,64}")
PERSONS = frozenset({"Patient", "Person", "RelatedPerson", "Practitioner", "PractitionerRole"})
NOTE = 200
BASES = {basis: basis.name.lower() for basis in Basis}

Row = dict[str, Any]


def to_row(judged: Judged, mark: str, tenant: str, created: dt.datetime, version: str) -> Row:
    """By column."""
    others = [o for o in judged.session if o.reference != judged.order.reference]
    drafts = {o.reference for o in judged.session if not o.standing}
    unsearched = {name for held in judged.facts.values() for name in held.unsearched}
    return {
        "mark": mark,
        "tenant": tenant,
        "created": created,
        "day": judged.day,
        "version": version,
        "policy": judged.policy,
        "language": judged.language,
        "rating": str(judged.verdict.rating),
        "because": str(judged.verdict.because) if judged.verdict.because else None,
        "orders": [
            _order(judged.order) | _set_aside(judged.set_aside),
            *(_order(o) | _apart(judged.verdict, o) for o in others),
        ],
        "facts": list(_facts(judged, drafts, unsearched)),
        "unsearched": sorted(unsearched),
    }


def _set_aside(references: Iterable[str]) -> Row:
    """The records that could not be used when the order was judged; nobody's own, and none without an id."""
    held = [r for r in dict.fromkeys(references) if (m := REFERENCE.fullmatch(r)) and m[1] not in PERSONS]
    return {"set_aside": held} if held else {}


def _apart(verdict: Verdict, order: Order) -> Row:
    """What was found of another order, so that this one can be judged again without its facts."""
    found = next((a for a in verdict.apart if a.order == order.reference), None)
    return {"support": int(found.support), "stays": found.stays} if found else {}


def _order(order: Order) -> Row:
    return {
        "study": order.study.id if order.study else None,
        "kind": order.kind.value,
        "position": order.position,
        "standing": order.standing,
        "candidates": [s.id for s in order.candidates],
        "reasons": [
            {"status": r.status, "indications": list(r.indications), "regions": list(r.regions)} for r in order.reasons
        ],
        "said": [{"name": p.name, "value": p.value} for p in order.proposals if p.kind == "fact" and _is_code(p.value)],
        **({"withdrawn": order.withdrawn} if order.withdrawn else {}),
    }


def _facts(judged: Judged, drafts: Set[str], unsearched: set[str]) -> Iterator[Row]:
    """The ordered study's facts whole, those of each other study as far as they differ. What is left out counts as
    ``unsearched``."""
    own = judged.order.study.id if judged.order.study else ""
    base = judged.facts.get(own, Facts({})).recorded
    of_chart: Sources = {}
    yield {"study": own, "facts": _told(base.values(), drafts, of_chart, unsearched)}
    for study, held in judged.facts.items():
        if study == own:
            continue
        differing = [
            fact for name, fact in held.recorded.items() if (before := base.get(name)) is not fact and before != fact
        ]
        facts = _told(differing, drafts, of_chart, unsearched)
        gone = (base.keys() - held.recorded.keys()) | ({f.name for f in differing} - {f["name"] for f in facts})
        yield {"study": study, "facts": facts, "absent": sorted(gone & base.keys())}


Sources = dict[tuple[str, ...], list[str]]


def _told(facts: Iterable[Fact], drafts: Set[str], of_chart: Sources, unsearched: set[str]) -> list[Row]:
    """An answer has hundreds of facts and few sources: these are looked at once and kept in ``of_chart``."""
    rows: list[Row] = []
    for fact in facts:
        value = fact.value
        if isinstance(value, str | tuple) and not _is_code(value):
            unsearched.add(fact.name)
            continue
        row: Row = {"name": fact.name, "value": value, "basis": BASES[fact.basis]}
        if fact.sources:
            sources = of_chart.get(fact.sources)
            if sources is None:
                sources = [s for s in dict.fromkeys(fact.sources) if _of_chart(s, drafts)]
                of_chart[fact.sources] = sources
            if sources:
                row["sources"] = sources
        if fact.on:
            row["on"] = fact.on
        if fact.note:
            row["note"] = fact.note[:NOTE]
        rows.append(row)
    return rows


def _is_code(value: Value | tuple[Value, ...]) -> bool:
    """False for a value that might be somebody's words."""
    if isinstance(value, str):
        return CODE.fullmatch(value) is not None
    return not isinstance(value, tuple) or all(map(_is_code, value))


def _of_chart(reference: str, drafts: Set[str]) -> bool:
    """True for a chart resource that is no person and none of the drafts."""
    kind = reference.partition("/")[0]
    return bool(REFERENCE.fullmatch(reference)) and kind not in PERSONS and reference not in drafts


@dataclass(frozen=True)
class Kept:
    """A row, read back into what the criteria judge."""

    row: Explanation
    library: Library
    policy: Policy
    orders: tuple[Order, ...]
    held: Mapping[str, Mapping[str, Fact]]

    @property
    def order(self) -> Order:
        return self.orders[0]

    @property
    def set_aside(self) -> list[str]:
        """References of records that could not be used."""
        return [str(reference) for reference in self.row.orders[0].get("set_aside", ())]

    @property
    def apart(self) -> list[Apart]:
        """What was found of the other orders."""
        rows = zip(self.orders, self.row.orders, strict=True)
        return [Apart(o.reference, Support(r["support"]), r["stays"]) for o, r in rows if "support" in r]

    def facts(self, order: Order, study: Study) -> Facts:
        """As the chart gave them. For a study that was not considered then, what depends on the study is unknown."""
        unsearched = frozenset(self.row.unsearched)
        if study.id in self.held:
            known = self.held[study.id]
        else:
            reach = self.conditions.reach
            base = self.held[next(iter(self.held))]
            near = next((f for s, f in self.held.items() if self._region(s) == study.region), {})
            known = {n: f for n, f in base.items() if reach.get(n) is Reach.ORDER}
            known |= {n: f for n, f in near.items() if reach.get(n) is Reach.REGION}
            limit = Reach.REGION if near else Reach.ORDER
            unsearched |= {name for name, depends in reach.items() if limit < depends < Reach.RESULTS}
        return Facts(known, unsearched - known.keys(), said_facts(order.proposals, known))

    @property
    def conditions(self) -> Conditions:
        return book(self.library, self.row.day).conditions

    def _region(self, study: str) -> str | None:
        known = self.library.catalogue.studies.get(study)
        return known.region if known else None


def from_row(row: Explanation, library: Library) -> Kept | None:
    """None where the criteria no longer know what the row speaks of."""
    policy = library.policies.by_id.get(row.policy)
    try:
        orders = tuple(_read_order(n, o, library) for n, o in enumerate(row.orders))
    except KeyError:
        return None
    if policy is None or not orders:
        return None
    held: dict[str, dict[str, Fact]] = {}
    for entry in row.facts:
        base = next(iter(held.values()), {})
        facts = {f["name"]: _read_fact(f) for f in entry["facts"] if f["name"] in library.vocabulary}
        gone = set(entry.get("absent", ()))
        held[entry["study"]] = {n: f for n, f in base.items() if n not in gone} | facts
    return Kept(row, library, policy, orders, held)


def _read_order(number: int, row: Row, library: Library) -> Order:
    studies = library.catalogue.studies
    said = (p for p in row.get("said", ()) if p["name"] in library.vocabulary)
    return Order(
        f"order-{number}",
        Kind(row["kind"]),
        studies[row["study"]] if row["study"] else None,
        tuple(Reason(r["status"], tuple(r["indications"]), "", (), tuple(r["regions"])) for r in row["reasons"]),
        row["position"],
        tuple(studies[s] for s in row["candidates"]),
        standing=row["standing"],
        proposals=tuple(Proposal("fact", p["name"], p["value"], "") for p in said),
        withdrawn=row.get("withdrawn", ""),
    )


def _read_fact(row: Row) -> Fact:
    value = tuple(row["value"]) if isinstance(row["value"], list) else row["value"]
    on = dt.date.fromisoformat(row["on"]) if "on" in row else None
    return Fact(row["name"], value, Basis[row["basis"].upper()], tuple(row.get("sources", ())), on, row.get("note", ""))
