"""What CDS Hooks 2.0 and 3.0 ask of every answer, and what the public CRD tests look for; each fault in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hooks.coverage import COVERAGE_INFORMATION
from hooks.validate import faults as fhir_faults

Json = dict[str, Any]
INDICATORS = ("info", "warning", "critical")
TEXT, LIST, OBJECT = str, list, dict
RESPONSE = {"cards": (LIST, True), "systemActions": (LIST, False), "extension": (OBJECT, False)}
CARD = {
    "uuid": (TEXT, True), "summary": (TEXT, True), "detail": (TEXT, False), "indicator": (TEXT, True),
    "source": (OBJECT, True), "suggestions": (LIST, False), "selectionBehavior": (TEXT, False),
    "overrideReasons": (LIST, False), "links": (LIST, False), "extension": (OBJECT, False),
}  # fmt: skip
SOURCE = {"label": (TEXT, True), "url": (TEXT, False), "icon": (TEXT, False), "topic": (OBJECT, True)}
CODING = {"code": (TEXT, True), "system": (TEXT, True), "display": (TEXT, False)}
REASON = {**CODING, "display": (TEXT, True)}
SUGGESTION = {"label": (TEXT, True), "uuid": (TEXT, True), "isRecommended": (bool, False), "actions": (LIST, False)}
ACTION = {
    "type": (TEXT, True), "description": (TEXT, True), "resource": (OBJECT, False), "resourceId": (TEXT, False),
    "extension": (OBJECT, False),
}  # fmt: skip
LINK = {"label": (TEXT, True), "url": (TEXT, True), "type": (TEXT, True), "appContext": (TEXT, False)}


def faults(answer: Json, drafts: list[Json], crd: bool = False, signing: bool = False) -> list[str]:
    """Everything that is wrong with an answer about these drafts."""
    return [*_response(answer, drafts, crd), *(_crd(answer, signing) if crd else ())]


def _shape(value: Any, fields: Mapping[str, tuple[type, bool]], where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} is no object"
        return
    for name in value.keys() - fields.keys():
        yield f"{where}.{name} is no field of CDS Hooks"
    for name, (kind, needed) in fields.items():
        if name not in value:
            if needed:
                yield f"{where}.{name} is missing"
        elif type(value[name]) is not kind:
            yield f"{where}.{name} has the wrong type"


def empties(value: Any, where: str = "") -> Iterator[str]:
    """Elements that are null or empty; only `cards`, and a list of system actions, may be."""
    if where not in ("", ".cards", ".systemActions") and value in (None, "", [], {}):
        yield f"{where} is empty"
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield from empties(child, f"{where}[{key}]" if isinstance(key, int) else f"{where}.{key}")


def _response(answer: Json, drafts: list[Json], crd: bool) -> Iterator[str]:
    yield from _shape(answer, RESPONSE, "response")
    yield from (e for e in empties(answer) if crd or e != ".systemActions is empty")
    known = {f"{d['resourceType']}/{d['id']}": d for d in drafts if "id" in d}
    uuids = [c["uuid"] for c in answer["cards"]]
    if len(set(uuids)) < len(uuids):
        yield "two cards share a uuid"
    for n, card in enumerate(answer["cards"]):
        yield from _card(card, known, f"cards[{n}]")
    seen: set[str] = set()
    for n, action in enumerate(answer.get("systemActions", ())):
        where = f"systemActions[{n}]"
        yield from _action(action, known, where)
        resource = action["resource"]
        reference = f"{resource['resourceType']}/{resource['id']}"
        changed = {k: v for k, v in resource.items() if k != "extension"}
        if reference in seen:
            yield f"{where}: an order is updated twice"
        if changed != {k: v for k, v in known.get(reference, {}).items() if k != "extension"}:
            yield f"{where} changes more than extensions"
        seen.add(reference)
    copied = answer.get("extension", {}).get("systemActions")
    if copied is not None and copied != answer.get("systemActions", copied):
        yield "extension.systemActions says something else"


def _card(card: Json, known: dict[str, Json], where: str) -> Iterator[str]:
    yield from _shape(card, CARD, where)
    if not 0 < len(card["summary"]) < 140 or "\n" in card["summary"]:
        yield f"{where}.summary is not one line of less than 140 characters"
    if card["indicator"] not in INDICATORS:
        yield f"{where}.indicator is none of {INDICATORS}"
    if "<" in card.get("detail", ""):
        yield f"{where}.detail holds HTML"
    source = card["source"]
    yield from _shape(source, SOURCE, f"{where}.source")
    yield from _shape(source["topic"], CODING, f"{where}.source.topic")
    yield from (
        f"{where}.source.{k} is not absolute" for k in ("url", "icon") if not _absolute(source.get(k, "https:"))
    )
    if ("suggestions" in card) != ("selectionBehavior" in card):
        yield f"{where}: suggestions and selectionBehavior belong together"
    if card.get("selectionBehavior", "any") not in ("any", "at-most-one"):
        yield f"{where}.selectionBehavior is neither any nor at-most-one"
    for n, reason in enumerate(card.get("overrideReasons", ())):
        yield from _shape(reason, REASON, f"{where}.overrideReasons[{n}]")
    for n, link in enumerate(card.get("links", ())):
        yield from _shape(link, LINK, f"{where}.links[{n}]")
        if link["type"] not in ("absolute", "smart") or not _absolute(link["url"]):
            yield f"{where}.links[{n}] is no absolute or smart link with a whole URL"
        if link["type"] == "absolute" and "appContext" in link:
            yield f"{where}.links[{n}]: appContext is for smart links"
    suggestions = card.get("suggestions", [])
    if sum(s.get("isRecommended", False) for s in suggestions) > (1 if card.get("selectionBehavior") != "any" else 99):
        yield f"{where}: more than one suggestion is recommended"
    for n, suggestion in enumerate(suggestions):
        yield from _shape(suggestion, SUGGESTION, f"{where}.suggestions[{n}]")
        for m, action in enumerate(suggestion.get("actions", ())):
            yield from _action(action, known, f"{where}.suggestions[{n}].actions[{m}]")


def _action(action: Json, known: dict[str, Json], where: str) -> Iterator[str]:
    yield from _shape(action, ACTION, where)
    kind, resource = action.get("type"), action.get("resource")
    if kind not in ("create", "update", "delete"):
        yield f"{where}.type is none of create, update, delete"
    if kind == "delete" and (resource is not None or action.get("resourceId") not in known):
        yield f"{where}: a delete names a draft by resourceId and holds no resource"
    if kind in ("create", "update"):
        if not isinstance(resource, dict) or "resourceId" in action:
            yield f"{where}: a {kind} holds a resource and no resourceId"
            return
        yield from (f"{where}.resource.{path} {why}" for path, why in fhir_faults(resource))
        if kind == "create" and "id" in resource:
            yield f"{where}: what is created has no id yet"
        draft = known.get(f"{resource['resourceType']}/{resource.get('id')}")
        if kind == "update" and draft is None:
            yield f"{where}: an update is of a draft"
        if kind == "update" and draft and (gone := draft.keys() - resource.keys() - {"extension", "bodySite"}):
            yield f"{where}: the update loses {sorted(gone)}"


def _absolute(url: Any) -> bool:
    return isinstance(url, str) and url.startswith(("http:", "https:"))


def _crd(answer: Json, signing: bool) -> Iterator[str]:
    """The public CRD server tests, and what the guide says of one card."""
    if signing and not isinstance(answer.get("systemActions"), list):
        yield "an answer to order-sign has no systemActions"
    for n, card in enumerate(answer["cards"]):
        if len({link["type"] for link in card.get("links", ())}) > 1:
            yield f"cards[{n}] mixes kinds of links"
        kinds = [{a["type"] for a in s["actions"]} for s in card.get("suggestions", ())]
        if any("update" in k for k in kinds) and any(k == {"delete"} for k in kinds):
            yield f"cards[{n}]: a withdrawal beside a change"
    for n, action in enumerate(answer.get("systemActions", ())):
        statements = [e for e in action["resource"].get("extension", ()) if e["url"] == COVERAGE_INFORMATION]
        yield from (f"systemActions[{n}]: {fault}" for fault in _statements(statements))


def _statements(statements: list[Json]) -> Iterator[str]:
    ids: dict[str, set[str]] = {}
    for statement in statements:
        parts = [(p["url"], next(v for k, v in p.items() if k != "url")) for p in statement["extension"]]
        one = dict(parts)
        for needed in ("coverage", "covered", "date", "coverage-assertion-id"):
            if sum(url == needed for url, _ in parts) != 1:
                yield f"{needed} does not stand once"
        if one["covered"] != "not-covered" and "pa-needed" not in one:
            yield "pa-needed is missing"
        if "questionnaire" in one and "doc-needed" not in one:
            yield "a questionnaire without doc-needed"
        if (one.get("pa-needed") == "satisfied") != ("satisfied-pa-id" in one):
            yield "satisfied and its number belong together"
        if "info-needed" in one and "conditional" not in (one["covered"], one.get("pa-needed")):
            yield "info-needed without anything conditional"
        if one.get("info-needed") == "OTH" and "reason" not in one:
            yield "OTH without a reason"
        ids.setdefault(one["coverage"]["reference"], set()).add(one["coverage-assertion-id"])
    if any(len(held) > 1 for held in ids.values()) or len(set().union(*ids.values())) < len(ids):
        yield "assertion ids are one per coverage, each its own"
