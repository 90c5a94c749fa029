"""Verdicts into the answer of CDS Hooks: ratings on the orders, and cards for the few that need a word."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from criteria.orders import Order
from criteria.ratings import Rating, Verdict
from hooks import actions
from hooks.cards import ASSOCIATED, OURS, TOPICS, card
from hooks.consult import Consult, Setting, needs_card, study_words
from hooks.coverage import coverage_information, without_coverage_information
from hooks.ids import content_of, stable_uuid
from hooks.proposed import in_order
from hooks.request import HookRequest
from hooks.roles import is_staff
from hooks.site import Keys, LibraryView, Profile, SetAside, Site
from hooks.validate import faults, without_empty
from hooks.wording import wording

Json = dict[str, Any]


def compose(
    verdicts: Sequence[Verdict],
    request: HookRequest,
    *,
    library_view: LibraryView,
    profile: Profile,
    site: Site,
    keys: Keys,
    orders: Iterable[Order] = (),
    unread: Sequence[str] = (),
    set_aside: Sequence[SetAside] = (),
    strange_devices: Sequence[str] = (),
    coverages: Sequence[str] = (),
    today: dt.date | None = None,
    on_drop: Callable[[str], None] = lambda what: None,
) -> Json:
    """The response to one hook.

    Only orders in ``request.focus`` are answered. ``orders`` are what the verdicts judged (names and reasons for the
    cards), ``unread`` the resource types that could not be had, ``strange_devices`` what the chart calls devices that
    nobody recognises ('' for one without a name). ``coverages`` (``Coverage/<id>``) are for
    the coverage information of CRD clients; other clients never get any. ``on_drop`` is told "suggestion" or "rating"
    when something was left out because it would not have been valid FHIR.
    """
    words = wording(profile.language, staff=is_staff(request))
    setting = Setting(
        library_view, profile, site, keys, words, request.patient_id, unread, set_aside, strange_devices, today
    )
    known = {o.reference: o for o in orders}
    judged = {v.order: v for v in verdicts}
    cards: list[Json] = []
    ratings: list[Json] = []
    for draft in request.drafts:
        reference = f"ServiceRequest/{draft['id']}"
        if reference not in request.focus:
            continue
        verdict = judged.get(reference, Verdict(reference, None))
        insured = tuple(dict.fromkeys(coverages)) if profile.crd and today else ()
        consult = _consult(verdict, without_coverage_information(draft, insured), known, setting)
        statements = [coverage_information(consult, c, today) for c in insured if verdict.rating and today]
        if action := _rating(consult, statements, on_drop):
            ratings.append(action)
        if needs_card(consult):
            cards.append(card(consult, on_drop))
    return _response(cards, ratings, profile)


def compose_failed(request: HookRequest, *, profile: Profile, site: Site, keys: Keys) -> Json:
    """The answer to a client that would otherwise go on showing an earlier rating: advice failed, said plainly."""
    words = wording(profile.language, staff=is_staff(request))
    cards: list[Json] = []
    ratings: list[Json] = []
    for reference in request.focus:
        draft = request.draft(reference)
        if draft is None:
            continue
        content = json.dumps([request.patient_id, "failed", actions.unrated(draft), *words.reader], sort_keys=True)
        consult = f"urn:uuid:{stable_uuid(keys, 'consult', content)}"
        coding = actions.rating_extensions(Rating.NEEDS_INFORMATION.value, consult, "", site)
        if profile.always_rate:
            ratings.append(actions.system_action(actions.rated(draft, coding), words))
        topic = {"system": profile.topic_system, "code": "guideline", "display": TOPICS["guideline"]}
        mark = {"consult": consult, "order": reference, "rating": Rating.NEEDS_INFORMATION.value, "provisional": False}
        cards.append(
            {
                "uuid": stable_uuid(keys, "card", content),
                "summary": words.say("summary.failed"),
                "indicator": "warning",
                "detail": words.say("failed"),
                "source": {"label": words.say("source"), "topic": topic},
                "extension": {OURS: mark, ASSOCIATED: [reference]},
            }
        )
    return _response(cards, ratings, profile)


def _consult(verdict: Verdict, draft: Json, known: Mapping[str, Order], setting: Setting) -> Consult:
    order = known.get(verdict.order)
    verdict = in_order(verdict, order)
    content = content_of(
        verdict,
        setting.patient_id,
        without_empty(actions.unrated(draft)),
        sorted(setting.unread),
        sorted(s.reference for s in setting.set_aside),
        *([sorted(setting.strange_devices)] if setting.strange_devices else []),
        {g: setting.edition(g).name for g in verdict.guidelines},
        setting.view.policy,
        setting.view.notice,
        *([[p.name, p.value, p.words] for p in order.proposals] if order and order.proposals else []),
        *setting.words.reader,
    )
    consult = f"urn:uuid:{stable_uuid(setting.keys, 'consult', content)}"
    return Consult(verdict, order, draft, study_words(draft, order, setting), consult, content, setting)


def _rating(consult: Consult, statements: list[Json], on_drop: Callable[[str], None]) -> Json | None:
    """The system action that writes the rating, and what is said on coverage; None where there is neither."""
    setting, verdict = consult.setting, consult.verdict
    rating = verdict.rating
    if setting.profile.always_rate and rating is None:
        rating = Rating.NO_CRITERIA if _has_code(consult.draft) else Rating.NEEDS_INFORMATION
    extensions: list[Json] = []
    if rating and (rating is not Rating.NEEDS_INFORMATION or setting.profile.always_rate):
        decided = rating in (Rating.APPROPRIATE, Rating.NOT_APPROPRIATE)
        auc = actions.criteria_uri(verdict, setting.site) if decided else ""
        extensions += actions.rating_extensions(rating.value, consult.consult, auc, setting.site)
    extensions += statements
    if not extensions:
        return None
    resource = actions.rated(consult.draft, extensions)
    if faults(resource):
        on_drop("rating")
        return None
    return actions.system_action(resource, setting.words)


def _has_code(draft: Json) -> bool:
    code = without_empty(draft.get("code"))
    return isinstance(code, dict) and bool(code.get("text") or any("code" in c for c in actions.codings(code)))


def _response(cards: list[Json], ratings: list[Json], profile: Profile) -> Json:
    out: Json = {"cards": cards}
    if ratings and profile.system_actions_top:
        out["systemActions"] = ratings
    if ratings and profile.system_actions_extension:
        out["extension"] = {"systemActions": ratings}
    return out
