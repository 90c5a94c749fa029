"""Where a finding is: the sites of a text that it is said of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mappings.text.context import Meant
from mappings.text.lexicon import Lexicon
from mappings.text.mentions import Mention
from mappings.text.tables import ANYWHERE
from mappings.text.tokens import BREAKS, ENDS, Token

ELSEWHERE = "elsewhere"
SITES_AHEAD = frozenset(
    [
        "of",
        "in",
        "at",
        "to",
        "into",
        "down",
        "the",
        "a",
        "left",
        "right",
        "bilateral",
        "both",
        "and",
        "or",
        ",",
        "on",
        "along",
        "with",
        "involving",
        "from",
    ]
)
GENERAL = frozenset({"spine", "back", "canal", "cord"})
LEVELS_OF_SPINE = frozenset({"upper_cervical", "cervical", "thoracic", "lumbar", "sacral"})
BESIDE = frozenset({"dermatome", "scc"})
"""Words that mean nothing, or something else (SCC: squamous cell, or the cord), without a site right beside them."""
WIDE = frozenset({"pain", "weakness", "numbness", "tingling", "burning"})
"""Complaints: another site of the sentence is not theirs unless it stands beside them."""


@dataclass(slots=True)
class Reading:
    """A text on its way to proposals."""

    words: list[Token]
    findings: list[Mention]
    sites: list[Mention]
    meant: Meant
    lexicon: Lexicon

    def states(self, mention: Mention) -> set[str]:
        return set.union(set(), *(self.meant.states[i] for i in mention.places))


def sites_of(mention: Mention, reading: Reading) -> list[Mention]:
    """The sites that a finding is said of: beside it first (with those listed along), else the nearest."""
    finding, words = mention.entry.now.finding, reading.words
    inner = [s for s in reading.sites if mention.first <= s.first and s.last <= mention.last]
    before = _chain(mention.first, -1, reading) if finding != "radiates" else []
    after = _chain(mention.last, 1, reading)
    if finding == "radiates":
        return after
    if finding in BESIDE:
        return inner or before or after
    if (general := inner or before) and all(s.entry.now.site in GENERAL for s in general):
        near = after if any(s.entry.now.site not in GENERAL for s in after) else []
        if not near and finding not in WIDE:
            near = _levels(mention, reading)
        return [s for s in near if s.entry.now.site not in GENERAL] or general
    for beside in (inner, before, after):
        if beside:
            return beside
    sentence = [s for s in reading.sites if not _parted(mention, s, words, ENDS)]
    useful = [s for s in sentence if reading.lexicon.meaning(finding, s.entry.now.site)]
    if finding in WIDE:
        useful = [
            s for s in useful if not _parted(mention, s, words, BREAKS - {","}) and abs(s.first - mention.first) <= 8
        ]
    elif not useful:
        useful = [s for s in reading.sites if reading.lexicon.meaning(finding, s.entry.now.site)]
    chosen = sorted(useful, key=lambda s: abs(s.first - mention.first))[:1]
    if not any(_adds(finding, s, reading) for s in chosen):
        return []
    if chosen and finding not in WIDE:
        level = _levels(mention, reading) if chosen[0].entry.now.site in GENERAL else []
        chosen = level or chosen
        chosen = (
            chosen
            + _chain(chosen[0].first, -1, reading, ("and", "or"))
            + _chain(chosen[0].last, 1, reading, ("and", "or"))
        )
    return chosen


def _adds(finding: str, site: Mention, reading: Reading) -> bool:
    """True where a site says more of a finding than it does by itself: in "mets, hx breast ca" the breast does not."""
    found = reading.lexicon.meaning(finding, site.entry.now.site)
    plain = reading.lexicon.findings.get((finding, ANYWHERE))
    return found is not None and (plain is None or found.now.indications != plain.now.indications)


def _levels(mention: Mention, reading: Reading) -> list[Mention]:
    """The nearest level of the spine that the sentence names, where a finding is said of the spine at large."""
    named = [
        s for s in reading.sites if s.entry.now.site in LEVELS_OF_SPINE and not _parted(mention, s, reading.words, ENDS)
    ]
    return sorted(named, key=lambda s: abs(s.first - mention.first))[:1]


def _chain(place: int, step: int, reading: Reading, links: Sequence[str] = ()) -> list[Mention]:
    """The sites next to a word in one direction, over small words and commas between them."""
    words = reading.words
    at = {s.last if step < 0 else s.first: s for s in reading.sites}
    out: list[Mention] = []
    small = reading.lexicon.words.skip | (SITES_AHEAD if step > 0 else frozenset({"and", "or", ","}))
    i, gap = place + step, 0
    if links and not (0 <= i < len(words) and words[i].word in links):
        return []
    if links:
        i += step
    while 0 <= i < len(words) and gap <= 4:
        if i in at:
            if out and words[i - step].word in (",", "and") and _taken(at[i], step, reading):
                break
            out.append(at[i])
            i, gap = (at[i].first if step < 0 else at[i].last) + step, 0
            continue
        if words[i].word not in small or (words[i].word in ("and", "or", ",") and (not out or gap)):
            break
        if step < 0 and not out and gap >= 3:
            break
        i, gap = i + step, gap + 1
    return out


def _taken(site: Mention, step: int, reading: Reading) -> bool:
    """True where a listed site is another finding's own: of "fracture T12, back pain" the back is the pain's."""
    nearest = site.last + 1 if step > 0 else site.first - 1
    return any(nearest in m.places for m in reading.findings)


def _parted(mention: Mention, site: Mention, words: Sequence[Token], marks: frozenset[str]) -> bool:
    low, high = sorted((mention.first, site.first))
    return any(words[i].word in marks for i in range(low, high))


def telling(sites: list[Mention], mention: Mention, reading: Reading) -> list[Mention]:
    """Where the sites beside a finding add nothing to it ("metastatic breast cancer"), one of its clause that does."""

    finding = mention.entry.now.finding
    if not sites or any(_adds(finding, s, reading) for s in sites):
        return sites
    near = [s for s in reading.sites if _adds(finding, s, reading) and not _parted(mention, s, reading.words, BREAKS)]
    return near[:1] or sites


def said_elsewhere(mention: Mention, reading: Reading) -> bool:
    """True when the words around a finding name a part of the body that is nobody's here ("stenosis of an artery")."""
    near = [
        s for s in reading.sites if s.entry.now.site == ELSEWHERE and not _parted(mention, s, reading.words, BREAKS)
    ]
    return any(abs(s.first - mention.first) <= 6 for s in near)
