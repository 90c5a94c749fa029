"""The level of the spine that a diagnosis code names."""

from __future__ import annotations

import warnings
from types import ModuleType

import pytest

from mappings.levels import levels_of, sites

WORDS = {
    "1": "occipito", "2": "cervical", "3": "cervicothoracic", "4": "thoracic", "5": "thoracolumbar", "6": "lumbar",
    "7": "lumbosacral", "8": "sacr",
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "regions"),
    [
        ("M46.46", ("lumbar_spine",)),
        ("M48.52XA", ("cervical_spine",)),
        ("M48.061", ("lumbar_spine",)),
        ("M45.4", ("thoracic_spine",)),
        ("M54.15", ("thoracic_spine", "lumbar_spine")),
        ("M51.369", ("lumbar_spine",)),
        ("M51.44", ("thoracic_spine",)),
        ("M46.40", ()),
        ("C79.51", ()),
        ("M4", ()),
    ],
)
def test_a_code_that_names_its_level_is_read(code: str, regions: tuple[str, ...]) -> None:
    assert levels_of([("icd10cm", code)]) == regions
    assert levels_of([("snomed", code)]) == ()


def test_every_place_in_the_table_points_at_the_level_of_the_code_title() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import simple_icd_10_cm

        library: ModuleType = simple_icd_10_cm
    table, seen = sites(), set()
    for code in library.get_all_codes(with_dots=False):
        prefix = max((p for p in table.places if code.startswith(p)), key=len, default=None)
        place = table.places[prefix] if prefix else 99
        if prefix is None or place >= len(code) or len(code) < 4 or not library.is_leaf(code):
            continue
        if (site := code[place]) in table.levels:
            seen.add(prefix)
            assert WORDS[site] in library.get_description(code).lower(), code
    assert seen == set(table.places)
