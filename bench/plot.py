"""Draw what `bench/server.py --out` and `bench/stages.py --out` measured: bench/hook.svg. Needs matplotlib.

python bench/plot.py SERVER.json STAGES.json [FILE.svg]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from matplotlib.figure import Figure

SERVERS = {"floor": "#9aa5b1", "service": "#1f5fa8"}
STAGES = ("parse", "validate", "read", "facts", "judge", "compose")
SHADES = ("#c6d3e1", "#9db4cd", "#6f93b8", "#4674a3", "#24558a", "#0f3a6b")


def main(server: str, stages: str, out: str = str(Path(__file__).parent / "hook.svg")) -> None:
    whole, parts = json.loads(Path(server).read_text()), json.loads(Path(stages).read_text())
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    places = range(len(whole))
    for shift, (name, colour) in zip((-0.2, 0.2), SERVERS.items(), strict=True):
        bars = left.bar([p + shift for p in places], [row[name]["p50"] for row in whole], 0.4, label=name, color=colour)
        left.bar_label(bars, fmt="%.2g", fontsize=8)
    left.set(yscale="log", ylabel="ms, median, one caller", title="whole server over HTTP")
    left.set_xticks(list(places), [f"{row['resources']:,} resources" for row in whole], fontsize=8)
    left.legend(frameon=False)
    medians = [row for row in parts if row["of"] == "median"]
    below = [0.0] * len(medians)
    for stage, shade in zip(STAGES, SHADES, strict=True):
        shares = [100 * row["ms"][stage] / row["ms"]["in all"] for row in medians]
        right.bar(range(len(medians)), shares, bottom=below, label=stage, color=shade)
        below = [b + s for b, s in zip(below, shares, strict=True)]
    right.set(ylabel="% of the processor's time", title="where it goes, in process")
    right.set_xticks(range(len(medians)), [f"{row['resources']:,}" for row in medians], fontsize=8)
    right.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
