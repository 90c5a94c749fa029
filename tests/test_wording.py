"""The sentences of the cards: complete, short enough, and free of words that promise or refuse payment."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from criteria.errors import DataError
from hooks.markdown import escape, plain
from hooks.overrides import CATEGORIES, REASONS, override_reasons
from hooks.wording import FOR_STAFF, LANGUAGES, NEEDED, SUMMARY, languages, wording

TEXT = (LANGUAGES / "en.yaml").read_text(encoding="utf-8")


def _broken(tmp_path: Path, old: str, new: str) -> Path:
    assert old in TEXT
    (tmp_path / "en.yaml").write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    return tmp_path


def test_every_needed_sentence_is_there_and_an_unknown_language_falls_back_to_english() -> None:
    for language in languages():
        assert set(wording(language).sentences) == NEEDED
        assert set(wording(language, staff=True).sentences) == NEEDED >= FOR_STAFF
    assert wording("xx").sentences == wording("en").sentences


def test_no_sentence_denies_approves_or_promises_anything() -> None:
    words = " ".join(wording().sentences.values()).lower()
    for word in ("denied", "denial", "approv", "authoriz", "kleene", "needs-information"):
        assert word not in words


@pytest.mark.parametrize("staff", [False, True])
@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("key", sorted(k for k in NEEDED if k.startswith("summary.")))
def test_summaries_stay_under_140_characters_however_long_the_names_are(key: str, language: str, staff: bool) -> None:
    words = wording(language, staff=staff)
    slots = [n for _, n, _, _ in string.Formatter().parse(words.sentences[key]) if n]
    said = words.say(key, **{n: n[0] * 300 for n in slots})
    assert len(said) <= SUMMARY
    assert all(n[0] * 5 in said for n in slots)


def test_braces_in_a_value_are_only_text() -> None:
    assert wording().say("order", study="{x}{0}") == "**{x}{0}**"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("summary.change:", "summary.chnage:", "Did you mean `summary.change`"),
        ("slots: [study, alternative]}", "slots: [study]}", "exactly the placeholders"),
        ("text: 'Change {study} to {alternative}', limit: 139", "text: 'Change {study} to {alternative}', limit: 150",
         "at most 139"),
        ("Review {study}: a requirement", "Denied: {study}: a requirement", "word of `never`"),
        ("Review {study}: a requirement", "<b>{study}</b>: a requirement", "no HTML"),
        ("    link.app: {text: Answer the open questions, limit: 80}\n", "", "missing: link.app"),
        ("{text: How this answer came about", "{text: How this verdict came about", "word of `never`"),
        ("    link.app: {text: Open questions for the clinician, limit: 80}\n", "", "missing: link.app"),
        ("limit: 80}", "limit: 80, tone: kind}", "needs `text` and `limit`"),
        ("Change {study} to {alternative}'", "Change {study to {alternative}'", "brace"),
        ("    wk: [week, weeks]", "    wk: [week]", "of one, and of several"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_its_mend(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(DataError, match=r"en\.yaml") as caught:
        wording("en", staff=True, folder=_broken(tmp_path, old, new))
    assert says in str(caught.value)


def test_override_reasons_are_codings_with_displays_and_no_doubles(tmp_path: Path) -> None:
    codings = [r.coding() for r in override_reasons()]
    assert all(c["code"] and c["system"].startswith("http") and c["display"] for c in codings)
    suggested = {r.code for r in override_reasons() if r.system.endswith("/non-adherence-reason-codes")}
    assert suggested == CATEGORIES | {
        "action-completed", "patient-contraindication", "patient-refuses", "too-costly-uncovered",
        "service-not-available", "recipient-does-not-understand",
    }, "the twelve codes that CDS Hooks 3.0 suggests for clinicians"  # fmt: skip
    raw = yaml.safe_load(REASONS.read_text())
    twice = tmp_path / "override_reasons.yaml"
    twice.write_text(yaml.safe_dump({**raw, "reasons": [*raw["reasons"], raw["reasons"][0]]}))
    with pytest.raises(DataError, match="twice"):
        override_reasons(twice)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("[a](http://evil)", "\\[a\\](http&#58;//evil)"),
        ("**bold** _it_ `x`", "\\*\\*bold\\*\\* \\_it\\_ \\`x\\`"),
        ("www.evil.example me@evil.example", "www&#46;evil.example me&#64;evil.example"),
        ("# head", "&#35; head"),
        ("1. one", "1&#46; one"),
        ("a\nb\u2028c\x00d", "a b c d"),
        ("SP-5.1 and eGFR < 30", "SP-5.1 and eGFR &lt; 30"),
    ],
)
def test_markdown_shows_data_as_it_is(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(st.text(max_size=80))
def test_no_text_can_open_a_tag_a_link_or_a_line(text: str) -> None:
    out = escape(text)
    assert not set("<>\n\r") & set(out)
    assert "](" not in out.replace("\\](", "")
    assert len(plain(text, 20)) <= 20
