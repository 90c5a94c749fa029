"""A site's own overlay: one file that changes, silences or adds rules, without touching those that are shipped.

- change: evicore-spine-2023/low_back_pain_mri      # <guideline>/<rule>
  author: spine-clinic-lead                         # the role that answers for it
  date: 2026-11-20
  reason: Our spine clinic sees every patient within four weeks.
  thresholds:                                       # a comparison of the rule with another value, from a day on
    - {fact: trial_of_treatment.duration_weeks, at_least: {2026-12-01: 4}, unit: wk}
  message: What the card says instead.
  studies: [mri_lumbar_spine.without]
- silence: evicore-preface-2021/some_rule           # author, date, reason
- add: evicore-spine-2023/our_rule                  # author, date, reason
  rule: {title: ..., kind: ..., ...}                # as in a rule file; reviewed and owner default to date and author
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from criteria.criterion import Criterion, Local, read_criterion, select
from criteria.errors import DataError
from criteria.library import Library
from criteria.logic import NUMERIC, All, Any_, AtLeast, Leaf, Node, Not, Reader, leaves
from criteria.reading import Lines, read_yaml
from criteria.vocabulary import near

SIGNED = {"author", "date", "reason"}
CHANGES = {"thresholds", "message", "studies"}
DOES: dict[str, tuple[Literal["changed", "silenced", "added"], set[str]]] = {
    "change": ("changed", CHANGES),
    "silence": ("silenced", set()),
    "add": ("added", {"rule"}),
}
MESSAGE = 200


def apply(library: Library, path: Path) -> Library:
    """The library as the site wants it. Raises `DataError` naming file, line and mend."""
    raw = read_yaml(path)
    if raw is None:
        return library
    if not isinstance(raw, list):
        raise DataError(path, 1, "an overlay is a list of entries that start with `change`, `silence` or `add`.")
    rules = {c.id: c for c in library.criteria}
    marks: dict[str, Local] = {}
    for entry in raw:
        mark = _mark(entry, path)
        line = entry.line(next(k for k in DOES if k in entry))
        if mark.criterion in marks:
            raise DataError(path, line, f"`{mark.criterion}` stands twice; put all that is said of a rule together.")
        marks[mark.criterion] = mark
        if mark.what == "added":
            if mark.criterion in rules:
                raise DataError(
                    path, line, f"`{mark.criterion}` is there already: choose another name, or `change` it."
                )
            rules[mark.criterion] = _added(entry, mark, path, library)
            continue
        if mark.criterion not in rules:
            raise DataError(path, line, f"`{mark.criterion}` is no rule.{near(mark.criterion, rules)}")
        if mark.what == "silenced":
            del rules[mark.criterion]
        else:
            rules[mark.criterion] = _changed(rules[mark.criterion], entry, mark, path, library)
    return replace(library, criteria=tuple(rules.values()), local=tuple(marks.values()))


def _mark(entry: Any, path: Path) -> Local:
    line = next(iter(entry.lines.values()), None) if isinstance(entry, Lines) else None
    heads = [k for k in DOES if isinstance(entry, Lines) and k in entry]
    if len(heads) != 1:
        raise DataError(path, line, f"an entry has one of {', '.join(DOES)}, with the rule's id.")
    head = heads[0]
    what, own = DOES[head]
    for key in entry:
        if key not in {head} | SIGNED | own:
            raise DataError(path, entry.line(key), f"`{key}` does not go with `{head}`.{near(key, SIGNED | own)}")
    for key in ("author", "reason"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise DataError(path, entry.line(key) or line, f"`{key}` is needed, as text: who answers for it, and why.")
    if type(entry.get("date")) is not dt.date:
        raise DataError(path, entry.line("date") or line, "`date` is needed, such as 2026-11-20.")
    if not isinstance(entry[head], str):
        raise DataError(path, line, f"`{head}` takes the id of a rule: <guideline>/<rule>.")
    return Local(entry[head], what, entry["author"].strip(), entry["date"], entry["reason"].strip())


def _changed(rule: Criterion, entry: Lines, mark: Local, path: Path, library: Library) -> Criterion:
    if not CHANGES & set(entry):
        raise DataError(path, entry.line("change"), f"a change has {', '.join(sorted(CHANGES))}, or several of them.")
    reader = Reader(path, library.vocabulary)
    if "studies" in entry:
        if not entry["studies"]:
            raise DataError(path, entry.line("studies"), "`studies` is empty; use `silence` to take a rule out.")
        rule = replace(rule, studies=select(entry["studies"], library.catalogue, reader.fault, entry.line("studies")))
    if "message" in entry:
        message = entry["message"]
        if not isinstance(message, str) or not 0 < len(message) <= MESSAGE:
            raise DataError(path, entry.line("message"), f"`message` is text of at most {MESSAGE} characters.")
        rule = replace(rule, message=message)
    for leaf in _thresholds(entry, reader):
        rule = _with_threshold(rule, leaf, path)
    return replace(rule, local=mark)


def _thresholds(entry: Lines, reader: Reader) -> Iterator[Leaf]:
    raw = entry.get("thresholds", [])
    if not isinstance(raw, list):
        raise reader.fault(entry.line("thresholds"), "`thresholds` is a list of comparisons, as in a rule.")
    for item in raw:
        leaf = reader.read(item, entry.line("thresholds"))
        if not isinstance(leaf, Leaf) or leaf.operator not in NUMERIC:
            raise reader.fault(
                entry.line("thresholds"),
                "a threshold is {fact: ..., at_least: {2026-12-01: 4}, unit: ...}, with the rule's own comparison.",
            )
        yield leaf


def _with_threshold(rule: Criterion, new: Leaf, path: Path) -> Criterion:
    parts: dict[str, Any] = {p: getattr(rule, p) for p in ("when", "unless", "trigger")}
    known = [n for part in parts.values() if part is not None for n in leaves(part)]
    found = {n.values for n in known if (n.fact, n.operator) == (new.fact, new.operator)}
    if len(found) != 1:
        compared = sorted({f"{n.fact} {n.operator}" for n in known if n.operator in NUMERIC})
        raise DataError(
            path,
            new.line,
            f"`{rule.id}` compares `{new.fact}` with `{new.operator}` {'several times' if found else 'nowhere'};"
            f" it has {', '.join(compared) or 'no thresholds'}.",
        )
    changed: dict[str, Any] = {name: _replaced(node, new) for name, node in parts.items() if node is not None}
    return replace(rule, **changed)


def _replaced(node: Node, new: Leaf) -> Node:
    """The condition with the new values from their first day on; what held before goes on holding until then."""
    if isinstance(node, Leaf):
        if (node.fact, node.operator) != (new.fact, new.operator):
            return node
        first = new.values[0][0]
        before = tuple(v for v in node.values if first is not None and (v[0] is None or v[0] < first))
        return replace(node, values=(*before, *new.values))
    if isinstance(node, Not):
        return replace(node, child=_replaced(node.child, new))
    if isinstance(node, All | Any_ | AtLeast):
        return replace(node, children=tuple(_replaced(c, new) for c in node.children))
    return node


def _added(entry: Lines, mark: Local, path: Path, library: Library) -> Criterion:
    guideline, _, name = mark.criterion.partition("/")
    if guideline not in library.guidelines or not name:
        known = near(guideline, library.guidelines)
        raise DataError(path, entry.line("add"), f"write `<guideline>/<rule>`; `{guideline}` is no guideline.{known}")
    rule = entry.get("rule")
    if not isinstance(rule, Lines):
        raise DataError(path, entry.line("rule") or entry.line("add"), "`rule` holds the rule, as in a rule file.")
    for key, value in (("covers", []), ("reviewed", mark.date), ("owner", mark.author)):
        rule.setdefault(key, value)
    if rule["covers"]:
        raise DataError(path, rule.line("covers"), "a local rule covers no row of the guideline's index.")
    reader = Reader(path, library.vocabulary, library.shared[guideline])
    start = library.guidelines[guideline].start
    read = read_criterion(path, guideline, library.catalogue, reader, library.indications, start, rule, name)
    return replace(read, local=mark)
