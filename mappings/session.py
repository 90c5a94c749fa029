"""Facts about the order itself: its study, what it states, and the company of the session's other orders."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from criteria.facts import Basis, Fact, Value
from criteria.indications import Indication, regions_of
from criteria.orders import Kind, Order
from criteria.regions import same_part, shows
from criteria.studies import Study
from mappings.diagnoses import indications
from mappings.evidence import told
from mappings.fields import first_span, objects, reference_of, words
from mappings.orders import OPEN_DAYS, open_requests, ordered_study, studies_of
from mappings.records import Records
from mappings.study_facts import ByStudy, Values, of_study

GUIDANCE = ("77012", "77021", "76942", "77002", "77003")
PET_MRI = frozenset({"78813", "76498"})
REFORMATS = frozenset({"76376", "76377"})
SUPPLIES = {
    "A9552": "f18_fdg", "A9587": "ga68_dotatate", "A9592": "cu64_dotatate", "A9515": "c11_choline",
    "A9588": "f18_fluciclovine", "A9580": "f18_sodium_fluoride", "A9593": "ga68_psma", "A9594": "ga68_psma",
}  # fmt: skip
"""HCPCS supply codes that tell the tracer (facts.yaml, order.tracer)."""
PARTS = {"abdomen_pelvis": ("abdomen", "pelvis"), "spine": ("cervical_spine", "thoracic_spine", "lumbar_spine")}
LEVELS = frozenset({"cervical_spine", "thoracic_spine", "lumbar_spine", "sacrum_coccyx", "sacroiliac_joints"})
SEARCHED = ("DiagnosticReport", "ImagingStudy", "Procedure")
"""Where a study that was done is on record."""
COMPLAINTS = ("pain.", "symptom.")
"""Facts of these families are what a patient feels."""


@dataclass(frozen=True, slots=True)
class Item:
    """One order of the session, as the facts about the session see it."""

    order: Order
    study: Study | None
    cpt: str | None
    region: str
    units: int
    reasons: frozenset[str]
    side: str


@dataclass(frozen=True, slots=True)
class Company:
    """One order among the others of the session and the open orders of the chart; made once for all studies that are
    considered for it. ``others`` stand in their order; ``before`` and ``after`` are those of this session that stand
    before and after it, ``paired`` where a CT and an MRI of one region are among these. ``reasons``: what its reasons
    say whatever its study, ``regions``: where they lie."""

    order: Order
    stated: Mapping[str, Fact]
    mine: Item
    others: Sequence[Item]
    before: Sequence[Item]
    after: Sequence[Item]
    paired: bool
    reasons: Mapping[str, Value]
    regions: Sequence[str]


def company_of(
    order: Order, orders: Sequence[Order], records: Records, today: dt.date, open_days: int = OPEN_DAYS
) -> Company:
    """``orders`` are the drafts and the open orders of the chart: all may pair with this one."""
    references = [o.reference for o in orders]
    place = references.index(order.reference) if order.reference in references else len(orders)
    others = [_item(o, o.study) for o in orders if o.reference != order.reference]
    of_today = frozenset(reference_of(r) for r in open_requests(records, today, open_days) if _on(r, today))
    before, after = (
        [i for i in held if not i.order.standing or i.order.reference in of_today]
        for held in (others[:place], others[place:])
    )
    scans = _scans([*before, *after])
    paired = any(_across(one, two) for n, one in enumerate(scans) for two in scans[:n])
    reasons = {name: value for name, value in _of_reasons(order) if value is not None}
    regions = list(regions_of(order, order.indications, indications()))
    stated, mine = {f.name: f for f in order.states}, _item(order, order.study)
    return Company(order, stated, mine, others, before, after, paired, reasons, regions)


def order_facts(
    company: Company, study: Study, records: Records, done: Sequence[Study] | None = None
) -> Iterator[Fact]:
    """Every ``order.*`` fact that follows from the order, its study and the session. ``done``: `advanced_studies`.

    ``study`` may be another one than the order's: the session is then seen as if the order were for it. Facts that the
    order itself states are recorded, the others derived; what cannot be told is left out.
    """
    order = company.order
    own = order.study is not None and study.id == order.study.id
    stated = company.stated
    if not own:
        stated = {name: fact for name, fact in stated.items() if name not in BY_STUDY and name not in study.states}
    mine = company.mine
    if not own:
        mine = Item(order, study, study.cpt, study.region, 1, mine.reasons, mine.side)
    values: dict[str, Value | None] = dict(of_study(study, mine.cpt, mine.units, own))
    values.update(company.reasons)
    values.update(_of_region(study, company.regions))
    held = advanced_studies(records) if done is None else done
    values.update(_session_of(mine, company, records, held))
    sources = (order.reference,)
    for name, value in values.items():
        if value is not None and name not in stated:
            yield Fact(name, value, Basis.DERIVED, sources, None, _note(name))
    yield from stated.values()


@functools.cache
def _note(name: str) -> str:
    return told("session" if name in OF_SESSION else "order", [None])


OF_SESSION = frozenset(
    {"order.session_cpts", "order.session_studies", "order.session_body_regions", "order.concurrent_ct_mri_count",
     "order.session_regional_mri_count", "order.session_has_ct_and_mri_same_region", "order.session_has_similar_study",
     "order.session_same_region_and_episode", "order.duplicate_order_exists", "order.guidance_units"}
)  # fmt: skip
"""What is told from all orders of the session and the open orders of the chart."""
BY_STUDY = frozenset({"order.cpt", "order.code_system", "order.contrast", "order.procedure_type", "order.units"})
"""What an order states of its study: it holds for that study only."""


def _item(order: Order, study: Study | None) -> Item:
    code, units = study.cpt if study else None, 1
    for fact in order.states:
        if fact.name == "order.cpt":
            code = str(fact.value)
        elif fact.name == "order.units" and isinstance(fact.value, int):
            units = fact.value
    region = study.region if study else ""
    return Item(order, study, code or None, region, units, frozenset(order.indications), _side(order))


def _of_reasons(order: Order) -> Iterator[tuple[str, Value | None]]:
    named = [i for name in order.indications if (i := indications().get(name))]
    yield "order.indication_present", bool(named)
    statuses = {r.status for r in order.reasons}
    categories = list(dict.fromkeys(i.category for i in named))
    if categories:
        yield "order.indication_category", categories[0]
    elif statuses == {"other"}:
        yield "order.indication_category", "other"
    felt = any(fact.startswith(COMPLAINTS) for i in named for fact in i.asserts)
    yield "patient.symptomatic", True if felt else None
    yield "order.sole_reason", _sole_reason(order, named)
    yield "order.primary_reason", "malignancy" if "oncology" in categories else None


def _of_region(study: Study, regions: Sequence[str]) -> Iterator[tuple[str, Value | None]]:
    """Whether the study shows where the reasons lie."""
    if regions and study.region:
        yield "order.indication_in_ordered_region", any(same_part(study.region, r) for r in regions)
        yield "order.region_matches_symptomatic_level", _level_matches(study.region, regions)


def _level_matches(region: str, regions: Sequence[str]) -> bool | None:
    """Whether the ordered spinal region shows a level that the reasons name; None when they name none."""
    levels = [r for r in regions if r in LEVELS]
    match = any(shows(region, r) for r in levels)
    if region in LEVELS or region == "spine":
        return match if levels else None
    return True if match else None


def _sole_reason(order: Order, named: list[Indication]) -> str | None:
    if len(order.reasons) > 1 or len(named) > 1:
        return "none"
    if not named:
        return None
    if named[0].id == "fibromyalgia":
        return "fibromyalgia"
    degenerative = any("degenerative" in fact for fact in named[0].asserts)
    return None if degenerative else "other"


def _session_of(mine: Item, company: Company, records: Records, done: Sequence[Study]) -> Values:
    """What is told from all orders; most stand alone."""
    if company.others or mine.study is None:
        session = [*company.before, mine, *company.after]
        return dict(_of_session(mine, session, company.others, records, done, company.paired))
    own = company.order.study is not None and mine.study.id == company.order.study.id
    return {
        **_alone(mine.study, mine.cpt, mine.units, own),
        "order.duplicate_order_exists": _duplicate(mine, (), records),
        "order.first_line_study": _first_line(mine, records, done),
    }


def _in_no_company(study: Study, cpt: str | None, units: int, _own: bool) -> Iterator[tuple[str, Value | None]]:
    mine = Item(Order("", Kind.STUDY, study), study, cpt, study.region, units, frozenset(), "")
    return _of_session(mine, [mine], (), Records({}), ())


_alone = ByStudy(_in_no_company)


def _of_session(
    mine: Item,
    session: Sequence[Item],
    others: Sequence[Item],
    records: Records,
    done: Sequence[Study],
    paired: bool = False,
) -> Iterator[tuple[str, Value | None]]:
    """``paired``: a CT and an MRI of one region are among the others of the session."""
    beside = [i for i in session if i is not mine]
    cpts = list(dict.fromkeys(i.cpt for i in session if i.cpt))
    studies = [i.study for i in session if i.study]
    pet_mri = set(cpts) >= PET_MRI
    if pet_mri and mine.cpt in PET_MRI:
        yield "order.modality", "pet_mri"
        yield "order.service_category", "pet"
    yield "order.session_cpts", tuple(cpts)
    named = [name for s in studies for name in (s.base, *sorted(s.classes))] + (["pet_mri"] if pet_mri else [])
    yield "order.session_studies", tuple(dict.fromkeys(named))
    regions = [r for s in studies if s.region for r in (s.region, *PARTS.get(s.region, ()))]
    yield "order.session_body_regions", tuple(dict.fromkeys(regions))
    scans, own = _scans(session), _scans([mine])
    yield "order.concurrent_ct_mri_count", len(scans)
    yield "order.session_regional_mri_count", len({s.region for s in scans if s.modality == "mri" and s.region})
    across = paired or any(_across(one, two) for one in own for two in scans)
    yield "order.session_has_ct_and_mri_same_region", across
    yield "order.session_has_similar_study", any(_similar(mine, o) for o in beside)
    yield "order.session_same_region_and_episode", _together(mine, others)
    yield "order.duplicate_order_exists", _duplicate(mine, others, records)
    guided = [i.units for i in session if i.cpt in GUIDANCE]
    yield "order.guidance_units", sum(guided)
    yield "order.first_line_study", _first_line(mine, records, done)
    yield "order.csf_flow_coded_separately", _csf_apart(mine, beside)
    yield "order.reformat_2d_coded_separately", None if REFORMATS & set(cpts) else False
    if mine.study and mine.study.procedure_type == "quantitative_mri":
        with_mri = mine.study.states.get("order.with_diagnostic_mri") is True
        yield "order.with_diagnostic_mri", with_mri or any(s.modality == "mri" for s in scans)
    tracers = {SUPPLIES[c] for c in cpts if c in SUPPLIES}
    yield "order.tracer", next(iter(tracers)) if len(tracers) == 1 else None


def _scans(items: Sequence[Item]) -> list[Study]:
    return [s for i in items if (s := i.study) and s.modality in ("ct", "mri") and _diagnostic(s)]


def _across(one: Study, two: Study) -> bool:
    """A CT and an MRI of one region."""
    return one.modality != two.modality and _same_region(one, two)


def _diagnostic(study: Study) -> bool:
    return "diagnostic_imaging" in study.classes


def _same_region(one: Study, two: Study) -> bool:
    return bool(one.region and two.region) and (shows(one.region, two.region) or shows(two.region, one.region))


def _similar(mine: Item, other: Item) -> bool:
    """Another cross-sectional or nuclear study of the same region: it answers a similar question."""
    one, two = mine.study, other.study
    if not one or not two or not (_diagnostic(one) and _diagnostic(two)) or not (one.advanced and two.advanced):
        return False
    if not _same_region(one, two) or _halves(mine.cpt, other.cpt):
        return False
    return _same_side(mine.side, other.side) is not False


def _together(mine: Item, others: Sequence[Item]) -> bool | None:
    """Whether another order concerns the same region and episode; None when a code leaves the region open."""
    results = [_pair(mine, o) for o in others if o.study]
    return True if True in results else None if None in results else False


def _pair(mine: Item, other: Item) -> bool | None:
    one, two = mine.study, other.study
    if one is None or two is None:
        return None
    reasons, theirs = mine.reasons, other.reasons
    episode = bool(reasons & theirs) if reasons and theirs else None
    if not one.region or not two.region:
        return False if episode is False and _meet(reasons, theirs) is False else None
    if not _same_region(one, two):
        return False
    return True if episode is not False else _meet(reasons, theirs)


def _meet(some: frozenset[str], others: frozenset[str]) -> bool | None:
    """Whether two sets of indications lie in the same part of the body; None when either names no region."""
    one, two = ([r for n in s if n in indications() for r in indications()[n].regions] for s in (some, others))
    return any(same_part(a, b) for a in one for b in two) if one and two else None


def _duplicate(mine: Item, others: Sequence[Item], records: Records) -> bool | None:
    """Whether another draft or open order is of the same study and side; None where only one of them names its side."""
    alike = (o for o in others if _same_study(mine.study, o.study) and not _halves(mine.cpt, o.cpt))
    found = [_same_side(mine.side, o.side) for o in alike]
    if True in found:
        return True
    return None if None in found or "ServiceRequest" in records.missing else False


def _side(order: Order) -> str:
    """The side that an order states; empty where it states none."""
    return next((str(f.value) for f in order.states if f.name == "order.laterality"), "")


def _same_side(one: str, two: str) -> bool | None:
    """Whether two orders of one study share a side; None where one of them alone names it."""
    one, two = (side if side in ("left", "right", "bilateral") else "" for side in (one, two))
    if one == two or (one and two and "bilateral" in (one, two)):
        return True
    return False if one and two else None


def _halves(mine: str | None, other: str | None) -> bool:
    """Whether two orders are the halves of one PET/MRI, which is billed as a PET and an unlisted MRI."""
    return {mine, other} == PET_MRI


def advanced_studies(records: Records) -> tuple[Study, ...]:
    """Every advanced study that the chart shows, whatever is known of it; read once for all orders of a session."""
    done = [told[1] for kind in SEARCHED[::2] for _, told, _ in studies_of(kind, records)]
    done += [ordered_study({"code": c})[1] for r in records.of("ImagingStudy") for c in _procedures(r)]
    return tuple(s for s in done if s and s.advanced)


def _first_line(mine: Item, records: Records, done: Sequence[Study]) -> bool | None:
    """True when the whole chart was searched and shows no advanced study of the region; else it cannot be told."""
    if mine.study is None or not mine.study.region or not records.missing.isdisjoint(SEARCHED):
        return None
    return None if any(not s.region or _same_region(s, mine.study) for s in done) else True


def _procedures(imaging: dict[str, Any]) -> list[dict[str, Any]]:
    """What an ImagingStudy says it shows: its procedure codes, else its description, else its modalities."""
    coded = objects(imaging.get("procedureCode"))
    if coded:
        return coded
    modalities = " ".join(words(m.get("code")) for m in objects(imaging.get("modality")))
    return [{"text": f"{modalities} {words(imaging.get('description'))}"}]


def _same_study(one: Study | None, two: Study | None) -> bool:
    return one is not None and two is not None and one.id == two.id and bool(one.region or one.codes)


def _on(request: dict[str, Any], today: dt.date) -> bool:
    held = first_span(request, "occurrenceDateTime", "occurrencePeriod", "authoredOn")
    return held is not None and held.day == today


def _csf_apart(mine: Item, others: list[Item]) -> bool:
    flow = [i for i in (mine, *others) if i.study and i.study.procedure_type == "csf_flow_mri"]
    brains = [i for i in (mine, *others) if i.study and i.study.base == "mri_brain"]
    return bool(flow and brains) or len(flow) > 1
