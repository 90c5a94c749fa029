"""The orders of one patient, each judged on the chart as it stood when it was placed."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

import mappings
from criteria import Library
from criteria.orders import Kind, Order
from criteria.ratings import Rating, Verdict
from criteria.settle import settle
from hooks.consult import Consult, Setting, needs_card
from hooks.site import Keys, LibraryView, Profile
from hooks.site import Site as CardSite
from hooks.wording import wording
from mappings.fields import instant, mapping, reference_of, target
from mappings.patient import patient_facts
from service.replay.asof import Timeline
from service.replay.job import Job
from service.replay.rules import Standing, standing
from service.replay.sessions import Placed, is_signed, placed_on, sessions

SORTED = orjson.OPT_SORT_KEYS
Json = dict[str, Any]
IMAGING = (Kind.STUDY, Kind.UNRECOGNISED)
ORDER = "ServiceRequest"
NO_DAY = "an order whose authoredOn names no day: it cannot be said as of when to judge it"
NO_ID = "a ServiceRequest without an id"
NO_IMAGING = "for no imaging"
OLDER = "older versions of an order"


@dataclass(frozen=True, slots=True)
class Told:
    """A record or an order that could not be judged."""

    place: tuple[int, int]
    why: str


@dataclass(frozen=True, slots=True)
class Judged:
    """One order with its verdicts: one under each set of rules."""

    patient: str
    placed: Placed
    order: Order
    session: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    cards: tuple[bool, ...]
    policy: str
    known: Mapping[str, Any]
    """Age and sex, by fact."""
    chart: int
    set_aside: int
    not_yet: tuple[str, ...] = ()
    """Guidelines that cover such an order and began later, where no criteria apply."""


class Judging:
    """What is the same for all patients of a run; made once in each process."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.rules: Sequence[Standing] = [standing(r, s) for r, s in zip(job.rules, job.stamps, strict=True)]
        self.settings = [self._setting(r) for r in self.rules]
        self.undated: Counter[str] = Counter()
        """Undated resources of the charts: `counts <type>`, `left out <type>`."""
        self.passed: Counter[str] = Counter()
        """Signed orders that were not judged and need no word of their own, by why."""

    def _setting(self, rules: Standing) -> Setting:
        """Enough to say whether a card is due."""
        library, site = rules.library, CardSite(confirm_appropriate=self.job.site.confirm_appropriate)
        view = LibraryView(library.vocabulary, library.catalogue, {}, "")
        return Setting(view, Profile(), site, Keys("replay", b"no id is made with it"), wording("en"), "")

    def patient(
        self, identity: str, resources: Sequence[tuple[tuple[int, int], Json]], missing: frozenset[str]
    ) -> Iterator[Judged | Told]:
        """Every imaging order of one patient, session by session; ``missing`` types were not searched to the end. A
        failure is told and the rest goes on."""
        signed, undated = [], []
        latest, every = _latest(resources), sum(r["resourceType"] == ORDER and is_signed(r) for _, r in resources)
        if every > len(latest):
            self.passed[OLDER] += every - len(latest)
        for place, resource in latest:
            if "/" not in reference_of(resource):
                yield Told(place, NO_ID)
            elif moment := placed_on(resource):
                signed.append(Placed(resource, moment, place))
            else:
                undated.append((place, resource))
        timeline = Timeline(r for _, r in resources)
        self.undated.update(timeline.undated)
        for session in sessions(signed):
            try:
                yield from self._session(identity, session, timeline, missing)
            except Exception as error:  # one strange chart must not end a run of a million orders
                yield from (Told(placed.place, f"it failed with {type(error).__name__}") for placed in session)
        if undated:
            records = mappings.read_records([r for _, r in resources if r["resourceType"] != ORDER], identity)
            for place, resource in undated:
                if any(o.kind in IMAGING for o in mappings.read_orders([resource], records)):
                    yield Told(place, NO_DAY)
                else:
                    self.passed[NO_IMAGING] += 1

    def _session(
        self, identity: str, session: tuple[Placed, ...], timeline: Timeline, missing: frozenset[str]
    ) -> Iterator[Judged]:
        then, job = max((p.moment for p in session), key=lambda m: (m.day, m.second or 0.0)), self.job
        mine = frozenset(id(p.resource) for p in session)
        ids = {p.resource.get("id") for p in session}
        held = [r for r in timeline.at(then, mine) if r["resourceType"] != ORDER or r.get("id") not in ids]
        drafts = [{**p.resource, "status": "draft"} for p in session]
        records = mappings.read_records(held, identity, missing)
        orders = mappings.read_orders(drafts, records)
        if other := sum(order.kind not in IMAGING for order in orders):
            self.passed[NO_IMAGING] += other
        if other == len(orders):
            return
        site, today = job.site, then.day
        encounter = next((t for d in drafts if (t := target(d.get("encounter")))), None)
        chart = mappings.Chart(records, orders, today, encounter, dict(site.facts), drafts)
        policies = mappings.policy_ids(records, site.policy_systems, today)
        names = tuple(str(p.resource.get("id")) for p in session)
        for placed, order in zip(session, orders, strict=True):
            if order.kind not in IMAGING:
                continue
            verdicts, cards, policy = [], [], ""
            for rules, setting in zip(self.rules, self.settings, strict=True):
                chosen = rules.library.policies.choose(policies)
                book = rules.book(job.rules_on or today)
                verdict = settle(order, chart.session, chart.facts, book, chosen)
                verdicts.append(verdict)
                cards.append(needs_card(Consult(verdict, order, {}, "", "", "", setting)))
                policy = policy or chosen.id
            yield Judged(
                identity, placed, order, names, tuple(verdicts), tuple(cards), policy, _person(chart, order, today),
                len(held), len(chart.set_aside),
                _not_yet(self.rules[0].library, verdicts[0], order, job.rules_on or today),
            )  # fmt: skip
        chart.let_go()


def _person(chart: mappings.Chart, order: Order, today: dt.date) -> dict[str, Any]:
    if order.study is None:
        return {f.name: f.value for f in patient_facts(chart.records, today)}
    return {name: fact.value for name, fact in chart.facts(order, order.study).recorded.items()}


def _not_yet(library: Library, verdict: Verdict, order: Order, on: dt.date) -> tuple[str, ...]:
    study = order.study
    if verdict.rating is not Rating.NO_CRITERIA or study is None:
        return ()
    covering = {g for i in order.indications for g in library.indications[i].guidelines}
    return tuple(
        name
        for name in verdict.guidelines
        if name in covering and library.guidelines[name].start > on and study.id in library.guidelines[name].domain
    )


def _latest(resources: Iterable[tuple[tuple[int, int], Json]]) -> list[tuple[tuple[int, int], Json]]:
    """The signed orders, each once in the version last updated; of equals by what they say, wherever they stand."""
    found: dict[Any, tuple[tuple[int, int], Json]] = {}
    for place, resource in resources:
        if resource["resourceType"] != ORDER or not is_signed(resource):
            continue
        key = identity if isinstance(identity := resource.get("id"), str) else place
        if key not in found or _age(resource) > _age(found[key][1]):
            found[key] = place, resource
    return list(found.values())


def _age(resource: Json) -> tuple[float, bytes]:
    return instant(mapping(resource.get("meta")).get("lastUpdated")), orjson.dumps(resource, option=SORTED)
