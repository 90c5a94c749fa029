"""Where the time of one hook goes, in this process, by the size of the chart.

python bench/stages.py [--sizes 1,50,1000,5000] [--rounds N] [--out FILE.json]

parse      bytes into a request; the chart is not touched but for where each part of it ends
validate   the request, and its order against FHIR R4
read       what is looked at of the chart, out of its JSON, and sorted
facts      everything that it says, and the facts for the ordered study
judge      the verdict, with the facts for each study that might be offered instead
compose    the answer, and its JSON

Milliseconds of the processor over four orders (bench/calls.py): the median of all rounds, the median of those in which
no neighbour shared the core (bench/quiet.py), and the best. The floor beside them parses the same bytes with orjson and
lets go of what it made.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

import orjson

sys.path.insert(0, str(Path(__file__).parent.parent))

import criteria
import hooks
import mappings
from bench.calls import ORDERS, SIZES, request
from bench.quiet import quiet_rounds
from hooks.body import read_body
from hooks.prefetch import read_prefetch
from service.clients import open_client
from service.fhir import lean
from service.memory import settle_memory
from service.parts import Parts, make_parts
from service.rehearsal import rehearse
from service.settings import read_settings

STAGES = ("parse", "validate", "read", "facts", "judge", "compose")
FLOOR = "floor"
COLUMNS = (FLOOR, *STAGES, "in all")
SECONDS = 1.0
"""How long it waits for quiet rounds of a size, for each round that is asked for."""
Took = dict[str, list[float]]


class Watch:
    """Adds what passed since it was last asked."""

    def __init__(self, took: Took) -> None:
        self.took, self.last = took, time.process_time()

    def end(self, stage: str) -> None:
        now = time.process_time()
        self.took[stage].append(1000 * (now - self.last))
        self.last = time.process_time()


def one_round(parts: Parts, text: bytes, today: dt.date, took: Took) -> None:
    """One hook, stage by stage: `service.decide` without what it keeps."""
    watch = Watch(took)
    parsed = orjson.loads(text)
    del parsed
    watch.end(FLOOR)
    body = read_body(text, lean())
    watch.end("parse")
    asked = hooks.read_request(body, {"order-sign"})
    watch.end("validate")
    held = read_prefetch(asked.prefetch, mappings.QUERIES, lean())
    whole = [resource for state in held.values() for resource in state.resources]
    records = mappings.read_records(mappings.read_in_full(whole, asked.patient_id, today, asked.drafts), "bench")
    watch.end("read")
    orders = mappings.read_orders(asked.drafts, records)
    chart = mappings.Chart(records, orders, today, drafts=asked.drafts)
    if orders[0].study is not None:
        chart.facts(orders[0], orders[0].study)
    watch.end("facts")
    library = parts.decision.library
    policy = library.policies.choose(mappings.policy_ids(records, (), today))
    verdicts = criteria.judge(chart.session, chart.facts, library, today, policy=policy, focus=asked.focus)
    watch.end("judge")
    client = open_client(None)
    answer = hooks.compose(
        verdicts, asked, library_view=parts.decision.view(policy), profile=client.profile.shows,
        site=parts.decision.site, keys=parts.decision.keys(client), orders=orders,
    )  # fmt: skip
    orjson.dumps(answer)
    watch.end("compose")


def measured(size: int, rounds: int, parts: Parts, today: dt.date) -> tuple[list[Took], list[Took]]:
    """All rounds, and the quiet ones, of the four orders."""
    texts = [request(kind, size, today) for kind in ORDERS]

    def one() -> Took:
        took: Took = defaultdict(list)
        for text in texts:
            one_round(parts, text, today, took)
        took["in all"] = [sum(each) for each in zip(*(took[stage] for stage in STAGES), strict=True)]
        return took

    for _ in range(2):  # the first rounds learn what codes and names mean
        one()
    return quiet_rounds(one, rounds, rounds * SECONDS)


def together(rounds: list[Took]) -> Took:
    """The times of several rounds, stage by stage."""
    return {stage: [time for took in rounds for time in took[stage]] for stage in COLUMNS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    today = dt.date.today()
    parts = make_parts(read_settings({}, open=True, database_url="sqlite://"))
    rehearse(parts)
    settle_memory()
    print(f"{'resources':>9}{'':10}" + "".join(f"{name:>10}" for name in COLUMNS) + "  to floor")
    results = []
    for size in map(int, asked.sizes.split(",")):
        rounds, quiet = measured(size, asked.rounds, parts, today)
        for name, of, took in (
            ("median", statistics.median, together(rounds)),
            ("quiet", statistics.median, together(quiet or rounds)),
            ("best", min, together(rounds)),
        ):
            row = {stage: of(took[stage]) for stage in COLUMNS}
            ratio = row["in all"] / row[FLOOR]
            print(f"{size:9}{name:>10}" + "".join(f"{row[stage]:10.3f}" for stage in COLUMNS) + f"{ratio:10.2f}")
            results.append({"resources": size, "of": name, "ms": row, "to_floor": ratio})
    if asked.out:
        asked.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
