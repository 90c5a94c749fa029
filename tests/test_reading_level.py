"""What a clinician reads is short and plain: Flesch-Kincaid grade and words of each sentence and question."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from criteria.vocabulary import load_vocabulary
from hooks.wording import languages, wording

GRADE = 12
"""Of all sentences, of all questions, and of the longer ones each (terms of medicine weigh too much in a short one)."""
LONG = 12
WORDS = 25
"""In one question; the one on red flags names them all."""
SENTENCE = 25


def syllables(word: str) -> int:
    """A common estimate: groups of vowels, less a silent e."""
    groups = len(re.findall(r"[aeiouy]+", word.lower()))
    silent = word.lower().endswith("e") and not word.lower().endswith(("le", "ee"))
    return max(1, groups - silent)


def grade(text: str) -> float:
    """The school year that a text asks for, by Flesch and Kincaid."""
    words = re.findall(r"[A-Za-z']+", text)
    ends = max(1, len(re.findall(r"[.?!:](?=\s|$)", text)))
    return 0.39 * len(words) / ends + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


def plain(text: str) -> str:
    """A sentence as it is read, with a short word for each placeholder."""
    return re.sub(r"\{\w+\}", "study", text.replace("*", "").replace("\u2019", "'"))


def sentences(language: str) -> Iterator[tuple[str, str]]:
    for staff in (False, True):
        for key, text in wording(language, staff=staff).sentences.items():
            if re.search(r"\w", re.sub(r"\{\w+\}", "", text)):
                yield key, plain(text)


def questions() -> dict[str, str]:
    return {f.name: f.ask for f in load_vocabulary().facts.values() if f.ask}


def test_the_measure_tells_plain_from_heavy() -> None:
    assert grade("The cat sat on the mat.") < 2 < GRADE
    assert grade("Institutional authorisation necessitates comprehensive interdisciplinary documentation.") > GRADE + 5


def test_sentences_and_questions_as_a_whole_read_at_twelfth_grade_or_below() -> None:
    for texts in ([text for _, text in sentences("en")], list(questions().values())):
        assert sum(map(grade, texts)) / len(texts) <= GRADE


def test_each_longer_sentence_reads_at_twelfth_grade_or_below() -> None:
    heavy = {k: round(grade(t), 1) for k, t in sentences("en") if len(t.split()) >= LONG and grade(t) > GRADE}
    assert not heavy


@pytest.mark.parametrize("language", languages())
def test_no_sentence_is_long(language: str) -> None:
    parts = [(k, part) for k, text in sentences(language) for part in re.split(r"[.?!:;] ", text)]
    assert not {k: p for k, p in parts if len(p.split()) > SENTENCE}


def test_no_question_is_long() -> None:
    assert not {f: q for f, q in questions().items() if len(q.split()) > WORDS}
    assert all(q.endswith("?") for q in questions().values())


@pytest.mark.parametrize("word", ["presumed", "verdict", "pathway", "criterion", "attested", "kleene", "boolean"])
def test_no_question_and_no_sentence_speaks_our_jargon(word: str) -> None:
    for text in [*questions().values(), *(text for _, text in sentences("en"))]:
        assert not re.search(rf"\b{word}", text, re.IGNORECASE)


def test_no_question_shows_the_name_of_a_fact() -> None:
    assert not {f: q for f, q in questions().items() if re.search(r"\w_\w|\w\.\w+_", q)}
