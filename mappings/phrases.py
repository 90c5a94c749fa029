"""Free text -> proposals: candidate indications and facts, with their words. They order questions and never rate."""

from __future__ import annotations

from criteria.orders import Proposal
from mappings.diagnoses import indications
from mappings.text.propose import Found, read
from mappings.text.tokens import LONGEST, Token

QUOTED = 120
"""Characters of the text that a proposal shows."""


def candidates(text: str) -> tuple[str, ...]:
    """Ids of the indications that the words propose, best first; what is denied, past or a relative's proposes none."""
    return tuple(p.name for p in proposals(text) if p.kind == "indication")


def proposals(text: str) -> tuple[Proposal, ...]:
    """The indications that a text proposes, best first, then facts in the order of the text, each name once."""
    text = text[:LONGEST]
    found, words = read(text)
    named = sorted((f for f in found if f.value is None), key=lambda f: f.weight)
    stated = [f for f in found if f.value is not None]
    out: dict[str, Proposal] = {}
    for one in named:
        label = indications()[one.name].name
        out.setdefault(one.name, Proposal("indication", one.name, True, _words(one, text, words), label))
    contrary = {f.name for f in stated for g in stated if f.name == g.name and f.value != g.value}
    for one in stated:
        if one.name not in contrary:
            made = Proposal("fact", one.name, one.value, _words(one, text, words), doubted=one.doubted)  # type: ignore[arg-type]
            add(out, made)
    return tuple(out.values())


def add(held: dict[str, Proposal], proposal: Proposal) -> None:
    """Each name once: the first, but what is stated before what is doubted."""
    before = held.get(proposal.name)
    if before is None or (before.doubted and not proposal.doubted):
        held[proposal.name] = proposal


def _words(found: Found, text: str, words: list[Token]) -> str:
    said = " ".join(text[words[found.first].start : words[found.last].end].split())
    return said if len(said) <= QUOTED else said[: QUOTED - 1] + "…"
