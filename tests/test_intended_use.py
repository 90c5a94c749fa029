"""docs/intended-use.md says what the data says: guidelines, editions, dates, policies, what is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from criteria.library import Guideline, Library, load_library
from criteria.policies import Policy
from service.journal.models import Base

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library()


@pytest.fixture(scope="module")
def page() -> str:
    return (DOCS / "intended-use.md").read_text(encoding="utf-8")


def table(page: str, header: str) -> list[str]:
    """The rows of the table whose header begins so."""
    lines = page.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(header)) + 2
    end = next(n for n in range(start, len(lines)) if not lines[n].startswith("|"))
    return lines[start:end]


def ages(guideline: Guideline) -> str:
    """From the rule files: whom the guideline says it is for."""
    low, high = guideline.ages.at_least, guideline.ages.at_most
    return f"{low or 0} to {high}" if high is not None else f"{low} and older" if low else "all"


def speaks(policy: Policy) -> str:
    """The guidelines of a policy in words: all of it, for some studies only, or only its safety rules."""
    named = [
        f"`{v.guideline}`" + (f" ({', '.join(sorted(v.studies))} only)" if v.studies else "") for v in policy.voices
    ]
    return ", ".join([*named, *(f"`{g}` (safety rules)" for g in policy.safety)])


def test_the_page_names_every_guideline_with_its_edition_and_its_date(library: Library, page: str) -> None:
    held = [
        f"| `{g.id}` | {g.title} | {g.edition} | {g.publisher} | {g.start.isoformat()} | {ages(g)} |"
        for g in library.guidelines.values()
    ]
    assert table(page, "| guideline |") == held


def test_the_page_names_every_policy_with_its_guidelines(library: Library, page: str) -> None:
    held = [f"| `{policy.id}` | {speaks(policy)} |" for policy in library.policies.by_id.values()]
    assert table(page, "| policy |") == held


def test_the_page_names_every_table_of_the_journal(page: str) -> None:
    assert [name for name in Base.metadata.tables if f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", ["intended-use.md", "sandbox.md", "settings.md"])
def test_the_readme_leads_to_every_page(name: str) -> None:
    assert f"](docs/{name})" in (DOCS.parent / "README.md").read_text(encoding="utf-8")
