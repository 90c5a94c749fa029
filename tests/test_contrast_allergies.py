"""Which contrast an allergy is to, and whether it was severe, as charts put it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart_examples import code, facts, resource


def allergy(text: str, **fields: Any) -> dict[str, Any]:
    return resource("AllergyIntolerance", code={"text": text}, **fields)


@pytest.mark.parametrize(
    ("text", "iodinated", "gadolinium"),
    [
        ("Radiocontrast agents", True, False),
        ("IV dye", True, False),
        ("Contrast dye", True, False),
        ("MRI contrast", False, True),
        ("Gadolinium-based contrast", False, True),
        ("Povidone-iodine", False, False),
        ("Red food dye", False, False),
    ],
)
def test_the_words_tell_which_contrast_it_is(text: str, iodinated: bool, gadolinium: bool) -> None:
    found = facts(allergy(text))
    assert ("allergy.iodinated_contrast" in found) == iodinated
    assert ("allergy.gadolinium_contrast" in found) == gadolinium


@pytest.mark.parametrize("manifestation", [code(snomed="39579001"), {"text": "Anaphylactic shock"}])
def test_anaphylaxis_is_severe_whatever_its_severity(manifestation: dict[str, Any]) -> None:
    severe = allergy("IV dye", reaction=[{"manifestation": [manifestation]}])
    assert facts(severe)["contrast.iodinated_contraindicated"] is True
    assert "contrast.iodinated_contraindicated" not in facts(allergy("IV dye", reaction=[{"manifestation": [{}]}]))
    assert "contrast.iodinated_contraindicated" not in facts(allergy("Peanut", reaction=severe["reaction"]))


@pytest.mark.parametrize("grave", [{"criticality": "high"}, {"reaction": [{"severity": "severe"}]}])
def test_a_severe_gadolinium_allergy_forbids_gadolinium_and_nothing_else(grave: dict[str, Any]) -> None:
    found = facts(allergy("Gadobutrol", **grave))
    assert found["contrast.gadolinium_contraindicated"] is True
    assert "contrast.iodinated_contraindicated" not in found
    assert "contrast.gadolinium_contraindicated" not in facts(allergy("Gadobutrol", criticality="low"))
