"""Cards in another language: whole, within their limits, and without a sentence of the rules' own language."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from criteria import load_library
from criteria.errors import DataError
from hooks import read_request
from hooks.markdown import escape
from hooks.translation import check_facts, check_translation, phrases
from hooks.wording import LANGUAGES, SUMMARY, languages, wording
from service.clients import CLIENTS, Client, load_profiles
from service.decide import Decision
from service.journal import Consultation
from service.reports import check_languages
from tests.answers import Json
from tests.requests_loader import good_requests, load
from tests.service_examples import make_app, parts_of

ENGLISH = re.compile(
    r"\b(the|of|and|is|are|was|were|does|has|have|with|without|for|this|that|not|or|which|when|by|spine|pain|contrast)\b",
    re.IGNORECASE,
)
SNOMED = "http://snomed.info/sct"
TABLE = LANGUAGES / "es.csv"


@pytest.fixture(scope="module")
def decision(tmp_path_factory: pytest.TempPathFactory) -> Decision:
    return replace(parts_of(make_app(tmp_path_factory.mktemp("languages"))).decision, journal=Kept())


class Kept:
    """Keeps nothing."""

    def keep(self, consultation: Consultation) -> None:
        return None


def ask(decision: Decision, body: Json, language: str, **shows: Any) -> list[Json]:
    """The cards that a client of this language gets."""
    profile = load_profiles()["full"]
    client = Client("t", replace(profile, shows=replace(profile.shows, language=language, **shows)), ())
    answer = decision.decide(read_request(body, {"order-select", "order-sign"}), client)
    found: list[Json] = answer["cards"]
    return found


def as_staff(body: Json) -> Json:
    """The same call by a medical assistant."""
    role = {
        "resourceType": "PractitionerRole",
        "id": "r1",
        "code": [{"coding": [{"system": SNOMED, "code": "22515006"}]}],
    }
    context = {**body["context"], "userId": "PractitionerRole/r1"}
    return {**body, "context": context, "prefetch": {**body.get("prefetch", {}), "user": role}}


def requests_with_cards() -> dict[str, Json]:
    """All requests of fixtures/, and those of one kind of patient that make more sorts of card."""
    extra = {f"spec/{n}": load(f"spec/{n}.json") for n in ("pama_lumbar_ct", "pama_scoliosis_child", "pama_toothache")}
    return {**good_requests(), **extra}


def visible(card: Json) -> list[str]:
    """What a person reads on a card; code systems' own displays and names of guidelines are not ours to translate."""
    said = [card["summary"], card["detail"]]
    said += [link["label"] for link in card.get("links", ())]
    said += [reason["display"] for reason in card.get("overrideReasons", ())]
    for suggestion in card.get("suggestions", ()):
        said += [suggestion["label"], *(action["description"] for action in suggestion["actions"])]
    return said


@pytest.mark.parametrize("name", sorted(requests_with_cards()))
@pytest.mark.parametrize("staff", [False, True])
def test_no_english_stands_on_a_spanish_card(decision: Decision, name: str, staff: bool) -> None:
    body = as_staff(requests_with_cards()[name]) if staff else requests_with_cards()[name]
    english, spanish = ask(decision, body, "en"), ask(decision, body, "es")
    assert len(english) == len(spanish)
    names = [e.name for e in decision.editions.values()] + [e.title for e in decision.editions.values()]
    for before, after in zip(english, spanish, strict=True):
        assert before["uuid"] != after["uuid"]
        assert (
            before["extension"]["io.github.imaging-cds"]["rating"]
            == after["extension"]["io.github.imaging-cds"]["rating"]
        )
        assert len(after["summary"]) <= SUMMARY
        for said in visible(after):
            for edition in sorted(names, key=len, reverse=True):
                said = said.replace(escape(edition), "").replace(edition, "")
            assert not ENGLISH.search(said), said


def test_the_questions_of_a_spanish_card_are_the_same_questions(decision: Decision) -> None:
    body = good_requests()["02_lumbar_mri_no_word_on_treatment"]
    (english,), (spanish,) = ask(decision, body, "en"), ask(decision, body, "es")
    asks = english["extension"]["io.github.imaging-cds"]["asks"]
    assert asks == spanish["extension"]["io.github.imaging-cds"]["asks"]
    said = {p.key: p.text for p in phrases(TABLE) if p.kind == "question"}
    assert all(said[fact] in spanish["detail"].replace("\\", "") for fact in asks)


def test_every_language_says_what_the_rules_say_today() -> None:
    check_languages()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("question,pain.neck,", "question,pain.nekc,", "Did you mean `pain.neck`"),
        ("Does the patient have neck pain?", "Does the patient have a stiff neck?", "translate it again"),
        ("(0-4)?,¿", "(0-4)?,5 ¿", "must keep the numbers"),
        ("question,pain.night,Is there pain at night?,¿Hay dolor por la noche?\n", "", "question pain.night"),
        ("question,pain.night,", "qestion,pain.night,", "Did you mean `question`"),
        ("question,pain.night,", "question,pain.neck,", "stands twice"),
        ("¿Hay dolor por la noche?", "", "4 filled cells"),
        ("kind,key,english,text", "kind,key,text", "first line must be"),
    ],
)  # fmt: skip
def test_a_slip_in_a_translation_names_file_line_and_mend(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = TABLE.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "es.csv").write_text(text.replace(old, new, 1), encoding="utf-8")
    names = wording("es").studies
    assert names is not None
    with pytest.raises(DataError, match=r"es\.csv") as caught:
        check_translation(tmp_path / "es.csv", names, load_library())
    assert says in str(caught.value)


def test_two_studies_that_differ_in_english_differ_in_every_language() -> None:
    for language in languages():
        named: dict[str, str] = {}
        for study in load_library().catalogue.studies.values():
            assert named.setdefault(wording(language).study(study), study.name) == study.name


def test_a_study_without_a_name_of_its_own_is_a_slip(tmp_path: Path) -> None:
    names = wording("es").studies
    assert names is not None
    with pytest.raises(DataError, match="named"):
        check_translation(TABLE, replace(names, named={}), load_library())


def test_a_name_for_what_is_no_fact_is_a_slip() -> None:
    with pytest.raises(DataError, match=r"Did you mean `pain\.neck`"):
        check_facts(LANGUAGES / "es.yaml", ["pain.nekc"], load_library().vocabulary)


def test_the_name_of_a_study_starts_with_a_capital_only_where_a_line_does() -> None:
    assert wording("es").say("order", study="radiografía de columna") == "**Radiografía de columna**"
    assert wording("es").say("suggestion.create", study="radiografía de columna") == "Añadir radiografía de columna"


def test_a_missing_section_of_a_language_names_its_file(tmp_path: Path) -> None:
    shutil.copytree(LANGUAGES, tmp_path / "languages")
    file = tmp_path / "languages" / "es.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("    regions:", "    places:", 1), encoding="utf-8")
    with pytest.raises(DataError, match=r"es\.yaml"):
        wording("es", folder=tmp_path / "languages")


def test_a_client_may_ask_only_for_a_language_that_there_is(tmp_path: Path) -> None:
    text = CLIENTS.read_text(encoding="utf-8").replace("language: en", "language: xx")
    (tmp_path / "clients.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="`language` is one of en, es"):
        load_profiles(tmp_path / "clients.yaml")
