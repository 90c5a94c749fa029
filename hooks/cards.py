"""The card for one order: summary, urgency, source, suggestions, links, reasons to set it aside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from criteria.ratings import NO_REASON, Alternative, Because, Rating
from hooks import actions
from hooks.attestation import attestations
from hooks.consult import Consult
from hooks.detail import cited, cited_sections, detail
from hooks.ids import explain_handle, stable_uuid
from hooks.overrides import override_reasons
from hooks.proposed import question
from hooks.site import criterion_page, section_page
from hooks.validate import faults

Json = dict[str, Any]
OURS = "io.github.imaging-cds"
ASSOCIATED = "davinci-crd.associated-resource"
TOPICS = {
    "appropriate-use": "Appropriate Use",
    "contraindication": "Contraindication",
    "guideline": "Guideline",
    "off-guideline": "Off Guideline",
}
"""Codes of the CRD card types that we use, with their displays."""
INSTRUCTS = (*NO_REASON, Because.STUDY_UNRECOGNISED)
"""What the clinician mends on the order itself."""


def card(consult: Consult, on_drop: Callable[[str], None]) -> Json:
    """One card. ``on_drop`` hears of a suggestion that was left out because it would not have been valid FHIR."""
    setting = consult.setting
    key, slots = _summary(consult)
    out: Json = {
        "uuid": stable_uuid(setting.keys, "card", consult.content),
        "summary": setting.words.say(key, **slots),
        "indicator": _indicator(consult),
        "detail": detail(consult),
        "source": _source(consult),
    }
    if suggested := _suggestions(consult, on_drop):
        out["suggestions"] = suggested
        out["selectionBehavior"] = "at-most-one"
    if setting.profile.override_reasons and not confirmation(consult):
        out["overrideReasons"] = [r.coding(setting.words.quote(r.display)) for r in override_reasons()]
    if linked := _links(consult):
        out["links"] = linked
    out["extension"] = {OURS: _note_for_programs(consult), ASSOCIATED: [consult.verdict.order]}
    return out


def confirmation(consult: Consult) -> bool:
    """True for a card that only says that all is well: there is nothing to set aside."""
    return consult.verdict.rating is Rating.APPROPRIATE and _indicator(consult) == "info"


def _note_for_programs(consult: Consult) -> Json:
    verdict = consult.verdict
    lists = {"asks": verdict.asks, "presumes": verdict.presumes, "criteria": verdict.criteria, "rows": verdict.rows}
    return {
        "consult": consult.consult,
        "order": verdict.order,
        "rating": (verdict.rating or Rating.NEEDS_INFORMATION).value,
        "provisional": verdict.provisional,
        **{name: list(values) for name, values in lists.items() if values},
    }


def _indicator(consult: Consult) -> str:
    if consult.critical:
        return "critical"
    return "warning" if consult.safety or consult.verdict.rating is Rating.NOT_APPROPRIATE else "info"


def _summary(consult: Consult) -> tuple[str, dict[str, str]]:
    """The key of the summary and its placeholders."""
    verdict, study = consult.verdict, {"study": consult.study}
    match verdict.rating:
        case Rating.APPROPRIATE:
            safety = consult.critical or consult.safety
            return "summary.appropriate-safety" if safety else "summary.appropriate", study
        case Rating.NO_CRITERIA:
            told = {Because.PEDIATRIC: "summary.pediatric", Because.OTHER_GUIDELINE: "summary.other-guideline"}
            key = told.get(verdict.because) if verdict.because else None
            return key or ("summary.safety" if consult.critical or consult.safety else "summary.scope"), study
        case Rating.NOT_APPROPRIATE:
            return _instead(consult)
    return _ask(consult)


def _instead(consult: Consult) -> tuple[str, dict[str, str]]:
    verdict, study, setting = consult.verdict, {"study": consult.study}, consult.setting
    actions_offered = {a.action for a in consult.alternatives}
    best = next((a for a in consult.alternatives if a.action == "update" and a.study), None)
    first = next((a for a in consult.alternatives if a.action == "create" and a.study), None)
    both = {**study, "alternative": setting.words.study(best.study)} if best and best.study else study
    if verdict.safety_critical or verdict.because is Because.SAFETY:
        return ("summary.safety-change" if best else "summary.safety"), both
    if verdict.because is Because.COMBINATION and ("delete" in actions_offered or not best):
        return "summary.remove", study
    if best and verdict.because is Because.CODING:
        return "summary.recode", both
    if best and (best.rating is Rating.APPROPRIATE or verdict.because is not Because.REQUIREMENT_MISSING):
        return "summary.change", both
    if "delete" in actions_offered and not best:
        return "summary.remove", study
    if first and first.study:
        return "summary.add", {**study, "alternative": setting.words.study(first.study)}
    if verdict.because is Because.REQUIREMENT_MISSING:
        return "summary.requirement", study
    return "summary.reconsider", study


def _ask(consult: Consult) -> tuple[str, dict[str, str]]:
    verdict, study = consult.verdict, {"study": consult.study}
    told = {
        Because.REASON_MISSING: "summary.ask-reason",
        Because.REASON_UNMAPPED: "summary.ask-reason-unmapped",
        Because.REASON_REFUTED: "summary.ask-reason-refuted",
        Because.REASON_MISTAKEN: "summary.ask-reason-mistaken",
        Because.STUDY_UNRECOGNISED: "summary.ask-study",
    }
    if verdict.because is Because.STUDY_UNRECOGNISED and consult.order and consult.order.candidates:
        return "summary.ask-study-open", study
    if verdict.because in told:
        return told[verdict.because], study
    if verdict.safety_critical:
        return "summary.safety", study
    questions = [q for f in verdict.asks if (q := question(consult, f))]
    if len(questions) == 1:
        return "summary.ask-one", {**study, "question": questions[0]}
    if questions:
        return "summary.ask-many", {**study, "count": str(len(questions))}
    return "summary.ask-none", study


def _source(consult: Consult) -> Json:
    verdict, setting = consult.verdict, consult.setting
    only = verdict.guidelines[0] if len(verdict.guidelines) == 1 else ""
    guideline = next(iter(cited_sections(consult)), only)
    edition = setting.edition(guideline)
    if consult.critical or verdict.because is Because.SAFETY:
        code = "contraindication"
    elif verdict.rating is Rating.NOT_APPROPRIATE:
        code = "off-guideline"
    else:
        code = "appropriate-use" if verdict.rating is Rating.NEEDS_INFORMATION else "guideline"
    topic = {"system": setting.profile.topic_system, "code": code, "display": TOPICS[code]}
    if setting.insurer:
        return {"label": setting.insurer, "topic": topic}
    label = edition.name if guideline else setting.words.say("source")
    return {"label": label, **({"url": edition.url} if edition.url else {}), "topic": topic}


def _links(consult: Consult) -> list[Json]:
    """Criterion or section and the explanation as absolute links, the app as a smart link with an opaque handle.

    For a CRD client a card that only says what to do has none, and the app waits until the order is signed.
    """
    verdict, setting, words = consult.verdict, consult.setting, consult.setting.words
    site, profile = setting.site, setting.profile
    if profile.crd and verdict.because in INSTRUCTS:
        return []
    absolute: list[Json] = []
    if profile.absolute_links and site.guideline_pages:
        sections = {g: (section, rule) for g, section, rule in reversed(cited(consult)) if section}
        for guideline in cited_sections(consult):
            if guideline in sections:
                section, rule = sections[guideline]
                label = words.say("link.guideline", guideline=setting.edition(guideline).title, section=section)
                url = section_page(site.guideline_pages, guideline, section)
                if site.own_pages and rule:
                    url = criterion_page(site.guideline_pages, rule)
                absolute.append({"label": label, "url": url, "type": "absolute"})
    absolute = absolute[:3]
    if profile.absolute_links and site.consult_pages:
        url = f"{site.consult_pages.rstrip('/')}/{explain_handle(setting.keys, consult.consult)}"
        absolute.append({"label": words.say("link.consult"), "url": url, "type": "absolute"})
    smart: list[Json] = []
    open_questions = verdict.asks or verdict.presumes
    may_ask = profile.smart_links and not (profile.crd and setting.selecting)
    if may_ask and site.app_launch and open_questions and verdict.rating is not Rating.APPROPRIATE:
        handle = stable_uuid(setting.keys, f"app {setting.user_id}", consult.content)
        link = {"label": words.say("link.app"), "url": site.app_launch, "type": "smart", "appContext": handle}
        smart.append(link)
    if profile.mixed_links and not profile.crd:
        return smart + absolute
    return smart if smart and verdict.rating is Rating.NEEDS_INFORMATION else absolute or smart


def _suggestions(consult: Consult, on_drop: Callable[[str], None]) -> list[Json]:
    setting = consult.setting
    if not setting.profile.suggestions:
        return []
    out: list[Json] = []
    for alternative in consult.alternatives:
        if alternative.action not in setting.profile.suggestion_actions:
            continue
        action = _action(consult, alternative)
        if action is None:
            continue
        if "resource" in action and faults(action["resource"]):
            on_drop("suggestion")
            continue
        code = alternative.study.id if alternative.study else ""
        uuid = stable_uuid(setting.keys, f"suggestion {alternative.action} {code}", consult.content)
        suggestion: Json = {"label": _label(consult, alternative), "uuid": uuid, "actions": [action]}
        if uuid not in {s["uuid"] for s in out}:
            out.append(suggestion)
    kinds = {s["actions"][0]["type"] for s in out}
    if setting.profile.crd and "update" in kinds:  # CRD reads a withdrawal beside a change as half a replacement
        out = [s for s in out if s["actions"][0]["type"] != "delete"]
    if out and (consult.verdict.rating is not Rating.NEEDS_INFORMATION or _rates(consult)):
        out[0]["isRecommended"] = True  # while the order itself may be right, only a study that is supported already
    most, told = setting.profile.max_suggestions, attestations(consult)
    return [*out[: max(0, most - len(told))], *told][:most]


def _rates(consult: Consult) -> bool:
    """Whether the first study that is offered in place of the order is supported as the chart stands."""
    first = next((a for a in consult.alternatives if a.action in consult.setting.profile.suggestion_actions), None)
    return first is not None and first.action == "update" and first.rating is Rating.APPROPRIATE


def _label(consult: Consult, alternative: Alternative) -> str:
    asks = alternative.action == "update" and alternative.rating is Rating.NEEDS_INFORMATION
    key = "suggestion.update-asks" if asks else f"suggestion.{alternative.action}"
    return consult.setting.words.say(key, study=_name(consult, alternative))


def _name(consult: Consult, alternative: Alternative) -> str:
    if alternative.action == "delete" or alternative.study is None:
        return consult.study
    return consult.setting.words.study(alternative.study)


def _action(consult: Consult, alternative: Alternative) -> Json | None:
    setting, verdict = consult.setting, consult.verdict
    words = setting.words.say(f"action.{alternative.action}", study=_name(consult, alternative))
    if alternative.action == "delete":
        return {"type": "delete", "description": words, "resourceId": verdict.order}
    if alternative.study is None:
        return None
    if alternative.action == "create":
        resource = actions.companion(consult.draft, alternative.study, setting.patient_id)
    else:
        code = actions.suggested_rating(alternative, setting.profile)
        auc = actions.auc_for(alternative, setting.view, setting.site, verdict)
        about = (consult.consult, auc, setting.site, setting.profile)
        extensions = actions.rating_extensions(code, *about) if code and setting.profile.ratings else []
        resource = actions.changed(consult.draft, consult.order, alternative, extensions, setting.profile)
    return {"type": alternative.action, "description": words, "resource": resource} if resource else None
