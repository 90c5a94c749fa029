"""From FHIR resources to orders and guideline facts: what the criteria judge."""

from mappings.codings import watch_aliases
from mappings.coverage import Insurance, insurances, policy_ids
from mappings.gather import Chart
from mappings.lean import lean_types, read_in_full
from mappings.orders import read_orders
from mappings.queries import QUERIES, Query
from mappings.records import Records, SetAside, read_records
from mappings.wider import widened_by

__all__ = [
    "QUERIES",
    "Chart",
    "Insurance",
    "Query",
    "Records",
    "SetAside",
    "insurances",
    "lean_types",
    "policy_ids",
    "read_in_full",
    "read_orders",
    "read_records",
    "watch_aliases",
    "widened_by",
]
