"""What composing an answer needs from outside: the client's abilities, the site's settings, the guidelines' names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from criteria.facts import Value, Vocabulary
from criteria.studies import Catalogue
from hooks.plans import Plans

CRD_TEMP = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"
"""Card types as CRD 2.0.1 knows them; CRD 2.2.1 moved them to the system below."""
CRD_CARD_TYPE = "http://terminology.hl7.org/CodeSystem/cdshooks-card-type"


@dataclass(frozen=True, slots=True)
class Profile:
    """What one client can show and do.

    ``always_rate``: the client never resets a rating, so every order in focus gets one (the public sandbox).
    ``sandbox_resources``: suggested orders must hold a rating, a display and a list of coded reasons.
    ``attestations``: answers to questions may be suggested as Observations. ``mixed_links``: absolute and smart links
    may stand on one card. ``crd``: the version of Da Vinci CRD it speaks, or empty. ``ratings``: the rating is written
    onto the order. ``scores``: a table of scores.yaml, or empty.
    """

    name: str = "full"
    system_actions_top: bool = True
    system_actions_extension: bool = True
    always_rate: bool = False
    sandbox_resources: bool = False
    suggestions: bool = True
    suggestion_actions: Collection[str] = ("update", "delete", "create")
    attestations: bool = True
    max_suggestions: int = 6
    smart_links: bool = True
    absolute_links: bool = True
    mixed_links: bool = True
    override_reasons: bool = True
    crd: str = ""
    ratings: bool = True
    scores: str = ""
    topic_system: str = CRD_TEMP
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Site:
    """Settings of one installation; an empty URL means that there is no such page.

    ``guideline_pages`` + ``/<guideline>#<section>`` shows a section, and where they are this service's own
    (``own_pages``) + ``/<criterion>`` one criterion; ``consult_pages`` + ``/<handle>`` explains one answer,
    ``app_launch`` starts the SMART app. ``qcdsm`` is the site's CMS identifier (G-code); ``auc`` replaces the
    guideline's own URI in the rating. ``confirm_appropriate`` turns on a card for appropriate orders.
    ``questionnaires`` + ``/<criterion>`` is the canonical of the form that asks what a criterion still needs; ``plans``
    what the plans of this site say of coverage (plans.py).
    """

    guideline_pages: str = ""
    consult_pages: str = ""
    app_launch: str = ""
    qcdsm: str = ""
    auc: str = ""
    confirm_appropriate: bool = False
    questionnaires: str = ""
    plans: Plans = field(default_factory=dict)
    own_pages: bool = False


def section_page(pages: str, guideline: str, section: str) -> str:
    """Where a section is shown, below ``pages``."""
    return f"{pages.rstrip('/')}/{quote(guideline, safe='')}#{quote(section)}"


def criterion_page(pages: str, criterion: str) -> str:
    """Where a criterion is shown, below ``pages``."""
    return f"{pages.rstrip('/')}/{quote(criterion)}"


@dataclass(frozen=True, slots=True)
class Insured:
    """A coverage: its reference, the insurer's name (or empty), the policy that it is under, its payer's identifiers
    (``system|value``), its last day where that is known, and whether it is in force."""

    reference: str
    insurer: str = ""
    policy: str = "default"
    payers: tuple[str, ...] = ()
    until: dt.date | None = None
    in_force: bool = True


@dataclass(frozen=True, slots=True)
class Keys:
    """Whose answer it is, and the secret that makes its ids stable and unguessable."""

    tenant: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < 16:
            raise ValueError("the secret for ids needs at least 16 bytes")


@dataclass(frozen=True, slots=True)
class Edition:
    """A guideline's name and edition as a clinician knows them; ``url`` its owner's page, or empty."""

    title: str
    edition: str = ""
    url: str = ""

    @property
    def name(self) -> str:
        return f"{self.title} {self.edition}".strip()


@dataclass(frozen=True, slots=True)
class LibraryView:
    """The part of the criteria that answers quote.

    ``policy`` is the policy that was applied to this patient, ``notice`` the sentence that its cards carry
    (``notice.<name>`` in languages/), if any. ``states`` are the facts that a reason states, by indication.
    """

    vocabulary: Vocabulary
    catalogue: Catalogue
    editions: Mapping[str, Edition]
    policy: str = "default"
    notice: str = ""
    states: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)


class SetAside(Protocol):
    """A chart resource that could not be used: its reference and why."""

    @property
    def reference(self) -> str: ...
    @property
    def why(self) -> str: ...
