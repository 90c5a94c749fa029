"""Free text: what it proposes, what it must not, and that it never rates."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import criteria
from criteria import Library, load_library
from criteria.ratings import Rating, Verdict
from mappings import Chart, read_orders
from mappings.diagnoses import indications
from mappings.phrases import QUOTED, candidates, proposals
from mappings.records import read_records
from mappings.text.lexicon import lexicon
from mappings.text.spelling import mend
from mappings.text.tokens import LONGEST
from mappings.text.triggers import triggers

DAY = dt.date(2026, 11, 20)
PHRASES_OF_OURS: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "data" / "dev_phrases.yaml").read_text(encoding="utf-8")
)
PLAIN = [
    d["text"]
    for d in PHRASES_OF_OURS
    if d.get("first", "none") != "none" and not any(c in d["text"] for c in ",.;:?()&") and len(d["text"].split()) <= 5
]
"""Texts of one clause that propose something and deny nothing."""
PLAIN = [t for t in PLAIN if not {"no", "not", "w/o", "without", "after", "with", "w/"} & set(t.lower().split())]


def facts(text: str) -> dict[str, Any]:
    return {p.name: p.value for p in proposals(text) if p.kind == "fact"}


@pytest.mark.parametrize("phrase", PHRASES_OF_OURS, ids=lambda p: p["text"])
def test_a_text_proposes_what_it_says(phrase: dict[str, Any]) -> None:
    found = candidates(phrase["text"])
    if phrase.get("first") == "none":
        assert found == ()
    elif "first" in phrase:
        assert found[:1] == (phrase["first"],)
    else:
        assert phrase["among"] in found[:3]
    assert facts(phrase["text"]).items() >= phrase.get("facts", {}).items()
    assert not set(found) & set(phrase.get("never", ()))


def test_every_indication_can_be_reached_by_words() -> None:
    first = {candidates(p["text"])[0] for p in PHRASES_OF_OURS if candidates(p["text"])}
    among = {i for p in PHRASES_OF_OURS for i in candidates(p["text"])}
    assert set(indications()) - among == set()
    assert set(indications()) - first <= {"cancer_follow_up"}


@pytest.mark.parametrize("before", ["no ", "denies ", "without ", "negative for ", "no evidence of ", "not "])
def test_what_is_denied_is_not_proposed(before: str) -> None:
    for text in PLAIN:
        bare, denied = proposals(text), proposals(before + text)
        assert not {p.name for p in bare if p.kind == "indication"} & {p.name for p in denied}, before + text
        stated = {(p.name, p.value) for p in bare if p.value is True and not lasting(p.name)}
        assert not stated & {(p.name, p.value) for p in denied}, before + text


def lasting(name: str) -> bool:
    """What was done stays done in "no relief since": denial of it is told by its own phrases."""
    return name.startswith(("surgery.", "trial_of_treatment."))


@pytest.mark.parametrize("after", [" ruled out", " was excluded"])
def test_what_was_ruled_out_is_not_proposed(after: str) -> None:
    for text in (t for t in PLAIN if len(t.split()) <= 3 and " and " not in t):
        assert not set(candidates(text)) & set(candidates(text + after)), text + after


@pytest.mark.parametrize("before", ["mother had ", "family history of ", "father with ", "return if "])
def test_what_a_relative_has_and_what_is_only_warned_of_proposes_nothing(before: str) -> None:
    for text in (t for t in PLAIN if "with" not in t and "w/" not in t):
        assert proposals(before + text) == (), before + text


@pytest.mark.parametrize("link", [" w/ ", " with ", " had ", ": ", " died of ", " "])
@pytest.mark.parametrize("relative", ["mother", "great uncle", "paternal cousin", "grandparent", "Dad", "niece"])
def test_any_relative_in_any_wording_keeps_the_disease(relative: str, link: str) -> None:
    for disease in ("breast cancer", "ankylosing spondylitis", "lymphoma"):
        assert candidates(f"sciatica; {relative}{link}{disease}") == ("lumbar_radiculopathy",)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("uncle w/ lymphoma, patient has sciatica", ("lumbar_radiculopathy",)),
        ("aunt lung ca and MS, pt c/o neck pain", ("neck_pain",)),
        ("family history of scoliosis, presents with mid back pain", ("mid_back_pain",)),
        ("neck pain, lymphoma in his niece", ("neck_pain",)),
        ("mother states neck pain for a week", ("neck_pain",)),
        ("wife noticed foot drop", ("foot_drop",)),
        ("fell at the house of his cousin, neck pain", ("cervical_spine_trauma", "neck_pain")),
    ],
)
def test_the_patient_is_told_from_the_relative(text: str, found: tuple[str, ...]) -> None:
    assert candidates(text) == found


@pytest.mark.parametrize(
    "before",
    ["planned ", "pre-op ", "preoperative planning ", "scheduled for ", "awaiting ", "candidate for ", "needs "],
)
@pytest.mark.parametrize(
    "operation", ["cervical fusion", "TLIF L4-5", "laminectomy", "lumbar surgery", "ESI", "PT x 6 weeks"]
)
def test_what_is_planned_is_not_done(before: str, operation: str) -> None:
    for text in (before + operation, f"sciatica, {operation} planned", f"sciatica, for {operation}"):
        assert set(candidates(text)) <= {"lumbar_radiculopathy"}, text
        assert not {n for n in facts(text) if lasting(n) or n.endswith("days_ago")}, text


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("s/p L4-5 fusion, revision planned", "surgery.spine.performed"),
        ("preop MRI, prior laminectomy", "surgery.spine.performed"),
        ("post-op fusion, arm pain", "surgery.spine.performed"),
        ("neck pain, for which he had a fusion", "surgery.spine.performed"),
        ("neck pain, for years on NSAIDs", "trial_of_treatment.nsaid"),
        ("failed ESI, considering discectomy", "trial_of_treatment.interventional_procedure"),
        ("planned laminectomy after failed NSAIDs", "trial_of_treatment.nsaid"),
    ],
)
def test_what_was_done_before_a_plan_stays_done(text: str, fact: str) -> None:
    assert facts(text)[fact] is True


def test_the_disease_of_a_planned_operation_stays() -> None:
    assert candidates("planning laminectomy for lumbar stenosis") == ("lumbar_spinal_stenosis",)
    assert candidates("scoliosis, candidate for fusion") == ("scoliosis",)


@pytest.mark.parametrize(
    ("text", "found", "stated"),
    [
        ("no Chiari with syrinx", (), {}),
        ("no stenosis with cord compression", (), {}),
        ("denies neck pain with arm numbness", (), {}),
        ("no weakness after surgery or numbness", (), {"symptom.numbness": False, "exam.extremity_weakness": False}),
        ("no fracture with persistent back pain", ("back_pain",), {}),
        ("no injury with neck or back pain", ("neck_pain",), {"trauma.present": False}),
        ("no fracture after fall", (), {"trauma.present": True}),
        ("no weakness with sciatica", ("lumbar_radiculopathy",), {"exam.extremity_weakness": False}),
        ("no neck pain, with leg weakness", ("limb_weakness",), {"exam.extremity_weakness": True}),
        ("stenosis without myelopathy with radiculopathy", ("radiculopathy", "spinal_stenosis"), {}),
        ("no relief after PT or chiropractic", (), {"trial_of_treatment.spinal_manipulation": True}),
    ],
)
def test_with_and_after_end_a_denial_only_where_something_else_begins(
    text: str, found: tuple[str, ...], stated: dict[str, Any]
) -> None:
    assert sorted(candidates(text)) == sorted(found)
    assert facts(text).items() >= stated.items()


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("SCC of the larynx", "head_neck_cancer"),
        ("SCC skin", "skin_cancer"),
        ("known breast ca, leg weakness, r/o SCC", "spinal_cord_compression"),
        ("SCC at T8", "spinal_cord_compression"),
        ("C0-C1 instability", "atlantoaxial_disorder"),
        ("C1-2 fracture", "cervical_vertebral_fracture"),
        ("C5-6 subluxation", "cervical_spine_trauma"),
        ("RLL mass 3 cm", "lung_nodule"),
        ("numbness in a C6 dermatome", "cervical_radiculopathy"),
        ("pain in L5 distribution", "lumbar_radiculopathy"),
        ("burning in both hands", "numbness_or_tingling"),
        ("burning leg pain", "leg_pain"),
        ("post-op wound dehiscence", "postoperative_complication"),
        ("positive slump test", "lumbar_radiculopathy"),
    ],
)
def test_the_place_beside_it_tells_what_a_word_means(text: str, first: str) -> None:
    assert candidates(text)[0] == first


@pytest.mark.parametrize("text", ["burning on urination", "stocking distribution", "LLL pain", "shoulder subluxation"])
def test_without_a_place_of_its_own_such_a_word_says_nothing(text: str) -> None:
    assert candidates(text) == ()


@pytest.mark.parametrize("before", ["r/o ", "concern for "])
def test_a_doubt_keeps_the_reason_and_never_states_the_disease(before: str) -> None:
    established = {"malignancy.known", "condition.disc_disorder", "malignancy.metastatic"}
    for text in (t for t in PLAIN if "s/p" not in t and "status post" not in t):
        assert candidates(before + text)[:1] == candidates(text)[:1], before + text
        assert not established & set(facts(before + text)), before + text


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400))
def test_any_text_can_be_read_and_words_come_from_it(text: str) -> None:
    flat = " ".join(text.split())
    for proposal in proposals(text):
        assert proposal.words.rstrip("…") in flat


PARTS = st.sampled_from(
    [
        "no",
        "denies",
        "h/o",
        "s/p",
        "r/o",
        "LBP",
        "neck",
        "pain",
        "radiating",
        "to",
        "leg",
        "L4-5",
        "fx",
        "mets",
        ",",
        ".",
        ";",
        "(",
        ")",
        "?",
        "-",
        "x6wks",
        "8/10",
        "PT",
        "pt",
        "w/",
        "and",
        "or",
        "mother",
        "had",
        "8",
        "weeks",
        "of",
        "ago",
        "numb",
        "weakness",
        "M54.16",
        "still",
        "failed",
        "cancer",
        "breast",
        "2019-2020",
        "5'3",
        "\n",
        "\t",
        "é",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PARTS, max_size=60).map(" ".join))
def test_any_order_of_clinical_words_can_be_read(text: str) -> None:
    for proposal in proposals(text):
        assert len(proposal.words) <= QUOTED
        assert proposal.kind == "fact" or proposal.name in indications()


def test_a_long_text_is_read_to_its_limit_only() -> None:
    assert candidates("x" * LONGEST + " neck pain") == ()
    assert candidates("neck pain " + "and so on " * 5000) == ("neck_pain",)


@pytest.mark.parametrize("text", ["radiculopaty", "spondylolisthesys", "Myelopaty", "sacroilitis", "hyperrefexia"])
def test_one_slip_in_a_long_word_is_understood(text: str) -> None:
    assert candidates(text)


def test_no_trigger_is_taken_for_a_slip_of_a_phrase() -> None:
    said = {word for key in (*triggers().before, *triggers().after, *triggers().harmless) for word in key}
    for word in said | triggers().ends | triggers().loosens:
        assert word in lexicon().known or mend(word, lexicon().spellings) == word


@pytest.mark.parametrize("text", ["untethered cord", "spiral fracture", "confusion", "lactation", "medical records"])
def test_another_word_is_no_slip_of_ours(text: str) -> None:
    assert candidates(text) == ()


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("LBP x6wks", "pain.duration_weeks", 6.0),
        ("low back pain for 2 months", "pain.duration_weeks", 8.7),
        ("8 weeks of PT", "trial_of_treatment.duration_weeks", 8.0),
        ("PT x 6 weeks", "trial_of_treatment.duration_weeks", 6.0),
        ("6-8 weeks of physical therapy", "trial_of_treatment.duration_weeks", 6.0),
        ("six weeks of chiropractic care", "trial_of_treatment.duration_weeks", 6.0),
        ("pain 9/10", "pain.severity_vas", 9.0),
        ("strength 3/5 left foot dorsiflexion", "exam.motor_strength_grade", 3),
        ("fell 3 days ago", "trauma.days_ago", 3),
        ("foot drop for 2 weeks", "exam.foot_drop_new", True),
    ],
)
def test_numbers_are_read_with_what_they_measure(text: str, name: str, value: Any) -> None:
    assert facts(text)[name] == value


@pytest.mark.parametrize(
    "text", ["56 year old with back pain", "foot drop for 3 years", "L4/5 stenosis", "seen 2 weeks ago for back pain"]
)
def test_ages_levels_and_old_signs_are_no_durations(text: str) -> None:
    assert not {"pain.severity_vas", "exam.motor_strength_grade", "exam.foot_drop_new"} & set(facts(text))
    assert "pain.duration_weeks" not in facts(text)


def test_the_denial_of_something_new_says_nothing_of_the_old() -> None:
    assert facts("no new weakness") == {}
    assert facts("no weakness in right leg")["exam.extremity_weakness"] is False


def test_pt_is_the_patient_or_the_therapy_by_the_words_beside_it() -> None:
    therapy = "trial_of_treatment.physical_or_occupational_therapy"
    for text in ("failed PT", "Pt failed PT", "pt has done 6 weeks of pt", "LBP despite PT and NSAIDs", "PT x 6 weeks"):
        assert facts(text)[therapy] is True, text
    for text in ("Pt with low back pain", "pt c/o LBP", "PT PRESENTS WITH NECK PAIN", "pt is here for neck pain"):
        assert therapy not in facts(text), text


TEXT_ONLY = [p["text"] for p in PHRASES_OF_OURS][::12]


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library()


def judged(text: str, library: Library) -> Verdict:
    """The verdict on an order whose reason and note are this text and nothing else."""
    draft = {
        "resourceType": "ServiceRequest", "id": "o", "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "72148"}]},
        "reasonCode": [{"text": text}], "note": [{"text": text}],
    }  # fmt: skip
    records = read_records([{"resourceType": "Patient", "id": "p", "birthDate": "1980-01-01"}], "p")
    orders = read_orders([draft], records)
    chart = Chart(records, orders, DAY, drafts=[draft])
    (verdict,) = criteria.judge(orders, chart.facts, library, DAY, policy=library.policies.by_id["default"])
    return verdict


@pytest.mark.parametrize("text", TEXT_ONLY)
def test_words_alone_never_make_a_rating(text: str, library: Library) -> None:
    with_words, without = judged(text, library), judged("xxx", library)
    assert with_words.rating is Rating.NEEDS_INFORMATION
    for part in ("rating", "because", "asks", "presumes", "alternatives", "criteria"):
        assert getattr(with_words, part) == getattr(without, part)
