"""What the order's own words propose and the chart does not answer: what would be known if it were confirmed."""

from __future__ import annotations

from collections.abc import Container, Iterable

from criteria.facts import Fact
from criteria.orders import Proposal
from mappings.derived import attested_with_all_that_follows


def said_facts(proposals: Iterable[Proposal], known: Container[str]) -> dict[str, tuple[Fact, ...]]:
    """Proposed fact that is not ``known`` anyhow -> itself and all that follows from it."""
    facts = (p for p in proposals if p.kind == "fact" and p.name not in known)
    return {p.name: attested_with_all_that_follows(p.name, p.value) for p in facts}
