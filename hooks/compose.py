"""Verdicts into the answer of CDS Hooks: ratings on the orders, and cards for the few that need a word."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from criteria.facts import Value
from criteria.orders import Order
from criteria.ratings import Rating, Verdict
from hooks import actions
from hooks.cards import ASSOCIATED, OURS, TOPICS, card
from hooks.configuration import COVERAGE, Wanted, wanted
from hooks.consult import NO_TAGS, Consult, Setting, needs_card, study_words
from hooks.coverage import coverage_information, undetermined, without_coverage_information
from hooks.ids import content_of, stable_uuid
from hooks.markdown import bullets, escape, plain
from hooks.proposed import in_order
from hooks.request import HookRequest
from hooks.roles import is_staff
from hooks.site import Insured, Keys, LibraryView, Profile, SetAside, Site
from hooks.validate import faults, without_empty
from hooks.wording import Wording, wording

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
    coverages: Sequence[Insured] = (),
    today: dt.date | None = None,
    told: Mapping[str, Mapping[str, Value]] | None = None,
    late: Container[str] = (),
    on_drop: Callable[[str], None] = lambda what: None,
) -> Json:
    """The response to one hook.

    Only orders in ``request.focus`` are answered. ``orders`` are what the verdicts judged (names and reasons for the
    cards), ``unread`` the resource types that could not be had, ``strange_devices`` what the chart calls devices that
    nobody recognises ('' for one without a name). ``coverages`` and ``today`` are for CRD clients: coverage information
    on each order, and cards in the insurer's name. ``told`` is what the user answered in the app, by
    order. ``late`` are the orders that there was no time to judge; each has a card that says so. ``on_drop`` is told
    "suggestion" or "rating" when something was left out because it would not have been valid FHIR.
    """
    words = wording(profile.language, staff=is_staff(request))
    asked = wanted(request.extension)
    insurer = next((c.insurer for c in coverages if profile.crd and c.insurer), "")
    selecting = request.hook == "order-select"
    setting = Setting(
        library_view, profile, site, keys, words, request.patient_id, unread, set_aside, strange_devices,
        today, plain(insurer, 80).translate(NO_TAGS), selecting, request.user_id, told or {},
    )  # fmt: skip
    insured = {c.reference: c for c in coverages} if profile.crd and today and COVERAGE not in asked.off else {}
    known = {o.reference: o for o in orders}
    judged = {v.order: v for v in verdicts}
    cards: list[Json] = []
    ratings: list[Json] = []
    for draft in request.drafts:
        reference = f"ServiceRequest/{draft['id']}"
        if reference not in request.focus:
            continue
        if reference in late:
            unjudged = _Unjudged("late", request, words, profile, site, keys, tuple(insured.values()), today)
            unjudged.answer(draft, cards, ratings)
            continue
        verdict = judged.get(reference, Verdict(reference, None))
        consult = _consult(verdict, without_coverage_information(draft, insured), known, setting)
        statements = [coverage_information(consult, c, today, draft, not selecting) for c in insured.values() if today]
        action = _rating(consult, statements, on_drop)
        if action is None:
            ratings += actions.rating_withdrawn(draft, profile, words)
        elif not (statements and action["resource"] == draft):
            ratings.append(action)
        if needs_card(consult):
            cards.append(card(consult, on_drop))
    return _response(_shown(cards, asked, words), ratings, profile, request)


def compose_failed(
    request: HookRequest,
    *,
    profile: Profile,
    site: Site,
    keys: Keys,
    coverages: Sequence[Insured] = (),
    today: dt.date | None = None,
) -> Json:
    """The answer to a client to which an error would say less: advice failed, said plainly.

    The public sandbox would go on showing an earlier rating; CRD 2.2 wants a coverage that could not be determined.
    """
    words = wording(profile.language, staff=is_staff(request))
    told = wanted(request.extension)
    insured = coverages if profile.crd and today and COVERAGE not in told.off else ()
    cards: list[Json] = []
    ratings: list[Json] = []
    failed = _Unjudged("failed", request, words, profile, site, keys, insured, today)
    for reference in request.focus:
        draft = request.draft(reference)
        if draft is not None:
            failed.answer(draft, cards, ratings)
    return _response(_shown(cards, told, words), ratings, profile, request)


@dataclass(frozen=True, slots=True)
class _Unjudged:
    """The answer for orders that were not judged. ``why`` names the sentence that says it: "failed" or "late"."""

    why: str
    request: HookRequest
    words: Wording
    profile: Profile
    site: Site
    keys: Keys
    insured: Sequence[Insured] = ()
    today: dt.date | None = None

    def answer(self, draft: Json, cards: list[Json], ratings: list[Json]) -> None:
        """A statement on each coverage for a CRD client; else a card, and a rating if the client always wants one."""
        words, profile, keys, today = self.words, self.profile, self.keys, self.today
        reference = f"ServiceRequest/{draft['id']}"
        content = json.dumps([self.request.patient_id, self.why, actions.unrated(draft), *words.reader], sort_keys=True)
        consult = f"urn:uuid:{stable_uuid(keys, 'consult', content)}"
        if self.insured and today:
            held = without_coverage_information(draft, [c.reference for c in self.insured])
            held = actions.unrated(held) if profile.ratings else held
            said = [
                undetermined(c, stable_uuid(keys, f"coverage {c.reference}", content), today, words.say(self.why))
                for c in self.insured
            ]
            ratings.append(actions.system_action(_with(held, said), words))
            return
        if profile.always_rate:
            coding = actions.rating_extensions(Rating.NEEDS_INFORMATION.value, consult, "", self.site, profile)
            ratings.append(actions.system_action(actions.rated(draft, coding), words))
        else:
            ratings += actions.rating_withdrawn(draft, profile, words)
        topic = {"system": profile.topic_system, "code": "guideline", "display": TOPICS["guideline"]}
        mark = {"consult": consult, "order": reference, "rating": Rating.NEEDS_INFORMATION.value, "provisional": False}
        cards.append(
            {
                "uuid": stable_uuid(keys, "card", content),
                "summary": words.say("summary.failed"),
                "indicator": "warning",
                "detail": words.say(self.why),
                "source": {"label": words.say("source"), "topic": topic},
                "extension": {OURS: mark, ASSOCIATED: [reference]},
            }
        )


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
        *([[p.name, p.value, p.words, *[True] * p.doubted] for p in order.proposals] if order else []),
        *setting.words.reader,
        *([sorted(told.items())] if (told := setting.told.get(verdict.order)) else []),
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
    profile = setting.profile
    unasked = rating is not Rating.NEEDS_INFORMATION or profile.always_rate or profile.scores
    if rating and profile.ratings and unasked:
        decided = rating in (Rating.APPROPRIATE, Rating.NOT_APPROPRIATE)
        auc = actions.criteria_uri(verdict, setting.site) if decided else ""
        extensions += actions.rating_extensions(rating.value, consult.consult, auc, setting.site, profile)
    extensions += statements
    if not extensions:
        return None
    draft = consult.draft
    resource = actions.rated(draft, extensions) if profile.ratings else _with(draft, extensions)
    # the order itself was found valid when it came; what is said of coverage bears days and references
    if faults(resource) if statements else not actions.is_valid(extensions):
        on_drop("rating")
        return None
    return actions.system_action(resource, setting.words)


def _with(draft: Json, extensions: list[Json]) -> Json:
    """The client's own order with our extensions, and nothing else touched."""
    return {**draft, "extension": [*(draft.get("extension") or []), *extensions]}


def _has_code(draft: Json) -> bool:
    code = without_empty(draft.get("code"))
    return isinstance(code, dict) and bool(code.get("text") or any("code" in c for c in actions.codings(code)))


def _shown(cards: list[Json], asked: Wanted, words: Wording) -> list[Json]:
    """The cards that the client has room for; the last one names the others, so that no order is passed over."""
    shown, left = asked.cards(cards)
    if shown and left:
        named = words.say("heading.left-out") + "\n" + bullets([escape(c["summary"]) for c in left])
        shown[-1] = {**shown[-1], "detail": f"{shown[-1]['detail']}\n\n{named}"}
    return shown


def _response(cards: list[Json], ratings: list[Json], profile: Profile, request: HookRequest) -> Json:
    """The answer. A CRD client looks for systemActions in every answer to order-sign, be it an empty list."""
    out: Json = {"cards": cards}
    if profile.system_actions_top and (ratings or (profile.crd and request.hook == "order-sign")):
        out["systemActions"] = ratings
    if ratings and profile.system_actions_extension:
        out["extension"] = {"systemActions": ratings}
    return out
