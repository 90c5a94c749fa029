"""How long the criteria take: to read all guidelines, and to judge one order against all of them.

python bench/criteria.py [--orders N]

Each figure stands beside a floor, so that figures from different machines can be compared: reading against parsing the
same YAML text and doing nothing with it; judging against judging the same order by a library without rules. The orders
are those of the cases beside the rules: realistic charts, every study and indication that a rule speaks of. The garbage
collector is set as in the service.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))

from criteria import Library, judge, load_library
from criteria.cases import Posed, cases_of
from criteria.library import HERE
from criteria.select import book
from service.memory import settle_memory

ROUNDS = 3


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def parse_all() -> None:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in HERE.rglob("*.yaml"):
        if not path.name.endswith(".test.yaml"):
            yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506 - a safe loader


def some_orders(library: Library, count: int) -> list[Posed]:
    cases = [case for criterion in library.criteria for case in cases_of(criterion, library)]
    return [Posed(case, library) for case in cases[:: max(1, len(cases) // count)]][:count]


def judged(orders: Sequence[Posed], library: Library) -> list[float]:
    """Seconds for each order; the facts are made before, and the index of the day too."""
    out = []
    for posed in orders:
        book(library, posed.case.on)
        posed.verdict(book(library, posed.case.on))  # makes the facts of all studies considered
        out.append(
            min(
                seconds(
                    lambda posed=posed: judge(  # type: ignore[misc]
                        posed.orders, posed.facts, library, posed.case.on,
                        policy=posed.policy, focus={posed.order.reference},
                    )
                )
                for _ in range(ROUNDS)
            )
        )  # fmt: skip
    return out


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
    times, floor = sorted(judged(orders, library)), statistics.median(judged(orders, empty))
    median, ninth = statistics.median(times), times[int(len(times) * 0.9)]
    print(
        f"judge one order, median   {1000 * median:8.3f} ms  without rules {1000 * floor:8.3f} ms"
        f"  ratio {median / floor:6.1f}   ({len(times)} orders, 9 of 10 under {1000 * ninth:.1f} ms,"
        f" longest {1000 * times[-1]:.1f} ms)"
    )


if __name__ == "__main__":
    main()
