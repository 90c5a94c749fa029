"""What one running installation is made of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from criteria import Library, load_library
from criteria.overlay import apply
from criteria.policies import load_policies
from hooks.plans import load_plans
from service.clients import load_profiles
from service.decide import Decision, editions
from service.fhir import FhirClient
from service.journal import Journal
from service.jwks import Keys
from service.rates import Rates
from service.settings import Clock, Settings, SettingsError
from service.smart.parts import SmartParts, make_smart_parts
from service.terminology import Terminology
from service.trust import Trust
from service.trust_file import TrustFile
from service.trusted import TrustedClient
from service.watch.counted import Counted


@dataclass(frozen=True, slots=True)
class Parts:
    """Found by the views under ``current_app.extensions["imaging_cds"]``."""

    settings: Settings
    decision: Decision
    trust: Trust
    journal: Journal
    smart: SmartParts
    rates: Rates


def make_parts(settings: Settings, clock: Clock | None = None) -> Parts:
    """Everything read and checked. Raises `SettingsError` or `DataError`; nothing is left for the first request."""
    clock = clock or _now
    if settings.default_profile not in load_profiles():
        raise SettingsError(f"IMAGING_CDS_DEFAULT_PROFILE: {settings.default_profile} is no client profile.")
    library = library_of(settings)
    policies = library.policies.by_id
    table: Mapping[str, TrustedClient] = (
        {} if settings.open else TrustFile(Path(settings.trust_file), settings, policies)
    )
    journal = Journal(settings, clock)
    journal.upgrade()
    terminology = Terminology(settings) if settings.terminology_url else None
    plans = load_plans(Path(settings.plans_file), policies) if settings.plans_file else {}
    keys = Keys(settings)
    smart = make_smart_parts(settings, journal, library, keys, clock, table)
    continuity = smart.continuity if settings.launch_page else None
    kept, fhir = Counted(journal), FhirClient(settings)
    decision = Decision(settings, library, editions(library), fhir, kept, clock, terminology, plans, continuity)
    rates = Rates(settings)
    trust = Trust(settings, table, keys, journal.seen_before, clock, rates)
    return Parts(settings, decision, trust, journal, smart, rates)


def library_of(settings: Settings) -> Library:
    """The criteria, with the site's own policies and overlay where it has any."""
    library = shipped_library()
    if settings.policies_file:
        library = replace(library, policies=load_policies(Path(settings.policies_file), library.guidelines))
    return apply(library, Path(settings.overlay_file)) if settings.overlay_file else library


@cache
def shipped_library() -> Library:
    """Read once per process; a library never changes."""
    return load_library()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
