"""A small criteria folder for tests: the real vocabulary, studies and indications, and one guideline of our own."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import criteria
from criteria.facts import Basis, Fact, Facts
from criteria.library import HERE, Library, load_library
from criteria.orders import Kind, Order, Reason
from criteria.ratings import Verdict
from criteria.studies import Study

DAY = dt.date(2026, 6, 1)
GUIDELINE = """
title: A guideline for tests
edition: '1'
publisher: nobody
prefix: T
from: 2024-01-01
population: {age_years: {at_least: 18}}
domain: [{modality: [mri, ct], region: [cervical_spine, thoracic_spine, lumbar_spine]}]
"""
HEAD = """
title: %(title)s
kind: %(kind)s
studies: [%(study)s]
reference: {section: T-1}
covers: [T-1.1]
reviewed: 2026-01-01
owner: tester
"""


def home(folder: Path, rules: Mapping[str, str], extra: Mapping[str, str] | None = None) -> Path:
    """A criteria folder with these rule files (name -> text) in guideline ``test`` and other files (path -> text)."""
    for name in ("facts.yaml", "studies.yaml", "indications.yaml"):
        shutil.copy(HERE / name, folder / name)
    (folder / "policies.yaml").write_text("default: {guidelines: [evicore-spine-2023]}\n")
    topic = folder / "guidelines" / "evicore-spine-2023" / "topic"
    topic.mkdir(parents=True)
    (topic.parent / "guideline.yaml").write_text(GUIDELINE)
    for name, text in rules.items():
        (topic / f"{name}.yaml").write_text(text)
    for name, text in (extra or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def rule(body: str, title: str = "A rule", kind: str = "pathway", study: str = "mri_lumbar_spine.without") -> str:
    return HEAD % {"title": title, "kind": kind, "study": study} + body


def library(folder: Path, rules: Mapping[str, str]) -> Library:
    return load_library(home(folder, rules))


def judge(
    books: Library,
    facts: Mapping[str, Any],
    study: str = "mri_lumbar_spine.without",
    indications: tuple[str, ...] = ("low_back_pain",),
    status: Any = "covered",
    attested: bool = False,
    on: dt.date = DAY,
    unsearched: frozenset[str] = frozenset(),
) -> Verdict:
    """The verdict for one order; order facts that follow the study are filled in."""

    def known(_: Order, seen: Study) -> Facts:
        values = {
            "patient.age_years": 45,
            "order.modality": seen.modality,
            "order.body_region": seen.region,
            "order.contrast": seen.contrast,
        }
        for name in indications:
            values |= dict(books.indications[name].asserts)
        basis = Basis.ATTESTED if attested else Basis.RECORDED
        return Facts({n: Fact(n, v, basis) for n, v in {**values, **facts}.items() if v is not None}, unsearched)

    reasons = (Reason(status, indications),) if status else ()
    order = Order("ServiceRequest/1", Kind.STUDY, books.catalogue[study], reasons)
    return criteria.judge([order], known, books, on, policy=books.policies.by_id["default"])[0]
