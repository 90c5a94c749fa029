"""criteria/schema.json serves editors; it is made from the keys that the reader knows, and stays so."""

from __future__ import annotations

from click.testing import CliRunner

from criteria.cases import CASE_KEYS, EXPECT_KEYS
from criteria.criterion import KEYS, NEEDED
from criteria.logic import CONNECTIVES, REMARKS, SIGNS
from criteria.schema import SCHEMA, schema, schema_text
from service.cli import main


def test_the_file_is_what_the_command_prints() -> None:
    """Mend it with `imaging-cds schema > criteria/schema.json`."""
    assert SCHEMA.read_text(encoding="utf-8") == schema_text() == CliRunner().invoke(main, ["schema"]).stdout


def test_it_knows_every_key_of_a_rule_a_condition_and_a_case() -> None:
    made = schema()
    assert (set(made["properties"]), set(made["required"])) == (KEYS, NEEDED)
    shapes = [s["properties"] for s in made["$defs"]["condition"]["anyOf"] if "properties" in s]
    assert set().union(*shapes) == {*CONNECTIVES, *SIGNS.values(), *REMARKS, "unit"}
    case = made["$defs"]["cases"]["items"]["anyOf"][1]["properties"]
    assert set(case) == CASE_KEYS
    assert set(case["expect"]["anyOf"][1]["properties"]) == EXPECT_KEYS
