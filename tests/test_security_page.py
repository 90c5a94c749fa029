"""SECURITY.md names a check for each threat, and the checks that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_file_that_is_named_is_there() -> None:
    named = re.findall(r"`((?:tests|bench|\.ci)/[\w./]+)`", PAGE)
    assert len(named) > 20
    assert [file for file in named if not (ROOT / file).is_file()] == []


def test_every_command_that_is_named_is_there() -> None:
    for module in re.findall(r"`python -m ([\w.]+)", PAGE):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
    for target in re.findall(r"`make (\w+)`", PAGE):
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


def test_every_threat_has_what_is_done_and_a_check() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 15
    for row in rows:
        threat, done, checked = (cell.strip() for cell in row.strip("|").split("|"))
        assert threat
        assert done
        assert "`" in checked


def test_every_link_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / link).exists(), link
