"""What the EHR tells with its tokens: patient, encounter, the card's appContext, and how the app is shown."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from service.smart.ehrs import Ehr, is_origin
from service.smart.oauth import GRANTED_FOR, NotGranted
from service.smart.sessions import Launched, Tokens

FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
LONGEST = 4096


def read_context(name: str, ehr: Ehr, token: Mapping[str, Any], user: str, now: dt.datetime) -> Launched:
    """The session that a token response opens. Raises `NotGranted` where it names no patient."""
    patient, encounter = _id(token.get("patient")), _id(token.get("encounter"))
    if not patient:
        raise NotGranted("no patient")
    context, handle = token.get("appContext"), token.get("smart_web_messaging_handle")
    origin = token.get("smart_web_messaging_origin", token.get("smart_messaging_origin"))
    return Launched(
        name=name,
        iss=ehr.iss,
        tenant=ehr.tenant,
        patient=patient,
        tokens=read_tokens(token, now),
        encounter=encounter,
        user=user,
        app_context=context[:LONGEST] if isinstance(context, str) else "",
        origin=origin if isinstance(origin, str) and is_origin(origin) else "",
        banner=token.get("need_patient_banner") is not False,
        handle=handle[:LONGEST] if isinstance(handle, str) else "",
    )


def read_tokens(token: Mapping[str, Any], now: dt.datetime, before: Tokens | None = None) -> Tokens:
    """The tokens of a response; what it leaves out stays as it was before."""
    lasts, refresh, scope = token.get("expires_in"), token.get("refresh_token"), token.get("scope")
    seconds = lasts if isinstance(lasts, int | float) and not isinstance(lasts, bool) else 0
    return Tokens(
        str(token["access_token"]),
        refresh if isinstance(refresh, str) else before.refresh if before else "",
        scope if isinstance(scope, str) else before.scope if before else "",
        now.timestamp() + (seconds if 0 < seconds < 10**9 else GRANTED_FOR),
    )


def _id(value: Any) -> str:
    return value if isinstance(value, str) and FHIR_ID.fullmatch(value) else ""
