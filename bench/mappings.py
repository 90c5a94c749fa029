"""How long it takes to read a chart of a thousand resources into facts, and one order.

python bench/mappings.py [--rounds N]

Each stage is told as the median of all rounds, as the median of those in which no neighbour shared the core
(bench/quiet.py), and as the best; ``cpu`` is the best by the processor's time alone. All facts are gathered, whatever
of them the criteria ask for. The floor beside it parses the chart with orjson and looks at the type, patient and code
of each resource, and does nothing with them, so that figures from different machines can be compared. The chart is
read anew from its JSON in every round, as the service reads it: of the rounds before only what codes and names mean is
still known, as in a service that has read other charts. The garbage collector is set as in the service.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import orjson

sys.path.insert(0, str(Path(__file__).parent.parent))

import mappings
from bench.chart import made_chart, made_order
from bench.quiet import quiet_rounds
from criteria.catalogue import load_studies
from hooks.prefetch import read_prefetch
from mappings import QUERIES
from service.fhir import lean
from service.memory import settle_memory

Made = TypeVar("Made")
SECONDS = 30.0
"""How long it waits for quiet rounds."""
FURTHER = 20
"""Studies that the chart is read for beside the ordered one: alternatives are judged too."""


class Took(NamedTuple):
    """Seconds by the clock, and of the processor."""

    clock: float = 0.0
    cpu: float = 0.0


def seconds(work: Callable[[], Made]) -> tuple[Took, Made]:
    start, began = time.perf_counter(), time.process_time()
    done = work()
    return Took(time.perf_counter() - start, time.process_time() - began), done


def floor(texts: list[bytes]) -> int:
    """The chart parsed, and one look at type, patient and code of each resource."""
    seen = 0
    for resource in (entry["resource"] for text in texts for entry in orjson.loads(text)["entry"]):
        subject = resource.get("subject") or resource.get("patient") or {}
        if resource["resourceType"] and subject.get("reference"):
            seen += sum(1 for c in (resource.get("code") or {}).get("coding", ()) if c.get("system") and c.get("code"))
    return seen


def from_json(texts: dict[str, msgspec.Raw], patient: Any, today: dt.date, drafts: list[Any]) -> list[Any]:
    """What the service reads of the chart."""
    held = read_prefetch(texts, texts, lean())
    resources = [patient, *(resource for state in held.values() for resource in state.resources)]
    return mappings.read_in_full(resources, "bench", today, drafts)


def one_round(texts: dict[str, bytes], patient: Any, order_text: str, today: dt.date) -> dict[str, Took]:
    draft = json.loads(order_text)
    took: dict[str, Took] = {}
    took["floor: parsed, one look at each"], _ = seconds(lambda: floor(list(texts.values())))
    raw = {key: msgspec.Raw(text) for key, text in texts.items()}
    took["out of its JSON"], resources = seconds(lambda: from_json(raw, patient, today, [draft]))
    took["read_records"], records = seconds(lambda: mappings.read_records(resources, "bench"))
    took["read one order"], orders = seconds(lambda: mappings.read_orders([draft], records))
    order, study = orders[0], orders[0].study
    if study is None:
        raise ValueError("the order was not recognised")
    took["Chart(...)"], chart = seconds(lambda: mappings.Chart(records, orders, today, drafts=[draft]))
    took["facts of the ordered study"], _ = seconds(lambda: chart.facts(order, study))
    others = [s for s in load_studies().studies.values() if s.cpt and s.id != study.id]
    further = others[:: len(others) // FURTHER][:FURTHER]
    took[f"facts of {FURTHER} further studies"], _ = seconds(lambda: [chart.facts(order, s) for s in further])
    chart_alone = ("read_records", "Chart(...)", "facts of the ordered study")
    took["chart into facts, JSON apart"] = Took(*map(sum, zip(*(took[stage] for stage in chart_alone), strict=True)))
    both = ("out of its JSON", "chart into facts, JSON apart")
    took["chart into facts, in all"] = Took(*map(sum, zip(*(took[stage] for stage in both), strict=True)))
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    today = dt.date.today()
    chart, order = made_chart(today), json.dumps(made_order(today))
    kinds = {key: [r for r in chart if r["resourceType"] == query.type] for key, query in QUERIES.items()}
    texts = {
        key: orjson.dumps({"resourceType": "Bundle", "entry": [{"resource": r} for r in held]})
        for key, held in kinds.items()
        if key != "patient"
    }
    first = one_round(texts, chart[0], order, today)
    settle_memory()
    took, quiet = quiet_rounds(lambda: one_round(texts, chart[0], order, today), rounds, SECONDS)
    base = min(t["floor: parsed, one look at each"].clock for t in took)
    print(
        f"a chart of {len(chart)} resources, {sum(map(len, texts.values())) // 1000} kB,"
        f" {len(took)} rounds, {len(quiet)} of them quiet; ms"
    )
    print(f"{'':32}{'median':>9}{'quiet':>9}{'best':>9}{'cpu':>9}{'first':>9}  best to floor")
    for stage, once in first.items():
        times = [t[stage].clock for t in took]
        median, alone = statistics.median(times), statistics.median(t[stage].clock for t in quiet or took)
        best, cpu = min(times), min(t[stage].cpu for t in took)
        print(
            f"{stage:32}{1000 * median:9.3f}{1000 * alone:9.3f}{1000 * best:9.3f}{1000 * cpu:9.3f}"
            f"{1000 * once.clock:9.1f}{best / base:10.2f}"
        )


if __name__ == "__main__":
    main()
