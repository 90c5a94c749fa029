"""How an answer came about, told in the language of its card."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from criteria.errors import DataError
from service.explain.words import LANGUAGES, words
from service.journal.models import Explanation
from tests.explain_examples import answered, explained_at, explaining, page, plain, request_of, told
from tests.service_examples import parts_of
from tests.test_guideline_pages import faults_of
from tests.test_languages import ENGLISH


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """A service whose clients read Spanish."""
    from service import clients

    full = clients.load_profiles()["full"]
    spanish = {**clients.load_profiles(), "full": replace(full, shows=replace(full.shows, language="es"))}
    monkeypatch.setattr(clients, "load_profiles", lambda: spanish)
    with explaining(tmp_path) as made:
        yield made


def own(html: str) -> str:
    """What the page says itself, without what is marked as English, links to rules, codes and names of guidelines."""
    kept = re.sub(r'<(\w+)[^>]* lang="en"[^>]*>.*?</\1>', " ", html, flags=re.DOTALL)
    return plain(re.sub(r"<(style|title|header|code)\b.*?</\1>", " ", kept, flags=re.DOTALL))


@pytest.mark.parametrize("name", ["02", "07", "08", "12"])
def test_a_page_in_spanish_says_nothing_in_english_that_is_not_marked(app: Flask, name: str) -> None:
    titles = [g.title for g in parts_of(app).decision.library.guidelines.values()]
    for card in answered(app, request_of(name)):
        [found] = explained_at(card)
        html = page(app, found)
        assert '<html lang="es">' in html
        assert "Cómo se llegó a esta respuesta" in html
        text = own(html)
        for title in titles:
            text = text.replace(title, "")
        assert ENGLISH.findall(text) == [], text
        assert faults_of(html) == []


def test_questions_studies_and_ratings_are_those_of_the_card(app: Flask) -> None:
    [card] = answered(app, request_of("02"))
    document = told(app, explained_at(card)[0])
    assert document["order"]["study"] in card["summary"]
    assert document["verdict"]["means"] == "Falta información"
    assert all(m["question"].startswith("¿") for m in document["missing"])
    supposed = told(app, explained_at(card)[0], "trial_of_treatment.provider_directed~yes")["supposed"]
    assert [f["value"] for f in supposed["facts"]] == ["sí"]
    assert re.search(r"\d+ de (mayo|junio) de 2026", plain(page(app, explained_at(card)[0])))


def test_an_explanation_in_a_language_that_the_page_does_not_know_is_in_english(app: Flask) -> None:
    [card] = answered(app, request_of("02"))
    with Session(parts_of(app).journal.engine) as session, session.begin():
        [row] = session.query(Explanation).all()
        assert row.language == "es"
        row.language = "xx"
    assert '<html lang="en">' in page(app, explained_at(card)[0])


def test_every_language_has_the_same_words(tmp_path: Path) -> None:
    for file in LANGUAGES.glob("*.yaml"):
        assert words(file.stem)
        shutil.copy(file, tmp_path)
    spanish = tmp_path / "es.yaml"
    spanish.write_text(spanish.read_text().replace("  you-suppose:", "  you-supose:"))
    with pytest.raises(DataError, match=r"es\.yaml: `page` has other keys than in English: you-supose, you-suppose"):
        words("es", tmp_path)
