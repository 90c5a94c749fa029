"""Gather the facts for an order: every reader once, the better of two facts, and what follows from them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from criteria.facts import Fact, Facts
from criteria.orders import Order
from criteria.studies import Study
from mappings.allergies import allergy_facts
from mappings.attested import read_attested
from mappings.cancer_imaging import Followed, cancer_imaging_facts, read_followed, surveillance_facts
from mappings.cancer_kinds import cancer_kind_facts
from mappings.conditions import condition_facts, open_facts
from mappings.consequences import consequences
from mappings.coverage import payer_facts
from mappings.derived import derive
from mappings.devices import device_facts, unrecognised
from mappings.diagnoses import indications
from mappings.electrodiagnostics import electrodiagnostic_facts
from mappings.episode import Episode, read_episode
from mappings.evaluation import Contact, contacts, evaluation_facts, reevaluation_facts, unexplained_visits
from mappings.evidence import with_notes
from mappings.fields import reference_of, target
from mappings.findings import finding_facts
from mappings.medications import medication_facts, supplies
from mappings.observed import observed
from mappings.oncology_history import oncology_facts
from mappings.onset_age import onset_age_facts
from mappings.orders import OPEN_DAYS, standing_orders
from mappings.outcome import outcome_facts
from mappings.patient import patient_facts
from mappings.plans import plan_facts, read_plans
from mappings.prior_imaging import earlier_studies, prior_imaging_facts, similar_done
from mappings.reasons import reason_facts
from mappings.records import Records, SetAside
from mappings.said import said_facts
from mappings.searched import left_open, still_open, unsearched
from mappings.session import Company, advanced_studies, company_of, order_facts
from mappings.surgery import read_operations, recent_by_days, surgery_facts
from mappings.treated_fracture import treated_fracture_facts
from mappings.treatments import treatment_facts
from mappings.unusable import may_have_told


class Chart:
    """The chart of one patient, read for the orders of one session.

    ``site`` holds the settings that facts.yaml leaves to the site (very_elderly_years, recent_evaluation_days,
    recent_surgery_days, recent_mri_days, scanner_bmi_limit, pain_improvement_percent, open_order_days).
    ``drafts`` are the draft ServiceRequests themselves, for their reasons, encounter and requester. Readers run once
    per patient, order or study, whichever they depend on.
    """

    def __init__(
        self,
        records: Records,
        orders: Sequence[Order],
        today: dt.date,
        encounter_id: str | None = None,
        site: Mapping[str, Any] | None = None,
        drafts: Sequence[Any] = (),
    ) -> None:
        self.records, self.orders, self.today, self.site = records, tuple(orders), today, dict(site or {})
        self._open_days = int(self.site.get("open_order_days", OPEN_DAYS))
        self.session = (*self.orders, *standing_orders(drafts, records, today, self._open_days))
        """The drafts and the open orders of the chart, which keep them company."""
        self._encounter = target(encounter_id) or (f"Encounter/{encounter_id}" if encounter_id else None)
        self._drafts = {reference_of(d): d for d in drafts if isinstance(d, dict)}
        self._attested = read_attested(records, today)
        notes: list[SetAside] = []
        self._medicines = tuple(supplies(records, today))
        diagnosed = tuple(condition_facts(records, today))
        implants = [f.name for f in diagnosed if f.name.startswith("implant.") and f.value is True]
        self._patient = merge(
            {},
            (
                *patient_facts(records, today, self.site),
                *diagnosed,
                *onset_age_facts(records, today),
                *electrodiagnostic_facts(records, today),
                *finding_facts(records, today, self.site, notes),
                *device_facts(records, today, implants),
                *allergy_facts(records, today),
                *medication_facts(self._medicines, today),
                *payer_facts(records, today),
            ),
        )
        self._earlier = earlier_studies(records, today)
        self._done = advanced_studies(records)
        self._operations, self._plans = read_operations(records, today), read_plans(records, today)
        self._unsearched = unsearched(records.missing) | open_facts(records, today)
        self._episodes: dict[str, tuple[Episode, tuple[Contact, ...], Followed, dict[str, Fact]]] = {}
        self._regions: dict[tuple[str, str], Mapping[str, Fact]] = {}
        self._companies: dict[str, Company] = {}
        self._facts: dict[tuple[str, str], Facts] = {}
        self.set_aside: tuple[SetAside, ...] = tuple(
            dict.fromkeys((*records.set_aside, *observed(records, today).set_aside, *self._attested.set_aside, *notes))
        )
        """What could not be used, with the reason, for the log and the note on the card."""
        self._unsearched |= left_open(self.set_aside) | may_have_told(records, today)
        self.strange_devices = tuple(name for _, name in unrecognised(records))
        """What the chart calls the devices that nobody recognises, for the card alone."""

    def facts(self, order: Order, study: Study) -> Facts:
        """Everything known for ``order`` if it were for ``study`` (its own study, or an alternative)."""
        key = (order.reference, study.id)
        if key not in self._facts:
            self._facts[key] = self._gather(order, study)
        return self._facts[key]

    def looked_at(self, order: Order) -> dict[str, Facts]:
        """What was gathered for an order, by the studies that were considered for it."""
        return {study: facts for (reference, study), facts in self._facts.items() if reference == order.reference}

    def let_go(self) -> None:
        """Forget the chart: what was judged refers to it in a circle, so that it would stay until somebody looks for
        garbage, which for a large chart takes longer than to judge it. What was judged can still be explained, as far
        as nothing is asked that was not asked before."""
        self.__dict__.clear()

    def _gather(self, order: Order, study: Study) -> Facts:
        facts = dict(self._of_region(order, study))
        add(facts, similar_done(study, self._earlier))
        add(facts, order_facts(self._company(order), study, self.records, self._done))
        said = said_facts(order.proposals, facts) if order.proposals else {}
        return Facts(facts, still_open(self._unsearched, facts), said)

    def _of_region(self, order: Order, study: Study) -> Mapping[str, Fact]:
        """What is the same for all studies of a region: everything but what follows from the study itself, from which
        nothing else follows (derived.yaml)."""
        key = (order.reference, study.region)
        if key not in self._regions:
            records, today = self.records, self.today
            episode, seen, followed, held = self._of_order(order)
            facts = dict(held)
            add(
                facts,
                prior_imaging_facts(
                    study, today, episode, self.orders, order, self.site, self._earlier, self._operations
                ),
                surveillance_facts(followed, study, today),
                surgery_facts(self._operations, study, today, self.site),
                treated_fracture_facts(records, self._operations, study, today),
                plan_facts(self._plans, records, study, today, self._drafts.get(order.reference)),
            )
            add(facts, self._attested.facts(order).values())
            add(facts, recent_by_days(facts, self.site))
            add(facts, reevaluation_facts(seen, facts, today))
            add(facts, outcome_facts(records, seen, facts, today, self.site))
            add(facts, consequences(order, study, facts))
            derive(facts)
            self._regions[key] = with_notes(facts)
        return self._regions[key]

    def _company(self, order: Order) -> Company:
        """The other orders, as this one sees them."""
        if order.reference not in self._companies:
            made = company_of(order, self.session, self.records, self.today, self._open_days)
            self._companies[order.reference] = made
        return self._companies[order.reference]

    def _of_order(self, order: Order) -> tuple[Episode, tuple[Contact, ...], Followed, dict[str, Fact]]:
        """What depends on the order and on no study: its episode, the contacts in it, and their facts."""
        if order.reference not in self._episodes:
            draft = self._drafts.get(order.reference, {})
            here = tuple(e for e in (self._encounter, target(draft.get("encounter"))) if e)
            episode = read_episode(self.records, order, indications(), self.today)
            seen = contacts(self.records, episode, self.today, here)
            held = self._patient
            if episode.complaint:
                held = merge(held, condition_facts(self.records, self.today, episode.complaint))
            held = merge(held, evaluation_facts(self.records, seen, self.today, draft, self.site))
            held = merge(held, unexplained_visits(self.records, episode, self.today))
            held = merge(held, treatment_facts(self.records, episode, self.today, self._medicines))
            held = merge(held, reason_facts(draft, self.records, self.today))
            held = merge(held, cancer_kind_facts(self.records, episode, self.today))
            held = merge(held, oncology_facts(self.records, episode, self.today, held, self._medicines))
            followed = read_followed(self._earlier, self.records, episode)
            held = merge(held, cancer_imaging_facts(self._earlier, followed, self.today))
            self._episodes[order.reference] = (episode, seen, followed, held)
        return self._episodes[order.reference]


def merge(held: Mapping[str, Fact], more: Iterable[Fact]) -> dict[str, Fact]:
    """Of two facts of one name the better: attested over recorded over derived, then the newer; else the first."""
    out = dict(held)
    add(out, more)
    return out


def add(held: dict[str, Fact], *more: Iterable[Fact]) -> None:
    """`merge` more facts in their order."""
    for fact in tuple(chain.from_iterable(more)):  # read to the end before any is added: a reader may look at ``held``
        name = fact.name
        if name not in held or fact.beats(held[name]):
            held[name] = fact
