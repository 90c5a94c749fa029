"""The text of a card: the order, what is wrong, what to do instead, what to answer, and where it says so.

Most important first. Everything that is data is escaped; the sentences come from languages/.
"""

from __future__ import annotations

from criteria.facts import Value
from criteria.ratings import NO_REASON, Because, Note, Rating, Ruling
from hooks.consult import Consult
from hooks.markdown import bullets, escape
from hooks.offers import SHOWN, offers
from hooks.proposed import asked, question, suggested_reasons
from hooks.spoken import in_words
from hooks.unmet import on_file, unmet

REASONS = 3
"""Deciding rules that a card quotes."""
MAGNETS = {"mri", "mra", "pet_mri"}
REASON = "order.indication_category"


def detail(consult: Consult) -> str:
    """GitHub Flavored Markdown without HTML."""
    instead, questions = (
        offers(consult),
        [*suggested_reasons(consult), *_asks(consult), *_told(consult), *_presumes(consult)],
    )
    may_stand = consult.verdict.rating is Rating.NEEDS_INFORMATION
    parts = [_order(consult), *_lead(consult), *_unmet(consult)]
    parts += [*questions, *instead] if may_stand else [*instead, *questions]
    parts += [*_why(consult), *_notes(consult), *_missing(consult), *_sources(consult)]
    return "\n\n".join(p for p in parts if p)


def _order(consult: Consult) -> str:
    words = consult.setting.words
    named = [
        r.words if words.quotes else words.quote(r.words.partition(" (")[0])
        for r in (consult.order.reasons if consult.order else ())
    ]
    reasons = [escape(name, 80) for name in named if name]
    if reasons:
        return words.say("order-reason", study=escape(consult.study), reasons=", ".join(dict.fromkeys(reasons)))
    return words.say("order", study=escape(consult.study))


def _lead(consult: Consult) -> list[str]:
    """Safety first, then the deciding rule's own sentence, or the plain one for this kind of answer."""
    verdict, words = consult.verdict, consult.setting.words
    out = [*(_note(consult, n) for n in consult.safety), *_devices(consult)]
    if message := words.quote(verdict.message):
        speakers = [r for r in consult.decisive if r.message == verdict.message] or consult.decisive
        out.append(_cited(consult, message, speakers[0] if speakers else None))
    elif verdict.because:
        out.append(words.say(f"because.{verdict.because.value}"))
    out += _stays(consult)
    if verdict.provisional and not (verdict.asks or verdict.presumes):
        out.append(words.say("provisional"))
    return out


def _stays(consult: Consult) -> list[str]:
    """Which of two orders stays, and why; of two for one study it is plain."""
    beside, words = consult.verdict.beside, consult.setting.words
    own = consult.order.study if consult.order else None
    if beside is None or (beside.why == "first" and own is not None and own.id == beside.study.id):
        return []
    return [words.say(f"stays.{beside.why}", study=escape(words.study(beside.study)))]


def _devices(consult: Consult) -> list[str]:
    """What the chart calls the devices that nobody recognises, before a magnet."""
    setting, study = consult.setting, consult.order.study if consult.order else None
    if not setting.strange_devices or study is None or study.modality not in MAGNETS:
        return []
    unnamed = setting.words.say("device-unnamed")
    names = [setting.words.say("device", name=escape(n, 80)) if n else unnamed for n in setting.strange_devices]
    return [setting.words.say("heading.devices") + "\n" + bullets(list(dict.fromkeys(names))[:SHOWN])]


def _unmet(consult: Consult) -> list[str]:
    """Where a requirement bars the study: which one, and what is on file about it; else what made a rule refuse it."""
    words, verdict, vocabulary = consult.setting.words, consult.verdict, consult.setting.view.vocabulary
    if verdict.because is Because.REQUIREMENT_MISSING:
        heading, found = "heading.unmet", unmet(verdict, vocabulary, words)
    else:
        heading, found = "heading.found", on_file(verdict, vocabulary, words, _stated(consult))
    lines = [escape(line, 500) for line in found]
    return [words.say(heading) + "\n" + bullets(lines)] if lines else []


def _stated(consult: Consult) -> dict[str, Value]:
    """What the order's own reasons say."""
    states, order = consult.setting.view.states, consult.order
    return {fact: value for i in (order.indications if order else ()) for fact, value in states.get(i, {}).items()}


def _note(consult: Consult, note: Note) -> str:
    words = consult.setting.words
    text = escape(words.quote(note.text), 1000)
    if not text:
        if note.kind not in ("safety", "unchecked"):
            return ""  # its place alone tells nothing, and stands among the sources
        place = ", ".join(filter(None, (consult.setting.edition(note.guideline).title, note.section)))
        return words.say("note-cited-safety", place=escape(place))
    if note.kind == "unchecked":
        text = words.say("note-unchecked", text=text)
    return words.say("note-section", text=text, section=escape(note.section)) if note.section else text


def _cited(consult: Consult, text: str, ruling: Ruling | None) -> str:
    words = consult.setting.words
    if ruling is None or not ruling.section:
        return words.say("why-plain", text=escape(text, 1000))
    return words.say("why", text=escape(text.rstrip(". "), 1000), section=escape(ruling.section)) + "."


def _asks(consult: Consult) -> list[str]:
    if consult.verdict.because in NO_REASON and consult.verdict.asks == (REASON,):
        return []  # the sentence above says it
    lines = [asked(consult, f, q) for f in consult.verdict.asks if (q := question(consult, f))]
    heading = "heading.asks" if consult.verdict.rating is Rating.NEEDS_INFORMATION else "heading.changes"
    return [consult.setting.words.say(heading) + "\n" + bullets(lines)] if lines else []


def _told(consult: Consult) -> list[str]:
    """What the clinician answered in the app, and is not asked again."""
    words, vocabulary = consult.setting.words, consult.setting.view.vocabulary
    lines = []
    for fact, value in consult.setting.told.get(consult.verdict.order, {}).items():
        asked = question(consult, fact)
        answer = in_words(value, vocabulary[fact], words) if asked else ""
        if answer:
            lines.append(words.say("answered", question=escape(asked), answer=f"**{escape(answer, 60)}**"))
    return [words.say("heading.told") + "\n" + bullets(lines)] if lines else []


def _presumes(consult: Consult) -> list[str]:
    """What was presumed and is not among the questions."""
    vocabulary, words = consult.setting.view.vocabulary, consult.setting.words
    absent: list[str] = []
    stated: list[str] = []
    for fact in consult.verdict.presumes:
        if fact not in vocabulary or (fact in consult.verdict.asks and question(consult, fact)):
            continue
        definition = vocabulary[fact]
        text = words.presumed.get(fact) or words.quote(definition.means) or words.question(definition)
        text = text.split(";")[0].rstrip(".")
        (stated if definition.absence == "presumed_true" else absent).append(escape(text, 300))
    lists = (("heading.presumes", absent), ("heading.states", stated))
    return [words.say(heading) + "\n" + bullets(lines) for heading, lines in lists if lines]


def _why(consult: Consult) -> list[str]:
    """What holds and decided, beyond the sentence above; a pathway that was not met explains nothing by its title."""
    verdict, words = consult.verdict, consult.setting.words
    told = [r for r in consult.decisive if r.truth is True and r.message != verdict.message]
    if verdict.rating is Rating.APPROPRIATE:  # one pathway is reason enough
        told = [r for r in told if r.kind != "pathway" or not verdict.message]
    lines = [_cited(consult, said, r) for r in told if (said := words.quote(r.message or r.title))]
    lines = list(dict.fromkeys(lines))[:REASONS]
    return [words.say("heading.why") + "\n" + bullets(lines)] if lines else []


def _notes(consult: Consult) -> list[str]:
    notes = (_note(consult, n) for n in _shown(consult) if n not in consult.safety)
    lines = list(dict.fromkeys(note for note in notes if note))[:SHOWN]
    return [consult.setting.words.say("heading.notes") + "\n" + bullets(lines)] if lines else []


def _shown(consult: Consult) -> list[Note]:
    """The notes of the verdict; what has to be charted for a study only while it may go ahead."""
    may = _may_go_ahead(consult)
    return [n for n in consult.verdict.notes if may or n.kind != "document"]


def _may_go_ahead(consult: Consult) -> bool:
    """Whether the study as ordered may still be supported, so that what has to be charted for it helps."""
    verdict = consult.verdict
    if verdict.because is Because.REQUIREMENT_MISSING:
        return not any(a.rating is Rating.APPROPRIATE for a in consult.alternatives)
    return verdict.rating is Rating.APPROPRIATE or verdict.because is Because.FACTS_MISSING


def _missing(consult: Consult) -> list[str]:
    setting, words = consult.setting, consult.setting.words
    other = words.say("unread-other")
    names = dict.fromkeys(words.records.get(kind, other) for kind in setting.unread)
    lines = [words.say("unread", records=name) for name in names]
    lines += [words.say("set-aside", reference=escape(s.reference, 100)) for s in setting.set_aside[:SHOWN]]
    return [words.say("heading.missing") + "\n" + bullets(lines)] if lines else []


def cited(consult: Consult) -> list[tuple[str, str, str]]:
    """Guideline, section and criterion of what the answer rests on, in the order in which they count."""
    rulings = [(r.guideline, r.section, r.criterion) for r in consult.decisive]
    notes = [(n.guideline, n.section, n.criterion) for n in _shown(consult)]
    return [found for found in (*rulings, *notes) if found[0]]


def cited_sections(consult: Consult) -> dict[str, list[str]]:
    """Guideline -> sections that the answer rests on.

    An answer that no rule decided rests on the guideline of what it offers instead.
    """
    out: dict[str, list[str]] = {}
    for guideline, section, _ in cited(consult):
        sections = out.setdefault(guideline, [])
        if section and section not in sections:
            sections.append(section)
    if not out:
        offered = [a.criterion.partition("/")[0] for a in consult.alternatives]
        out = {g: [] for g in offered if g in consult.setting.view.editions}
    return out


def _sources(consult: Consult) -> list[str]:
    setting, words = consult.setting, consult.setting.words
    asked_for_reason = consult.verdict.because in NO_REASON
    cited = cited_sections(consult) or ({} if asked_for_reason else {g: [] for g in consult.verdict.guidelines[:3]})
    lines = []
    for guideline, sections in cited.items():
        name = escape(setting.edition(guideline).name)
        if sections:
            lines.append(words.say("edition", guideline=name, sections=", ".join(map(escape, sections[:8]))))
        else:
            lines.append(words.say("edition-plain", guideline=name))
    notice = f"notice.{setting.view.notice}"
    if notice in words:
        lines.append(words.say(notice))
    lines.append(words.say("attestation"))
    return ["  \n".join(lines)]
