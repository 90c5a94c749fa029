"""Several findings in one reason: each is read by itself, with its own doubt, denial, history or relative."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from criteria.reading import read_yaml
from mappings.attested import vocabulary
from mappings.diagnoses import indications
from mappings.phrases import proposals

REASONS: list[dict[str, Any]] = read_yaml(Path(__file__).parent / "data" / "combined_reasons.yaml")


def proposed(text: str) -> set[str]:
    """Indications by name; facts by name, and with their value."""
    out: set[str] = set()
    for one in proposals(text):
        out |= {one.name} if one.kind == "indication" else {one.name, f"{one.name}={str(one.value).lower()}"}
    return out


def test_the_list_names_what_there_is() -> None:
    listed = [name for r in REASONS for name in (*"|".join(r["must"]).split("|"), *r.get("never", ()))]
    named = {name.partition("=")[0] for name in listed}
    assert len(REASONS) == 40
    assert {n for n in named if n not in indications() and n not in vocabulary()} == set()


@pytest.mark.parametrize("reason", REASONS, ids=lambda r: r["text"])
def test_each_finding_of_a_reason_is_read_by_itself(reason: dict[str, Any]) -> None:
    found = proposed(reason["text"])
    assert [name for name in reason["must"] if found.isdisjoint(name.split("|"))] == []
    assert found & set(reason.get("never", ())) == set()
