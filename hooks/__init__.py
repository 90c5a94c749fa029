"""The CDS Hooks conversation: read the request, answer with ratings and cards."""

from hooks.compose import compose, compose_failed
from hooks.errors import HooksError
from hooks.feedback import read_feedback
from hooks.outcome import outcome
from hooks.prefetch import Prefetched, State, read_prefetch, read_result
from hooks.request import HookRequest, read_request
from hooks.services import discovery, hooks_of
from hooks.site import Edition, Insured, Keys, LibraryView, Profile, Site

__all__ = [
    "Edition",
    "HookRequest",
    "HooksError",
    "Insured",
    "Keys",
    "LibraryView",
    "Prefetched",
    "Profile",
    "Site",
    "State",
    "compose",
    "compose_failed",
    "discovery",
    "hooks_of",
    "outcome",
    "read_feedback",
    "read_prefetch",
    "read_request",
    "read_result",
]
