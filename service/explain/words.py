"""languages/, read: the words of the page in the language of the card that led to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from criteria.errors import DataError
from service.guidelines.words import read_words
from service.guidelines.words import words as guideline_words

LANGUAGES = Path(__file__).parent / "languages"
ENGLISH = "en"
"""The language of the rules, and of a page for which there are no words."""
TABLES = ("ratings", "truths", "bases", "actions", "notes", "reasons", "page", "months")
OF_GUIDELINES = ("kinds", "units")


@cache
def words(language: str = ENGLISH, folder: Path = LANGUAGES) -> Mapping[str, Mapping[Any, Any]]:
    """All tables in one language. Raises `DataError` where one lacks what the English has."""
    own = {**read_words(folder / "en.yaml", TABLES), **{name: guideline_words()[name] for name in OF_GUIDELINES}}
    path = folder / f"{language}.yaml"
    if language == ENGLISH or not path.is_file():
        return own
    held = read_words(path, (*TABLES, *OF_GUIDELINES))
    for name, table in own.items():
        if wrong := sorted(map(str, held[name].keys() ^ table.keys())):
            raise DataError(path, None, f"`{name}` has other keys than in English: {', '.join(wrong)}.")
    return held


def known(language: str) -> str:
    """The language, if the page has words in it."""
    return language if (LANGUAGES / f"{language}.yaml").is_file() else ENGLISH


def say(language: str, key: str, **slots: object) -> Markup:
    """A sentence of the page; what is put in is escaped unless it is markup."""
    return Markup(words(language)["page"][key]).format(**slots)  # noqa: S704 - the sentence is ours


def day(language: str, on: dt.date) -> str:
    said = words(language)
    written: str = said["page"]["day"].format(day=on.day, month=said["months"][on.month], year=on.year)
    return written
