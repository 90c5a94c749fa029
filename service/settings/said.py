"""What is said, and how."""

from __future__ import annotations

from pydantic import BaseModel, Field

from service.settings.kinds import Listed


class Said(BaseModel):
    time_zone: str = Field("UTC", description="IANA time zone in which today is today.")
    policies_file: str = Field("", description="Site's own policies.yaml; empty: the one that is shipped.")
    overlay_file: str = Field(
        "", description="Site's own overlay of the criteria (criteria/overlay.py); empty: the criteria as shipped."
    )
    policy_systems: Listed = Field((), description="Identifier systems of payers that name policies, beside ours.")
    qcdsm: str = Field(
        "",
        pattern=r"^(G\d{4})?$",
        description="The G-code of the qualified clinical decision support"
        " mechanism, sent with every rating; empty: not sent.",
    )
    auc: str = Field("", description="URI of the criteria that were applied; empty: the guideline's own.")
    confirm_appropriate: bool = Field(False, description="Send a card for appropriate orders too.")
    guideline_pages: str = Field(
        "",
        description="URL under which guideline sections are shown; empty: the service's own pages, below `base_url` or,"
        " in open mode, the address that is served; none: no such links.",
    )
    consult_pages: str = Field(
        "",
        description="URL under which one answer is explained; empty: the service's own pages, below `base_url` or, in"
        " open mode, the address that is served; none: no such links.",
    )
    explanation_days: int = Field(
        30, ge=0, le=3650, description="Days for which an answer can be explained; 0: nothing is kept for that."
    )
    contact: str = Field(
        "",
        max_length=200,
        description="Where readers report a fault of the advice: a web or mail address, or a few words such as Imaging"
        " stewardship, extension 4711; shown with each explanation. Empty: it says to ask whoever runs the service.",
    )
    app_launch: str = Field(
        "",
        description="Launch URL of the SMART app that cards link to; own: the app of this service, below `base_url` or,"
        " in open mode, the address that is served; empty: no such links. Needs `explanation_days`.",
    )
    questionnaires: str = Field(
        "",
        description="Canonical URL below which the forms of the criteria stand, such as"
        " https://cds.example.org/fhir/Questionnaire, named to CRD clients; empty: no form is named.",
    )
    plans_file: str = Field(
        "",
        description="Site's own table of what its plans say of coverage and prior authorization (hooks/plans.py), for"
        " CRD clients; empty: every statement is conditional.",
    )
    crd_payers: Listed = Field(
        (),
        description="Payers that clients of Da Vinci CRD 2.2 are answered for, as system|value of their identifiers,"
        " comma-separated; others are refused. Empty: any payer with an identifier.",
    )
    default_profile: str = Field("full", description="Client profile where the trust table names none.")
    user_role: bool = Field(
        False,
        description="Ask in discovery for the user's PractitionerRole (prefetch key `user`), so that staff are told"
        " whom to ask; only where every client's EHR fills the token userPractitionerRoleId.",
    )
