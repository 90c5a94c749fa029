"""How long the criteria take: to read all guidelines, and to judge one order against all of them.

python bench/criteria.py [--orders N]

Each figure stands beside a floor, so that figures from different machines can be compared: reading against parsing the
same YAML text and doing nothing with it; judging against judging the same order by a library without rules. The orders
are those of the cases beside the rules: realistic charts, every study and indication that a rule speaks of. The garbage
collector is set as in the service. "quiet" is the median of the rounds in which no neighbour shared the core.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.quiet import quiet_rounds
from criteria import Library, judge, load_library
from criteria.cases import Posed, cases_of
from criteria.library import HERE
from criteria.select import book
from service.memory import settle_memory

ROUNDS = 3
SECONDS = 60.0
"""How long it waits for quiet rounds (bench/quiet.py)."""


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def quantile(times: Sequence[float], part: float) -> float:
    return sorted(times)[int(len(times) * part)]


def parse_all() -> None:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in HERE.rglob("*.yaml"):
        if not path.name.endswith(".test.yaml"):
            yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506 - a safe loader


def some_orders(library: Library, count: int) -> list[Posed]:
    cases = [case for criterion in library.criteria for case in cases_of(criterion, library)]
    return [Posed(case, library) for case in cases[:: max(1, len(cases) // count)]][:count]


def judged(orders: Sequence[Posed], library: Library, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds, one order after the other, of all rounds and of the quiet ones; facts and the day's index are ready."""
    for posed in orders:
        posed.verdict(book(library, posed.case.on))  # makes the facts of all studies considered
    turn = itertools.cycle(orders)

    def one() -> float:
        posed = next(turn)
        case = posed.case
        return seconds(
            lambda: judge(
                posed.orders, posed.facts, library, case.on, policy=posed.policy, focus={posed.order.reference}
            )
        )

    return quiet_rounds(one, rounds, SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=300)
    count = parser.parse_args().orders
    load = min(seconds(load_library) for _ in range(ROUNDS))
    parse = min(seconds(parse_all) for _ in range(ROUNDS))
    library = load_library()
    print(f"{len(library.criteria)} rules, {len(library.guidelines)} guidelines")
    print(f"load all guidelines       {load:8.3f} s   parsing alone {parse:8.3f} s   ratio {load / parse:6.1f}")
    day = some_orders(library, 1)[0].case.on
    index = min(seconds(lambda: book.__wrapped__(library, day)) for _ in range(ROUNDS))
    print(f"index them for a day      {index:8.3f} s")
    orders = some_orders(library, count)
    empty = replace(library, criteria=())
    settle_memory()
    times, quiet = judged(orders, library, ROUNDS * len(orders))
    bare, floor = judged(orders, empty, len(orders))
    print(f"judge one order           {'median':>9}{'quiet':>9}{'9 of 10':>9}{'longest':>9}  ms; without rules, ratio")
    middle, least = statistics.median(quiet or times), statistics.median(floor or bare)
    figures = (statistics.median(times), middle, quantile(quiet or times, 0.9), max(quiet or times))
    print(
        f"{len(times):6} times, {len(quiet):5} quiet" + "".join(f"{1000 * figure:9.3f}" for figure in figures)
        + f"  {1000 * least:.3f}, {middle / least:.1f}"
    )  # fmt: skip


if __name__ == "__main__":
    main()
