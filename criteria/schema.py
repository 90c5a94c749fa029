"""criteria/schema.json: what an editor needs to complete and check rule files while they are written.

Made from the keys that the reader itself knows, by `imaging-cds schema`. The reader checks harder; this is for speed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, get_args

from criteria.cases import CASE_KEYS, EXPECT_KEYS, TRUTHS
from criteria.criterion import KEYS, NEEDED, SELECTORS, Kind
from criteria.library import HERE
from criteria.logic import NUMERIC, SIGNS
from criteria.ratings import Rating
from criteria.vocabulary import load_vocabulary

SCHEMA = HERE / "schema.json"
Json = dict[str, Any]
TEXT: Json = {"type": "string"}
FLAG: Json = {"type": "boolean"}
DAY: Json = {"type": "string", "format": "date"}
TEXTS: Json = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
STUDY: Json = {"anyOf": [TEXT, {"type": "object", "propertyNames": {"enum": sorted(SELECTORS)}, "minProperties": 1}]}
STUDIES: Json = {"anyOf": [STUDY, {"type": "array", "items": STUDY, "minItems": 1}]}
CONDITION: Json = {"$ref": "#/$defs/condition"}
CONDITIONS: Json = {"type": "array", "items": CONDITION, "minItems": 1}
DATED: Json = {"type": "object", "patternProperties": {r"^\d{4}-\d{2}-\d{2}$": {"type": "number"}}, "minProperties": 1}


def _closed(properties: Json, required: Iterable[str] = ()) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(required),
        "additionalProperties": False,
    }


AGES = _closed({"age_years": _closed({"at_least": {"type": "integer"}, "at_most": {"type": "integer"}})}, ["age_years"])
OF_A_RULE: Json = {
    "title": TEXT,
    "kind": {"enum": list(get_args(Kind))},
    "studies": STUDIES,
    "indications": TEXTS,
    "trigger": CONDITION,
    "once": CONDITION,
    "population": AGES,
    "in_force": _closed({"from": DAY, "to": DAY}),
    "reference": _closed({"section": TEXT}, ["section"]),
    "covers": TEXTS,
    "when": {"anyOf": [{"const": "always"}, CONDITION]},
    "unless": CONDITION,
    "rank": {"type": "integer", "minimum": 1},
    "suggest": STUDIES,
    "offers": {"anyOf": [STUDY, {"type": "array", "items": STUDY}]},
    "message": {"type": "string", "maxLength": 200},
    "binds": TEXTS,
    "spares": TEXTS,
    "pair": _closed({"with": STUDIES, "same_region": FLAG}, ["with"]),
    "refuses": {"enum": ["later", "this"]},
    "critical": FLAG,
    "overrides": FLAG,
    "reviewed": DAY,
    "owner": TEXT,
    "rates": FLAG,
}


def schema() -> Json:
    """The schema of a rule file; `$defs/cases` is that of the cases beside it. A key without a shape is an error."""
    if set(OF_A_RULE) != KEYS:
        raise KeyError(f"give these keys of a rule a shape: {sorted(set(OF_A_RULE) ^ KEYS)}")
    facts = sorted(load_vocabulary().facts)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A rule of imaging-cds",
        **_closed(OF_A_RULE, NEEDED),
        "$defs": {"fact": {"enum": facts}, "condition": _condition(), "cases": _cases()},
    }


def _condition() -> Json:
    marks = {"says": TEXT, "covers": TEXTS, "missing": {"enum": ["bar", "note"]}, "turns": FLAG}
    value = {"type": ["boolean", "number", "string"]}
    operators: Json = {
        name: DATED if name in NUMERIC else {"type": "array", "items": value, "minItems": 1} if name == "in" else value
        for name in SIGNS.values()
    }
    some = {"of": CONDITIONS, "at_least": {"type": "integer", "minimum": 1}}
    return {
        "anyOf": [
            TEXT,
            CONDITIONS,
            *(_closed({head: CONDITIONS, **marks}, [head]) for head in ("all", "any")),
            _closed({**some, **marks}, some),
            _closed({"not": CONDITION, **marks}, ["not"]),
            _closed({"define": TEXT, **marks}, ["define"]),
            _closed({"fact": {"$ref": "#/$defs/fact"}, "unit": TEXT, **operators, **marks}, ["fact"]),
        ]
    }


def _cases() -> Json:
    names: Json = {"type": "array", "items": {"$ref": "#/$defs/fact"}}
    values: Json = {"type": "object", "propertyNames": {"$ref": "#/$defs/fact"}}
    ratings: Json = {"enum": [r.value for r in Rating]}
    expect = {"rule": {"enum": list(TRUTHS)}, "rating": ratings, "provisional": FLAG}
    expect |= dict.fromkeys(("asks", "asks_none_of", "presumes"), names)
    expect |= {key: {"type": "array", "items": TEXT} for key in sorted(EXPECT_KEYS - set(expect))}
    keys = {
        "name": TEXT, "study": TEXT, "indications": {"type": "array", "items": TEXT}, "facts": values,
        "unsearched": names, "age": {"type": "integer", "minimum": 0}, "on": DAY, "policy": TEXT,
        "each": {"type": "array", "items": values, "minItems": 1},
        "expect": {"anyOf": [ratings, _closed(expect)]},
    }  # fmt: skip
    keys |= {key: {"type": "array", "items": STUDY} for key in sorted(CASE_KEYS - set(keys))}
    return {
        "type": "array",
        "items": {"anyOf": [_closed({"base": values}, ["base"]), _closed(keys, ["name", "expect"])]},
    }


def schema_text() -> str:
    """criteria/schema.json as it should be."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
