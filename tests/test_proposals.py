"""Proposals on their way: from the order's words to its card, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from criteria.orders import Kind, Order, Proposal, Reason
from criteria.ratings import Because, Rating
from mappings import read_orders
from mappings.notes import read_proposals
from mappings.records import read_records
from tests import hook_examples as made
from tests.service_examples import SERVICE, call, make_app
from tests.service_examples import order as draft_order

WEEKS = Proposal("fact", "care.weeks", 8.0, "8 weeks of PT")
SEEN = Proposal("fact", "care.seen", True, "seen again <b>in clinic</b>")
BACK = Proposal("indication", "low_back_pain", True, "LBP [x](http://evil.example) <script>", "low back pain")


def order(*proposals: Proposal, status: Any = "covered") -> Order:
    return Order("ServiceRequest/order-1", Kind.STUDY, made.CT, (Reason(status),), proposals=proposals)


def detail(*proposals: Proposal, because: Because = Because.FACTS_MISSING, **more: Any) -> str:
    asked = made.verdict(Rating.NEEDS_INFORMATION, because=because, **more)
    return str(made.only_card(made.answer(asked, orders=(order(*proposals),)))["detail"])


def found(request: dict[str, Any], *chart: Any) -> dict[str, Any]:
    records = read_records([{"resourceType": "Patient", "id": "p"}, *chart], "p")
    return {p.name: p.value for p in read_proposals({"resourceType": "ServiceRequest", **request}, records)}


def test_reasons_notes_and_what_supports_the_order_are_read() -> None:
    note = {"note": [{"text": "failed PT"}]}
    asserted = found(
        {
            "reasonCode": [{"text": "LBP"}],
            "reasonReference": [{"reference": "Condition/x", "display": "sciatica"}],
            "note": [{"text": "saddle anesthesia"}],
            "contained": [{"resourceType": "Observation", "id": "n", **note}],
            "supportingInfo": [{"reference": "#n"}, {"display": "fever"}],
        }
    )
    therapy = "trial_of_treatment.physical_or_occupational_therapy"
    assert {"low_back_pain", "lumbar_radiculopathy", "exam.saddle_anesthesia", therapy, "symptom.fever"} <= set(
        asserted
    )


def test_what_two_texts_contradict_is_not_proposed() -> None:
    asserted = found({"reasonCode": [{"text": "LBP, fever"}], "note": [{"text": "denies fever"}]})
    assert "symptom.fever" not in asserted


@pytest.mark.parametrize("wrong", [None, 1, "x", [1], [{"text": 5}], {"text": "LBP"}, [[]]])
def test_any_shape_of_a_note_is_read(wrong: Any) -> None:
    keys = ("reasonCode", "reasonReference", "note", "supportingInfo", "contained")
    for key in keys:
        found({key: wrong})


def test_words_are_no_part_of_what_an_order_shows_of_itself() -> None:
    draft = {"resourceType": "ServiceRequest", "id": "o", "reasonCode": [{"text": "Zzyzx neck pain"}]}
    (read,) = read_orders([draft], read_records([{"resourceType": "Patient", "id": "p"}], "p"))
    assert read.proposals
    assert "neck pain" not in repr(read).replace("label='neck pain'", "")


def test_a_question_that_the_words_speak_to_comes_first_with_its_answer() -> None:
    text = detail(WEEKS, asks=("care.seen", "care.weeks"))
    assert text.index("How many weeks of treatment?") < text.index("Was the patient seen again?")
    assert "Your note says “8 weeks of PT”: confirm 8." in text
    card = made.only_card(
        made.answer(
            made.verdict(Rating.NEEDS_INFORMATION, because=Because.FACTS_MISSING, asks=("care.seen", "care.weeks")),
            orders=(order(WEEKS),),
        )
    )
    assert card["extension"][made.OURS]["asks"] == ["care.weeks", "care.seen"]


def test_without_words_the_questions_stay_as_they_are() -> None:
    text = detail(asks=("care.seen", "care.weeks"))
    assert text.index("Was the patient seen again?") < text.index("How many weeks of treatment?")
    assert "note says" not in text


def test_the_order_s_words_are_escaped() -> None:
    text = detail(SEEN, BACK, because=Because.REASON_UNMAPPED, asks=("care.seen",))
    assert "<script>" not in text and "<b>" not in text and "http://" not in text
    assert "seen again &lt;b&gt;in clinic&lt;/b&gt;" in text and "confirm yes" in text


def test_a_reason_that_was_not_recognised_gets_suggestions() -> None:
    text = detail(BACK, because=Because.REASON_UNMAPPED)
    assert "own words suggest" in text and "- low back pain (“LBP" in text
    assert "own words suggest" not in detail(BACK)


def test_proposals_change_the_ids_of_the_card_and_not_its_rating() -> None:
    asked = made.verdict(Rating.NEEDS_INFORMATION, because=Because.FACTS_MISSING, asks=("care.weeks",))
    with_words = made.only_card(made.answer(asked, orders=(order(WEEKS),)))
    without = made.only_card(made.answer(asked, orders=(order(),)))
    assert with_words["uuid"] != without["uuid"]
    assert with_words["extension"][made.OURS]["rating"] == without["extension"][made.OURS]["rating"]


def test_the_words_reach_neither_journal_nor_log(tmp_path: Any, capfd: Any) -> None:
    said = "LBP x 8 weeks of PT, Zzyzx still numb"
    app = make_app(tmp_path)
    answer = app.test_client().post(SERVICE, json=call(draft_order(reasonCode=[{"text": said}], note=[{"text": said}])))
    assert answer.status_code == 200
    assert "8 weeks" in answer.get_data(as_text=True)
    kept = b"".join(f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())
    logged = "".join(capfd.readouterr())
    for word in ("Zzyzx", "8 weeks", "numb\\b"):
        assert word not in logged
        assert word.encode() not in kept
