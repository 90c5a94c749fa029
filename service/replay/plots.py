"""Pictures of the sums, as SVG; the same sums make the same bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from service.replay.tables import EXTRA, Lacking

COLOURS = {
    "appropriate": "#1b7f4d", "not-appropriate": "#b3362b", "needs-information": "#d59a1e",
    "no-criteria-apply": "#8a8f98",
}  # fmt: skip
OTHER = "#2b5f9e"
Counts = Mapping[str, Mapping[str, int]]


def _figure(height: float) -> Any:
    try:
        from matplotlib import rcParams
        from matplotlib.figure import Figure
    except ImportError:
        raise Lacking(f"Plots need matplotlib: {EXTRA}.") from None
    rcParams["svg.hashsalt"] = "imaging-cds"
    rcParams["svg.fonttype"] = "none"
    return Figure(figsize=(8, height), layout="constrained")


def stacked(groups: Counts, of: Sequence[str], title: str, path: Path) -> str:
    """A bar for each group, in shares of its orders, coloured by rating."""
    figure = _figure(1.4 + 0.32 * len(groups))
    axes = figure.subplots()
    names = [f"{name} ({sum(counts.values()):,})" for name, counts in groups.items()]
    left = [0.0] * len(groups)
    for part in of:
        wide = [100 * counts.get(part, 0) / max(1, sum(counts.values())) for counts in groups.values()]
        axes.barh(names, wide, left=left, color=COLOURS.get(part, OTHER), label=part)
        left = [a + b for a, b in zip(left, wide, strict=True)]
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("per cent of orders")
    axes.set_title(title)
    figure.legend(loc="outside lower center", ncols=len(of), frameon=False)
    return _svg(figure, path)


def bars(counts: Mapping[str, float], title: str, label: str, path: Path) -> str:
    figure = _figure(1.2 + 0.28 * len(counts))
    axes = figure.subplots()
    axes.barh(list(counts), list(counts.values()), color=OTHER)
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.set_title(title)
    return _svg(figure, path)


def _svg(figure: Any, path: Path) -> str:
    """Kept as a file, and given back to stand in a page."""
    held = io.StringIO()
    figure.savefig(held, format="svg", metadata={"Date": None})
    text = re.sub(r"[ \t]+\n", "\n", held.getvalue())
    path.write_text(text, encoding="utf-8")
    return text[text.index("<svg") :]
