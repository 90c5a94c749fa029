"""One hook, from request to answer."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import structlog

import criteria
import hooks
import mappings
from criteria import Library
from criteria.facts import Value
from criteria.orders import Kind, Order
from criteria.policies import Policy
from criteria.ratings import Verdict
from hooks import Edition, HookRequest, Insured, Keys, LibraryView, Site
from hooks.payer import spoken_for
from hooks.plans import Plans
from mappings.unmapped import Code, unmapped_codes
from service import counts
from service.clients import Client
from service.fhir import FhirClient
from service.journal import Consultation, Judged, judged, with_addresses
from service.settings import Clock, Settings
from service.smart.answers import told_in
from service.smart.continuity import Continuity, Told
from service.terminology import Terminology
from service.watch.traces import took

log = structlog.get_logger("imaging_cds.decide")


class Keeps(Protocol):
    """Where answers go: the journal."""

    def keep(self, consultation: Consultation) -> None: ...


@dataclass(frozen=True)
class Decision:
    """What deciding needs from the installation; made once."""

    settings: Settings
    library: Library
    editions: Mapping[str, Edition]
    fhir: FhirClient
    journal: Keeps
    clock: Clock
    terminology: Terminology | None = None
    plans: Plans = field(default_factory=dict)
    continuity: Continuity | None = None

    def decide(self, request: HookRequest, client: Client) -> dict[str, Any]:
        """The answer to one hook. Raises errors of `hooks.errors`.

        A terminology server is asked once the answer is made, so that the next one knows more.
        """
        terminology = self.terminology
        with mappings.widened_by(terminology.known if terminology else None) as lacking:
            answer = self._decide(request, client)
        if terminology:
            terminology.learn(lacking)
        return answer

    def _decide(self, request: HookRequest, client: Client) -> dict[str, Any]:
        stages = Stages()
        now = self.clock()
        today = self.settings.today(now)

        collected = self.fhir.complete(request, mappings.QUERIES, client)
        stages.end("fetch")
        aliases = mappings.watch_aliases()
        resources = mappings.read_in_full(collected.resources, request.patient_id, today, request.drafts)
        records = mappings.read_records(resources, request.patient_id, collected.missing)
        orders = mappings.read_orders(request.drafts, records)
        told = self.continuity.told(request, client, orders, now) if self.continuity else Told()
        if told:
            records = mappings.read_records([*resources, *told.observations], request.patient_id, collected.missing)
            orders = mappings.read_orders(request.drafts, records)
        chart = mappings.Chart(records, orders, today, request.encounter_id, self.settings.site, request.drafts)
        insured = spoken_for(
            client.profile.shows.crd, self._insured(records, today), "Coverage" in records.missing,
            self.settings.crd_payers,
        )  # fmt: skip
        payers = mappings.policy_ids(records, self.settings.policy_systems, today)
        policy = self.library.policies.choose((*payers, client.policy))
        stages.end("read")
        verdicts, late = self._judge(chart, request, policy, stages)
        stages.end("judge")
        answer = hooks.compose(
            verdicts,
            request,
            library_view=self.view(policy),
            profile=client.profile.shows,
            site=self.site,
            keys=self.keys(client),
            orders=orders,
            unread=[*sorted(records.missing), *(["answers"] if told.unread else [])],
            set_aside=chart.set_aside,
            strange_devices=chart.strange_devices,
            coverages=insured,
            today=today,
            told=self._told(chart) if told else {},
            late=late,
            on_drop=lambda what: log.error("left_out", what=what),
        )
        stages.end("compose")
        unmapped = _unmapped(orders, request, records)
        kept: list[Judged] = []
        if self.settings.explain_pages or self.site.app_launch:
            kept = list(
                judged(
                    verdicts, answer, orders, chart.session, chart.looked_at, self.keys(client), policy.id, today,
                    client.profile.shows.language, [aside.reference for aside in chart.set_aside],
                )
            )  # fmt: skip
            answer = with_addresses(answer, kept, self.settings.explain_pages)
        self.journal.keep(
            Consultation(request, client.tenant, verdicts, answer, _studies(orders), now, stages.total, unmapped, kept)
        )
        if self.continuity:
            self.continuity.keep(request, client, answer, kept, told, now)
        stages.end("keep")

        if late:
            counts.add("orders_not_judged_in_time", len(late))
            log.warning("not_judged_in_time", orders=len(late))
        for aside in chart.set_aside:
            log.warning("set_aside", type=aside.reference.partition("/")[0], why=aside.why)
        for alias in sorted(aliases):
            log.info("system_alias", alias=alias)
        log.info("decided", hook=request.hook, orders=len(orders), calls=collected.calls, **stages.ms)
        chart.let_go()
        return answer

    def _judge(
        self, chart: mappings.Chart, request: HookRequest, policy: Policy, stages: Stages
    ) -> tuple[list[Verdict], list[str]]:
        """A verdict for each order in focus, and those for which the hook's time had run out."""
        verdicts: list[Verdict] = []
        late: list[str] = []
        company = criteria.company_of(chart.session, chart.facts, self.library, chart.today, policy)
        for order in chart.session:
            if order.standing or order.reference not in request.focus:
                continue
            imaging = order.kind not in (Kind.NOT_IMAGING, Kind.NO_CODE)
            if imaging and stages.seconds > self.settings.hook_budget_seconds:
                late.append(order.reference)
                continue
            verdicts.append(criteria.verdict_on(order, company))
        return verdicts, late

    def _told(self, chart: mappings.Chart) -> dict[str, Mapping[str, Value]]:
        """Order -> the answers of the app that it was judged on."""
        vocabulary = self.library.vocabulary
        return {o.reference: told_in(chart.facts(o, o.study), vocabulary) for o in chart.orders if o.study}

    def failed(self, request: HookRequest, client: Client) -> dict[str, Any]:
        """The answer for a client that is told in an answer when we failed; it reads as little as it can."""
        today = self.settings.today(self.clock())
        try:
            collected = self.fhir.complete(replace(request, fhir_server=None), mappings.QUERIES, client)
            resources = mappings.read_in_full(collected.resources, request.patient_id, today, request.drafts)
            records = mappings.read_records(resources, request.patient_id, collected.missing)
            insured = [i for i in self._insured(records, today) if i.in_force]
        except Exception as error:  # whatever broke the answer may break this too
            log.error("failed", kind=type(error).__name__)
            insured = []
        return hooks.compose_failed(
            request,
            profile=client.profile.shows,
            site=self.site,
            keys=self.keys(client),
            coverages=insured,
            today=today,
        )

    def _insured(self, records: mappings.Records, today: dt.date) -> list[Insured]:
        policies = self.library.policies
        return [
            Insured(i.reference, i.insurer, policies.choose(i.policies).id, i.payers, i.until, i.in_force)
            for i in mappings.insurances(records, self.settings.policy_systems, today)
        ]

    def view(self, policy: Policy) -> LibraryView:
        library = self.library
        return LibraryView(library.vocabulary, library.catalogue, self.editions, policy.id, policy.notice, self._states)

    @cached_property
    def _states(self) -> dict[str, Mapping[str, Value]]:
        return {name: indication.asserts for name, indication in self.library.indications.items()}

    @cached_property
    def site(self) -> Site:
        s = self.settings
        return Site(
            s.section_pages, s.explain_pages, s.launch_page, s.qcdsm, s.auc, s.confirm_appropriate, s.questionnaires,
            self.plans, s.own_section_pages,
        )  # fmt: skip

    def keys(self, client: Client) -> Keys:
        return Keys(client.tenant, self.settings.secret_key.get_secret_value().encode())


@dataclass(slots=True)
class Stages:
    """Milliseconds per stage, for the log."""

    ms: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)
    last: float = field(default_factory=time.perf_counter)

    def end(self, stage: str) -> None:
        now = time.perf_counter()
        self.ms[f"{stage}_ms"] = round((now - self.last) * 1000, 1)
        took(stage, self.last, now)
        self.last = now

    @property
    def seconds(self) -> float:
        """Since the hook began."""
        return time.perf_counter() - self.began

    @property
    def total(self) -> float:
        return round(self.seconds * 1000, 1)


def editions(library: Library) -> dict[str, Edition]:
    """The guidelines' names as cards quote them."""
    return {g.id: Edition(g.title, g.edition) for g in library.guidelines.values()}


def _unmapped(
    orders: list[Order], request: HookRequest, records: mappings.Records
) -> dict[str, tuple[tuple[str, Code], ...]]:
    """The codes that no table knows, of the orders that would not be asked about but for them."""
    return {
        order.reference: unmapped_codes(draft, records)
        for order in orders
        if order.kind is Kind.UNRECOGNISED or any(reason.status == "unmapped" for reason in order.reasons)
        if (draft := request.draft(order.reference)) is not None
    }


def _studies(orders: list[Order]) -> dict[str, str | None]:
    return {order.reference: order.study.id if order.study else None for order in orders}
