"""Earlier imaging: what was done of the symptomatic region and of the study's region, when, and what it concluded."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from criteria.facts import Basis, Fact, Value
from criteria.orders import Order
from criteria.regions import meet, overlap, shows
from criteria.studies import Study
from mappings.conditions import meanings_of
from mappings.episode import Episode
from mappings.evidence import told
from mappings.fields import Span, first_span, mapping, objects, period, reference_of, span, targets, words
from mappings.imaging_done import of_codes, of_procedure, of_report
from mappings.orders import Alone, Told, studies_of
from mappings.records import Records
from mappings.surgery import Operation, near
from mappings.tables import read_table

FINAL = frozenset({"final", "amended", "corrected", "appended"})
DICOM = {"CR": "xray", "DX": "xray", "CT": "ct", "MR": "mri", "US": "us", "NM": "nuclear_medicine", "PT": "pet"}
HYBRID = {frozenset({"ct", "pet"}): "pet_ct", frozenset({"mri", "pet"}): "pet_mri",
          frozenset({"ct", "nuclear_medicine"}): "spect_ct"}  # fmt: skip
NUCLEAR = frozenset({"nuclear_medicine", "bone_scan", "spect", "spect_ct", "pet", "pet_ct", "pet_mri"})
ADVANCED = NUCLEAR | {"ct", "mri", "cta", "mra", "myelography"}
KIND = {"xray": "xray", "ct": "ct", "mri": "mri", "us": "us", "bone_scan": "bone_scan", "pet": "pet", "pet_ct": "pet"}
FILM_REGION = {"sacroiliac_joints": "si_joints"}
FILM_REGIONS = frozenset({"cervical_spine", "thoracic_spine", "lumbar_spine", "sacrum_coccyx", "si_joints", "pelvis"})
SPINE = frozenset({"cervical_spine", "thoracic_spine", "lumbar_spine", "spine"})
SPONDYLITIS = frozenset({"ankylosing_spondylitis", "inflammatory_spondylitis"})
RESULTS = ("abnormal", "indeterminate", "nondiagnostic", "negative")
FILM, SHOWS = "film:", "shows:"
GADOLINIUM = frozenset({"with", "without_and_with"})


class Earlier(msgspec.Struct, frozen=True):
    """One imaging study that was done. ``final`` = its report is out; ``says`` = what the report concludes."""

    reference: str
    modality: str
    regions: frozenset[str]
    contrast: str
    held: Span | None
    final: bool
    says: frozenset[str]
    codes: frozenset[str] = frozenset()
    base: str = ""
    resource: Mapping[str, Any] = msgspec.field(default_factory=dict)

    @property
    def last(self) -> dt.date:
        return self.held.last if self.held else dt.date.min

    @property
    def result(self) -> str | None:
        """negative | abnormal | indeterminate | nondiagnostic; None when unsaid or contradictory."""
        found = [r for r in RESULTS if r in self.says]
        return found[0] if len(found) == 1 else None

    @property
    def film_finding(self) -> str | None:
        """xray.finding: of several findings the one beside degeneration; None when two others are named, or none."""
        if self.result in ("negative", "indeterminate", "nondiagnostic"):
            return self.result
        found = {s.removeprefix(FILM) for s in self.says if s.startswith(FILM)}
        if self.says & {"compression", f"{FILM}compression_fracture_new"}:
            found -= {"fracture_other"}
        found = found - {"degenerative"} or found
        return found.pop() if len(found) == 1 and self.result == "abnormal" else None

    def fact(self, name: str, value: Value, basis: Basis = Basis.RECORDED) -> Fact:
        day = self.held.day if self.held else None
        return Fact(name, value, basis, (self.reference,), day, told(self.modality or "imaging", [day]))


def prior_imaging_facts(
    study: Study,
    today: dt.date,
    episode: Episode | None = None,
    orders: Sequence[Order] = (),
    order: Order | None = None,
    site: Mapping[str, Any] | None = None,
    held: Sequence[Earlier] = (),
    operations: Sequence[Operation] = (),
) -> Iterator[Fact]:
    """xray.* of the symptomatic region and prior_imaging.* of the study's region: the same for all studies of it.

    ``held``: `earlier_studies`; ``operations``: `read_operations`. ``site["recent_mri_days"]`` says what recent means
    for prior_imaging.mri.recent.
    """
    operated = [o for o in operations if "spine" in o.kinds and near(o, study)]
    parts = (episode.regions if episode else frozenset()) or frozenset({study.region})
    films = [e for e in held if e.modality == "xray" and _meet(e.regions, parts)]
    yield from _films(films, operated, today, episode)
    yield from _repeated([e for e in held if e.modality == "xray"], episode)
    here = [e for e in held if of_region(e, study.region)]
    for name in ("mri", "ct", "us"):
        yield from _modality(name, [e for e in here if e.modality == name], today)
    advanced = [e for e in here if e.modality in ADVANCED]
    if advanced:
        yield advanced[0].fact("prior_imaging.advanced.performed", True)
        yield from _days("prior_imaging.advanced.days_ago", advanced[0], today)
        if any(o.held and advanced[0].held and o.held.first > advanced[0].last for o in operated):
            yield advanced[0].fact("surgery.since_prior_imaging", True, Basis.DERIVED)
    yield from _together(here)
    yield from _shown(held, here)
    yield from _everywhere(held)
    yield from _mri_of_session(here, study, orders, order)
    recent, scans = (site or {}).get("recent_mri_days"), [e for e in here if e.modality == "mri"]
    if isinstance(recent, int) and scans and scans[0].held and scans[0].held.day:
        yield scans[0].fact("prior_imaging.mri.recent", (today - scans[0].held.day).days <= recent, Basis.DERIVED)


def similar_done(study: Study, held: Sequence[Earlier]) -> Iterator[Fact]:
    """Whether the region was shown in the way in which the study shows it: all that depends on more than its region."""
    for done in held:
        if (done.modality == study.modality or (done.base and done.base == study.base)) and of_region(
            done, study.region
        ):
            yield done.fact("prior_imaging.same_or_similar_performed", True, Basis.DERIVED)
            return


def _films(
    films: Sequence[Earlier], operated: Sequence[Operation], today: dt.date, episode: Episode | None
) -> Iterator[Fact]:
    if not films:
        return
    latest = films[0]
    yield latest.fact("xray.performed", True)
    yield from _days("xray.days_ago", latest, today)
    region = next(iter(sorted(latest.regions)), "") if len(latest.regions) == 1 else ""
    if region:
        region = FILM_REGION.get(region, region)
        yield latest.fact("xray.region", region if region in FILM_REGIONS else "other")
    since = [episode.since_onset(f.held) if episode else None for f in films]
    if True in since:
        yield films[since.index(True)].fact("xray.since_onset", True, Basis.DERIVED)
    elif all(s is False for s in since):
        yield latest.fact("xray.since_onset", False, Basis.DERIVED)
    if latest.final:
        yield latest.fact("xray.results_available", True, Basis.DERIVED)
    if finding := latest.film_finding:
        yield latest.fact("xray.finding", finding)
    if "infection" in latest.says:
        yield latest.fact("xray.suspicious_for_infection", True)
    if latest.final and True in since and latest is films[since.index(True)]:
        yield latest.fact("clinical_evaluation.initial_test_results_available", True, Basis.DERIVED)
    if any("72052" in f.codes for f in films):
        yield next(f for f in films if "72052" in f.codes).fact("xray.flexion_lateral_performed", True)
    days = [o.held for o in operated if o.held]
    if days and latest.held:
        last = max(days, key=lambda s: s.last)
        if latest.held.first > last.last:
            yield latest.fact("xray.since_surgery", True, Basis.DERIVED)
        elif latest.held.last < last.first:
            yield latest.fact("xray.since_surgery", False, Basis.DERIVED)


def _repeated(films: Sequence[Earlier], episode: Episode | None) -> Iterator[Fact]:
    """A second set of films of the sacroiliac joints, made since a spondylitis that the order is for is on record."""
    if episode is None or not episode.indications & SPONDYLITIS:
        return
    joints = [f for f in films if "sacroiliac_joints" in f.regions and f.held]
    if len({f.held for f in joints}) < 2 or not episode.since_onset(joints[0].held):
        return
    latest = joints[0]
    yield latest.fact("xray.repeat_performed", True, Basis.DERIVED)
    spine = any(f.held == latest.held and f.regions & SPINE for f in films)
    yield latest.fact("xray.repeat_region", "si_joints_and_spine" if spine else "si_joints", Basis.DERIVED)


def _modality(name: str, held: Sequence[Earlier], today: dt.date) -> Iterator[Fact]:
    if not held:
        return
    latest = held[0]
    yield latest.fact(f"prior_imaging.{name}.performed", True)
    if name != "us":
        yield from _days(f"prior_imaging.{name}.days_ago", latest, today)
        if latest.contrast in ("without", "with", "without_and_with"):
            yield latest.fact(f"prior_imaging.{name}.contrast", latest.contrast)
    if latest.result:
        yield latest.fact(f"prior_imaging.{name}.result", latest.result)
    if name == "mri" and latest.contrast == "without" and latest.result == "indeterminate":
        yield latest.fact("prior_imaging.mri.completion_needed", True, Basis.DERIVED)


def _together(here: Sequence[Earlier]) -> Iterator[Fact]:
    """Facts of all studies of the region, whatever the modality."""
    if not here:
        return
    latest = here[0]
    yield latest.fact("prior_imaging.available", True, Basis.DERIVED)
    yield latest.fact("prior_imaging.same_region", True, Basis.DERIVED)
    yield latest.fact("prior_imaging.modality", KIND.get(latest.modality, "other"))
    if latest.result:
        yield latest.fact("prior_imaging.result", latest.result)
    if done := [e for e in here if e.final and e.modality in ADVANCED | {"us", "xray"}]:
        yield done[0].fact("prior_imaging.diagnostic_study_completed", True, Basis.DERIVED)
    if tomography := [e for e in here if e.modality in ("spect", "spect_ct")]:
        yield tomography[0].fact("prior_imaging.spect.performed", True)
        if tomography[0].result:
            yield tomography[0].fact("prior_imaging.spect.result", tomography[0].result)
    latest_of = {m: next((e for e in here if e.modality == m), None) for m in ("mri", "ct")}
    if all(e and e.result in ("indeterminate", "nondiagnostic") for e in latest_of.values()):
        yield latest.fact("prior_imaging.mri_and_ct.nondiagnostic", True, Basis.DERIVED)


def _shown(held: Sequence[Earlier], here: Sequence[Earlier]) -> Iterator[Fact]:
    """What the newest study that says so shows, whatever the modality; a malformation of the head or of another part of
    the spine is seen where it lies, whichever region the order is for.
    """
    told_of = {said for e in held for said in e.says if said.startswith(SHOWS)}
    for said in sorted(told_of):
        seen = next(e for e in held if said in e.says)
        yield seen.fact(f"prior_imaging.shows_{said.removeprefix(SHOWS)}", True)
    for scan in here:
        if scan.modality == "ct" and "infection" in scan.says:
            yield scan.fact("prior_imaging.ct.suspicious_for_infection", True)
            break


def _everywhere(held: Sequence[Earlier]) -> Iterator[Fact]:
    """Facts of earlier imaging of any region."""
    if scans := [e for e in held if e.modality == "bone_scan"]:
        yield scans[0].fact("prior_imaging.bone_scan.performed", True)
    enhanced = [e for e in held if e.modality in ("mri", "mra") and e.contrast in GADOLINIUM]
    if enhanced:
        count = len({(e.held, e.base) for e in enhanced})
        yield enhanced[0].fact("prior_imaging.mri.with_gadolinium_count", count, Basis.DERIVED)
    for scan in held:
        if scan.modality == "mri" and "brain" in scan.regions and "demyelination" in scan.says:
            yield scan.fact("prior_imaging.mri_brain.suspicious_for_ms", True)
            break


def _mri_of_session(
    here: Sequence[Earlier], study: Study, orders: Sequence[Order], order: Order | None
) -> Iterator[Fact]:
    if done := [e for e in here if e.modality == "mri"]:
        yield done[0].fact("prior_imaging.mri.performed_or_ordered", True, Basis.DERIVED)
    for other in orders:
        mri = other.study is not None and other.study.modality == "mri" and overlap(other.study.region, study.region)
        if mri and (order is None or other.reference != order.reference):
            name, sources = "prior_imaging.mri.performed_or_ordered", (other.reference,)
            yield Fact(name, True, Basis.DERIVED, sources, None, told("order_mri", [None]))
            return


def _days(name: str, earlier: Earlier, today: dt.date) -> Iterator[Fact]:
    if earlier.held and earlier.held.day:
        yield earlier.fact(name, (today - earlier.held.day).days, Basis.DERIVED)


def of_region(earlier: Earlier, region: str) -> bool:
    """A whole-body order is not preceded by a study of one part; any other study counts by what it shows."""
    return _lies_in(earlier.regions, region)


@functools.lru_cache(maxsize=1024)
def _lies_in(regions: frozenset[str], region: str) -> bool:
    test = shows if region == "whole_body" else overlap
    return any(test(r, region) for r in regions)


@functools.lru_cache(maxsize=1024)
def _meet(some: frozenset[str], others: frozenset[str]) -> bool:
    return meet(some, others)


def earlier_studies(records: Records, today: dt.date) -> list[Earlier]:
    """All earlier imaging, newest first: reports, image sets without a report, and imaging billed as a procedure."""
    listed = studies_of("DiagnosticReport", records)
    reports = [e for r, told, alone in listed if (e := _report(r, told, alone, today))]
    reported = {t for r in records.of("DiagnosticReport") if "imagingStudy" in r for t in targets(r["imagingStudy"])}
    images = [e for i in records.of("ImagingStudy") if reference_of(i) not in reported and (e := _images(i, today))]
    billed = [e for p, _, alone in studies_of("Procedure", records) if (e := _billed(p, alone, today))]
    found: dict[tuple[str, Span | None], list[Earlier]] = {}
    for report in reports:
        found.setdefault((report.modality, report.held), []).append(report)
    for extra in (*images, *billed):  # the same study seen a second time adds nothing
        alike = found.setdefault((extra.modality, extra.held), [])
        if not any(_meet(extra.regions, e.regions) for e in alike):
            alike.append(extra)
            reports.append(extra)
    return sorted(reports, key=lambda e: e.last, reverse=True)


def _report(report: dict[str, Any], told: Told, alone: Alone | None, today: dt.date) -> Earlier | None:
    named = of_report(report, told, alone)
    if named is None:
        return None
    held = first_span(report, "effectiveDateTime", "effectivePeriod", "issued")
    if held and held.first > today:
        return None
    modality, regions, contrast, base, codes = named
    final = report.get("status") in FINAL
    says = _concluded(report) if final else frozenset()
    return Earlier(reference_of(report), modality, regions, contrast, held, final, says, codes, base, report)


def _images(images: dict[str, Any], today: dt.date) -> Earlier | None:
    """An ImagingStudy by its procedure code, else by DICOM modality and body site."""
    held, series = span(images.get("started")), objects(images.get("series"))
    if held and held.first > today:
        return None
    named = of_codes(*objects(images.get("procedureCode")))
    if named is None:
        told = [*objects(images.get("modality")), *(mapping(s.get("modality")) for s in series)]
        kinds = {DICOM[c] for coding in told if (c := words(coding.get("code"))) in DICOM}
        sites = [{"coding": [s.get("bodySite")]} for s in series]
        regions = read_table("body_sites").means(*sites, {"text": images.get("description")}, text=True)
        modality = HYBRID.get(frozenset(kinds), next(iter(kinds)) if len(kinds) == 1 else "")
        if not modality or not regions:
            return None
        named = (modality, regions, "not_stated", "", frozenset())
    return Earlier(reference_of(images), *named[:3], held, False, frozenset(), named[4], named[3], images)


def _billed(procedure: dict[str, Any], alone: Alone | None, today: dt.date) -> Earlier | None:
    if procedure.get("status") not in ("completed", None):
        return None
    named = of_procedure(procedure, alone)
    if named is None:
        return None
    held = first_span(procedure, "performedDateTime") or period(procedure.get("performedPeriod"))[0]
    if held and held.first > today:
        return None
    return Earlier(reference_of(procedure), *named[:3], held, False, frozenset(), named[4], named[3], procedure)


def _concluded(report: Mapping[str, Any]) -> frozenset[str]:
    """By conclusionCode; else by sentences of the conclusion that are a result by themselves."""
    table, codes = read_table("results"), objects(report.get("conclusionCode"))
    if codes:
        said = table.means(*codes)
        for meaning in (m for concept in codes for m in meanings_of(concept) if m.says == "known"):
            said |= {what for i in meaning.indications for what in table.exact.get(("indication", i), ())}
        if said:
            return said
    text = words(report.get("conclusion"))[:2000]
    sentences = text.casefold().replace(";", ".").replace("\n", ".").split(".")
    found = [table.sentences.get(sentence) for s in sentences if (sentence := s.strip())]
    if not found:
        return frozenset()
    if all(f == "negative" for f in found):
        return frozenset({"negative"})
    return frozenset(f for f in found if f in ("indeterminate", "nondiagnostic"))
