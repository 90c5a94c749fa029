"""Everything that is read from our own files, read at once: a service does so before its first order."""

from __future__ import annotations

from mappings import diagnoses, examination, levels, units
from mappings.order_words import load_words
from mappings.tables import every_table
from mappings.text.lexicon import lexicon
from mappings.text.triggers import triggers


def read_everything() -> None:
    """Each is kept by its own reader. Raises `DataError` for a line that cannot be read."""
    every_table()
    diagnoses.read_everything()
    examination.signs()
    levels.sites()
    units.units()
    units.molar_masses()
    load_words()
    lexicon()
    triggers()
