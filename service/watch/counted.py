"""The journal, with every answer counted on its way there."""

from __future__ import annotations

from hooks.cards import OURS
from service.decide import Keeps
from service.journal import Consultation
from service.watch.metrics import card_shown, order_answered

NOT_RATED = "not-rated"


class Counted:
    def __init__(self, journal: Keeps) -> None:
        self._journal = journal

    def keep(self, consultation: Consultation) -> None:
        hook, tenant = consultation.request.hook, consultation.tenant
        for verdict in consultation.verdicts:
            order_answered(hook, tenant, verdict.rating.value if verdict.rating else NOT_RATED)
        for card in consultation.answer.get("cards", ()):
            rating = card.get("extension", {}).get(OURS, {}).get("rating", NOT_RATED)
            card_shown(tenant, card["indicator"], rating)
        self._journal.keep(consultation)
