"""Imaging orders for synthetic patients: what the service makes of the charts that Synthea generates.

python bench/synthea.py FOLDER [--all] [--patients N] [--facts N [--order NAME]] [--unmapped N]

FOLDER holds R4 Bundles of one patient each, as Synthea writes them and as they stand in public repositories. Charts
are moved in time so that their last day is today, since guidelines have editions. Each patient is given one of ORDERS
in turn (`--all`: every one) with the chart as prefetch; the walk is the service's own, without HTTP. Told are errors,
ratings, times and what was set aside. `--facts` prints the facts of the first patients with what they come from, for a
person to compare with the chart; `--unmapped` the codes that mean nothing to the service. The exit status is 1 when an
order could not be answered.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import statistics
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

sys.path.insert(0, str(Path(__file__).parent.parent))

import mappings
from criteria import load_library
from criteria.facts import Fact
from hooks import HookRequest, read_request
from mappings.fields import objects, reference_of
from mappings.ready import read_everything
from mappings.tables import spoken
from service.clients import OPEN_TENANT, Client, load_profiles
from service.decide import Decision, editions
from service.fhir import FhirClient
from service.files import files_in, resolved
from service.journal import Consultation
from service.memory import settle_memory
from service.settings import read_settings
from service.trial import from_bundle
from service.unmapped import tally
from service.unmapped_report import lines

Json = dict[str, Any]
CPT, ICD10CM = "http://www.ama-assn.org/go/cpt", "http://hl7.org/fhir/sid/icd-10-cm"
OWN = "own"
ORDERS = {
    "lumbar-mri": ("72148", "M54.50"),
    "radiculopathy": ("72148", "M54.16"),
    "cervical-mri": ("72141", "M54.2"),
    "thoracic-mri": ("72157", "M54.6"),
    "lumbar-ct": ("72131", "M54.50"),
    "head-ct": ("70450", "R51.9"),
    "pet-ct": ("78815", "C34.90"),
    "own-reason": ("72148", OWN),
}
"""CPT code and reason: an ICD-10-CM code, or the patient's own newest active Condition."""
_MOMENT = re.compile(r'"(\d{4}-\d{2}-\d{2})T')
_DAY = re.compile(r'"(\d{4}-\d{2}-\d{2})(?=[T"])')


@dataclass
class Kept:
    """In place of the journal: the last consultation."""

    last: Consultation | None = None

    def keep(self, consultation: Consultation) -> None:
        self.last = consultation


@dataclass
class Walk:
    """The service without HTTP, and what came of it."""

    decision: Decision
    client: Client
    kept: Kept
    resources: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    ratings: Counter[tuple[str, str]] = field(default_factory=Counter)
    aside: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def answer(self, request: HookRequest, name: str) -> None:
        """One hook."""
        began = time.perf_counter()
        with capture_logs() as events:
            self.decision.decide(request, self.client)
        self.seconds.append(time.perf_counter() - began)
        self.aside.update(f"{e['type']}: {e['why']}" for e in events if e["event"] == "set_aside")
        if lost := [e["what"] for e in events if e["event"] == "left_out"]:
            raise ValueError(f"left out of the answer: {', '.join(lost)}")
        for verdict in self.kept.last.verdicts if self.kept.last else ():
            self.ratings[name, f"{verdict.rating}{', provisional' if verdict.provisional else ''}"] += 1


def make_walk() -> Walk:
    settings = read_settings({}, open=True)
    library, kept = load_library(), Kept()
    decision = Decision(
        settings, library, editions(library), FhirClient(settings), kept, lambda: dt.datetime.now(dt.UTC)
    )
    return Walk(decision, Client(OPEN_TENANT, load_profiles()["no-callbacks"], ()), kept)


def patients(files: Sequence[Path]) -> Iterator[tuple[Path, Json]]:
    """Bundles of a patient, their last day today, with references as a server would hold them."""
    for file in files:
        text = file.read_text(encoding="utf-8")
        if any(r.get("resourceType") == "Patient" for r in resources_of(json.loads(text))):
            yield file, resolved(json.loads(moved(text)))


def moved(text: str) -> str:
    """Every date so many days later that the last moment recorded is of today."""
    days = dt.date.today() - max(map(dt.date.fromisoformat, _MOMENT.findall(text)))
    return _DAY.sub(lambda match: f'"{dt.date.fromisoformat(match[1]) + days}', text)


def resources_of(bundle: Json) -> list[Json]:
    return [entry["resource"] for entry in bundle.get("entry", ())]


def with_order(bundle: Json, code: str, reason: str) -> HookRequest:
    """A hook request for the patient, with one draft order."""
    resources = resources_of(bundle)
    patient = next(r for r in resources if r["resourceType"] == "Patient")
    order: Json = {
        "resourceType": "ServiceRequest",
        "id": "order",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": reference_of(patient)},
        "authoredOn": dt.date.today().isoformat(),
        "code": {"coding": [{"system": CPT, "code": code}]},
    }
    if reason != OWN:
        order["reasonCode"] = [{"coding": [{"system": ICD10CM, "code": reason}]}]
    elif problem := newest_problem(resources):
        order["reasonReference"] = [{"reference": reference_of(problem)}]
    body = from_bundle({**bundle, "entry": [*bundle["entry"], {"resource": order}]}, "order-sign")
    return read_request(body, {"order-sign"})


def newest_problem(resources: Sequence[Json]) -> Json | None:
    def is_active(condition: Json) -> bool:
        return any(c.get("code") == "active" for c in objects(condition.get("clinicalStatus", {}).get("coding")))

    active = [r for r in resources if r["resourceType"] == "Condition" and is_active(r)]
    return max(active, key=lambda r: str(r.get("onsetDateTime")), default=None)


def facts_of(request: HookRequest, bundle: Json) -> Iterator[str]:
    """The facts that are not the order's own words, as lines, with what they come from."""
    held = mappings.read_records(resources_of(bundle), request.patient_id)
    (order,) = mappings.read_orders(request.drafts, held)
    if order.study is None:
        return
    chart = mappings.Chart(held, [order], dt.date.today(), drafts=request.drafts)
    for fact in sorted(chart.facts(order, order.study), key=lambda f: f.name):
        if fact.name.startswith("order.") and set(fact.sources) <= {order.reference}:
            continue
        yield f"  {fact.name} = {fact.value}  [{fact.basis.name.lower()}{_when(fact)}]  {fact.note}".rstrip()
        for source in fact.sources[:5]:
            yield f"      {source.partition('/')[0]} {_named(held.find(source))}".rstrip()
        if len(fact.sources) > 5:
            yield f"      and {len(fact.sources) - 5} more"


def _when(fact: Fact) -> str:
    return f", {fact.on}" if fact.on else ""


def _named(resource: Json | None) -> str:
    """What a resource is called in the chart, and what it says."""
    if resource is None:  # the patient, or the order itself
        return ""
    concepts = objects(resource.get("code") or resource.get("medicationCodeableConcept") or resource.get("type"))
    value = resource.get("valueQuantity", {})
    said = next((text for concept in concepts for text in spoken(concept)), "")
    return f"{said} {value.get('value', '')} {value.get('unit', '')}".strip()


def report(walk: Walk, count: int) -> None:
    times = sorted(walk.seconds)
    print(
        f"{count} patients, {statistics.median(walk.resources):.0f} resources each (median),"
        f" {len(times)} orders answered"
    )
    print(
        f"ms per answer: median {1000 * statistics.median(times):.1f}, 9 of 10 under"
        f" {1000 * times[int(len(times) * 0.9)]:.1f}, longest {1000 * times[-1]:.1f}"
    )
    for name in ORDERS:
        mix = {rating: n for (asked, rating), n in sorted(walk.ratings.items()) if asked == name}
        print(f"  {name:14} {', '.join(f'{n} {rating}' for rating, n in mix.items())}")
    for why, n in walk.aside.most_common():
        print(f"set aside {n} times: {why}")
    print(f"{len(walk.errors)} errors")
    for error in walk.errors:
        print(error)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="every order for every patient")
    parser.add_argument("--patients", type=int, default=sys.maxsize, help="so many at most")
    parser.add_argument("--facts", type=int, default=0, help="print the facts of so many")
    parser.add_argument("--order", default="lumbar-mri", choices=ORDERS, help="with --facts: of which order")
    parser.add_argument("--unmapped", type=int, default=0, help="print so many codes of each kind")
    given = parser.parse_args()
    walk, files, count = make_walk(), files_in([given.folder]), 0
    read_everything()
    settle_memory()
    for file, bundle in patients(files):
        if count == given.patients:
            break
        in_turn = [list(ORDERS)[count % len(ORDERS)]]
        for name in ORDERS if given.all else in_turn:
            try:
                walk.answer(with_order(bundle, *ORDERS[name]), name)
            except Exception:
                walk.errors.append(f"{file.name}, {name}: {traceback.format_exc(limit=-3)}")
        if count < given.facts:
            print(f"{file.name}, {given.order}")
            print("\n".join(facts_of(with_order(bundle, *ORDERS[given.order]), bundle)))
        walk.resources.append(len(bundle["entry"]))
        count += 1
    if not count:
        print("No Bundle of a patient here.")
        return 1
    report(walk, count)
    if given.unmapped:
        print("\n".join(lines(tally(files), given.unmapped)))
    return 1 if walk.errors else 0


if __name__ == "__main__":
    sys.exit(main())
