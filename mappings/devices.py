"""Implants: devices on the list, procedures that put one in (and none took out later), and what is known about MR."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from criteria.facts import Basis, Fact
from mappings.evidence import told
from mappings.fields import Span, mapping, objects, period, reference_of, span, target, words
from mappings.records import Records, codes_in
from mappings.tables import read_table, spoken

MR_SAFE, MR_CONDITIONAL, MR_UNSAFE = "C106045", "C106046", "C106047"
"""NCI Thesaurus codes of the FHIR device-safety value set."""
MR_RELEVANT = frozenset(
    {"pacemaker", "icd", "cochlear", "neurostimulator", "spinal_cord_stimulator", "insulin_pump", "infusion_catheter",
     "aneurysm_clip", "heart_valve", "other_active_device", "intravascular_stent"}
)  # fmt: skip


EXTERNAL = "external"
"""What devices.csv calls a thing that is not in the body."""
STIMULATORS = frozenset({"neurostimulator", "spinal_cord_stimulator"})
FORBIDDING = MR_RELEVANT - {"intravascular_stent"}
"""What forbids MRI until it is known to be safe, or asks for it."""


def device_facts(records: Records, today: dt.date, diagnosed: Collection[str] = ()) -> Iterator[Fact]:
    """implant.* of the devices in the patient and of implantations; MR safety when every relevant device states it.

    ``diagnosed`` are the implant.* facts that the problem list gives. An implant that is known from there or from its
    operation, and has no Device, states nothing.
    """
    stated: list[tuple[str, frozenset[str]]] = []
    listed: set[str] = set()
    for device in records.of("Device"):
        kinds = _kinds(device, records)
        source = (reference_of(device),)
        for kind in sorted(k for k in kinds if ":" not in k):
            yield Fact(f"implant.{kind}", True, Basis.RECORDED, source)
        listed |= kinds
        if kinds & MR_RELEVANT:
            stated.append((source[0], _labelled(device)))
    if strange := unrecognised(records):
        yield Fact("implant.unrecognised", True, Basis.RECORDED, tuple(reference for reference, _ in strange))
    implanted = list(_implantations(records, today))
    elsewhere = {f.name for f in implanted} | set(diagnosed)
    if listed & STIMULATORS:
        listed |= STIMULATORS
    silent = {name for name in elsewhere if name.removeprefix("implant.") in FORBIDDING - listed}
    yield from _safety(stated, silent)
    yield from implanted


def unrecognised(records: Records) -> list[tuple[str, str]]:
    """The devices whose kind nobody knows and whose MR safety nobody states: reference, and the chart's own name or ''.

    The name is text of the chart: it is for the card alone.
    """
    return [
        (reference_of(device), next(iter(_said(device, records)), ""))
        for device in records.of("Device")
        if not _kinds(device, records) and not _outside(device, records)
        if not _labelled(device) & {MR_SAFE, MR_CONDITIONAL}
    ]


def _kinds(device: Mapping[str, Any], records: Records) -> frozenset[str]:
    """What is in the body, by code, else by name."""
    table = read_table("devices")
    kinds = table.means(device.get("type"), _definition(device, records), text=True)
    return (kinds or table.of_words(_names(device))) - {EXTERNAL}


def _outside(device: Mapping[str, Any], records: Records) -> bool:
    """True for what is worn or used outside the body, unless it is called an implant."""
    table, said = read_table("devices"), _said(device, records)
    kinds = table.means(device.get("type"), _definition(device, records)) | table.of_words(said)
    return EXTERNAL in kinds and not any("implant" in name.casefold() for name in said)


def _said(device: Mapping[str, Any], records: Records) -> list[str]:
    return [*spoken(device.get("type")), *spoken(_definition(device, records)), *_names(device)]


def _definition(device: Mapping[str, Any], records: Records) -> Any:
    return mapping(records.find(target(device.get("definition")))).get("type")


def _labelled(device: Mapping[str, Any]) -> frozenset[str]:
    """The device's MR labels by code; words that say unsafe decide over any code, no other word counts."""
    labels = objects(device.get("safety"))
    said = " ".join(w for label in labels for w in spoken(label)).casefold()
    return frozenset({MR_UNSAFE}) if "unsafe" in said or "not mr" in said else codes_in(labels)


def _names(device: Mapping[str, Any]) -> list[str]:
    return [words(n.get("name")) for n in objects(device.get("deviceName"))]


def _safety(stated: list[tuple[str, frozenset[str]]], silent: Collection[str]) -> Iterator[Fact]:
    """False when one is MR unsafe, true when all are MR safe or conditional, nothing when any is silent."""
    unsafe = [source for source, codes in stated if MR_UNSAFE in codes]
    if unsafe:
        yield Fact("implant.mr_conditional_or_safe", False, Basis.RECORDED, tuple(unsafe))
    elif stated and not silent and all(codes & {MR_SAFE, MR_CONDITIONAL} for _, codes in stated):
        yield Fact("implant.mr_conditional_or_safe", True, Basis.RECORDED, tuple(source for source, _ in stated))


def _implantations(records: Records, today: dt.date) -> Iterator[Fact]:
    table = read_table("devices")
    placed: dict[str, list[tuple[str, Span | None]]] = {}
    removed: dict[str, dt.date] = {}
    for procedure, codes in records.coded("Procedure"):
        kinds = table.of_codes(codes)
        if not kinds or procedure.get("status") not in ("completed", "in-progress", None):
            continue
        start, end = period(procedure.get("performedPeriod"))
        held = end or start or span(procedure.get("performedDateTime"))
        if held and held.first > today:
            continue
        for kind in kinds:
            if kind.startswith("remove:"):
                out = kind.removeprefix("remove:")
                removed[out] = max(removed.get(out, dt.date.min), held.last if held else dt.date.min)
            else:
                placed.setdefault(kind, []).append((reference_of(procedure), held))
    for kind, entries in placed.items():
        entries.sort(key=lambda entry: entry[1].last if entry[1] else dt.date.min)
        reference, held = entries[-1]
        if kind.startswith("lead:"):
            kind = kind.removeprefix("lead:")
            if kind in removed and (held is None or held.last <= removed[kind]):
                continue
        day = held.day if held else None
        yield Fact(f"implant.{kind}", True, Basis.RECORDED, (reference,), day)
        if kind == "intravascular_stent" and day:
            name, note = "implant.intravascular_stent_days_ago", told("operation", [day])
            yield Fact(name, (today - day).days, Basis.DERIVED, (reference,), day, note)
