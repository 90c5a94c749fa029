"""What a card offers instead of an order, and what has to be answered first."""

from __future__ import annotations

import re

from criteria.ratings import Alternative, Because, Rating
from hooks.consult import Consult
from hooks.markdown import bullets, escape
from hooks.proposed import question

SHOWN = 5
"""Items of one list that a card shows; the explain page has all."""
SMALL = {"a", "an", "and", "for", "in", "of", "on", "or", "that", "the", "to"}
NO_OTHER = {Because.EXCLUSION, Because.NOT_LISTED, Because.SAFETY, Because.REQUIREMENT_MISSING}


def offers(consult: Consult) -> list[str]:
    """Studies offered on the same terms stand on one line. A removal is said in the summary and on its button."""
    verdict, words = consult.verdict, consult.setting.words
    terms: dict[tuple[str, str, str], list[str]] = {}
    for alternative in consult.alternatives[:SHOWN]:
        kind = _kind(consult, alternative)
        if alternative.study is None and kind != "delete":
            continue
        if kind == "delete" and verdict.because is Because.COMBINATION and not verdict.safety_critical:
            continue
        study = words.study(alternative.study) if alternative.study else consult.study
        first = _first(consult, alternative) if kind == "asks" else ""
        about = (kind, first, "" if kind in ("asks", "own-questions") else _why_offered(consult, alternative))
        terms.setdefault(about, []).append(escape(study))
    if lines := [_alternative(consult, *about, studies) for about, studies in terms.items()]:
        asking = verdict.rating is Rating.NEEDS_INFORMATION
        return [words.say("heading.others" if asking else "heading.alternatives") + "\n" + bullets(lines)]
    named = consult.alternatives or any(r.names_another for r in consult.decisive)
    if verdict.rating is Rating.NOT_APPROPRIATE and verdict.because in NO_OTHER and not named:
        return [words.say("no-alternative")]
    return []


def _kind(consult: Consult, alternative: Alternative) -> str:
    open_yet = alternative.rating is Rating.NEEDS_INFORMATION
    if alternative.action == "create":
        return "create-if" if open_yet else "create"
    if alternative.action == "delete":
        return "delete"
    if open_yet:
        asking = consult.verdict.rating is Rating.NEEDS_INFORMATION
        return ("own-questions" if asking else "asks") if _first(consult, alternative) else "needs-information"
    return "appropriate" if alternative.rating is Rating.APPROPRIATE else "other"


def _first(consult: Consult, alternative: Alternative) -> str:
    """What has to be answered before a study is supported, as far as the card does not ask it anyway."""
    facts = [f for f in alternative.asks if f not in consult.verdict.asks]
    return " ".join(q for f in facts[:SHOWN] if (q := question(consult, f)))


def _why_offered(consult: Consult, alternative: Alternative) -> str:
    """The pathway behind it, where its title says more than the study and the reason on the card."""
    why = consult.setting.words.quote(alternative.why)
    if alternative.action == "create" or not why:
        return ""
    study = alternative.study.name if alternative.study else ""
    said = _words(" ".join([study, *(r.words for r in (consult.order.reasons if consult.order else ()))]))
    return why if _words(why) - said - SMALL else ""


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _alternative(consult: Consult, kind: str, first: str, why: str, studies: list[str]) -> str:
    words = consult.setting.words
    slots = {"study": "**, **".join(dict.fromkeys(studies)), **({"questions": escape(first, 500)} if first else {})}
    line = words.say(f"alternative.{kind}", **slots)
    return words.say("alternative.why", line=line, why=escape(why, 400)) if why else line
