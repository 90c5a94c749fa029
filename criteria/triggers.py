"""A trigger as it is for one study: what the catalogue says of the study is put in, once for all orders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace

from criteria.evaluate import COMPARE
from criteria.logic import ALWAYS, All, Any_, Leaf, Node
from criteria.studies import Study

OF_CATALOGUE: Mapping[str, Callable[[Study], str]] = {
    "order.modality": lambda study: study.modality,
    "order.procedure_type": lambda study: study.procedure_type,
}
"""Facts that follow from the study alone, unless the order or the clinician says otherwise."""
NEVER = Any_(())


def settled_for(study: Study, node: Node, on: dt.date) -> Node:
    """The condition without the comparisons that the catalogue settles; itself where there are none."""
    if node.turns or node.missing:
        return node
    if isinstance(node, Leaf):
        if node.fact not in OF_CATALOGUE:
            return node
        held = study.states.get(node.fact, OF_CATALOGUE[node.fact](study))
        return ALWAYS if COMPARE[node.operator](held, node.value(on)) else NEVER
    if not isinstance(node, All | Any_):
        return node
    parts = tuple(settled_for(study, child, on) for child in node.children)
    settling, idle = (NEVER, ALWAYS) if isinstance(node, All) else (ALWAYS, NEVER)
    if settling in parts:
        return settling
    if parts == node.children:
        return node
    return replace(node, children=tuple(p for p in parts if p is not idle))
