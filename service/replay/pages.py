"""A report written once, as a page for the browser and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.7rem } h2 { font-size: 1.25rem; margin-top: 2rem }
table { border-collapse: collapse; margin: 1rem 0 } caption { text-align: left; font-weight: 600; padding: .3rem 0 }
th, td { border-bottom: 1px solid #ccc; padding: .3rem .7rem; text-align: left; vertical-align: top }
td.n { text-align: right; font-variant-numeric: tabular-nums } svg { max-width: 100%; height: auto }
.warning { border-left: .4rem solid #b3362b; background: #fdf1ef; padding: .5rem 1rem; margin: 1rem 0 }
"""
Cell = str | int | float


@dataclass
class Page:
    """Blocks in their order; every text is plain text."""

    title: str
    html: list[str] = field(default_factory=list)
    markdown: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        self.html.append(f"<h2>{escape(text)}</h2>")
        self.markdown += [f"## {text}", ""]

    def text(self, text: str) -> None:
        self.html.append(f"<p>{escape(text)}</p>")
        self.markdown += [_plain(text), ""]

    def warning(self, lines: Sequence[str]) -> None:
        """What nobody may miss, where there is anything."""
        if lines:
            told = "".join(f"<p>{escape(line)}</p>" for line in lines)
            self.html.append(f'<div class="warning" role="alert"><p><strong>Warning</strong></p>{told}</div>')
            self.markdown += [*(f"> **Warning:** {_plain(line)}" for line in lines), ""]

    def points(self, lines: Sequence[str]) -> None:
        self.html.append("<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>")
        self.markdown += [*(f"- {_plain(line)}" for line in lines), ""]

    def table(self, caption: str, head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        if not rows:
            return
        first = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
        body = "".join("<tr>" + "".join(_cell(c) for c in row) + "</tr>\n" for row in rows)
        self.html.append(
            f"<table><caption>{escape(caption)}</caption><thead><tr>{first}</tr></thead>\n<tbody>{body}</tbody></table>"
        )
        self.markdown += [f"**{caption}**", "", _row(head), _row(["---"] * len(head)), *map(_row, rows), ""]

    def picture(self, svg: str, says: str, name: str) -> None:
        """``says`` is what the picture shows, for those who cannot see it."""
        self.html.append(f'<figure role="img" aria-label="{escape(says)}">{svg}</figure>')
        self.markdown += [f"![{says}]({name})", ""]

    def write(self, folder: Path, name: str) -> None:
        title, body = escape(self.title), "\n".join(self.html)
        html = (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{STYLE}</style></head>\n<body><main><h1>{title}</h1>\n{body}\n</main></body></html>\n"
        )
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
        (folder / f"{name}.md").write_text("\n".join([f"# {self.title}", "", *self.markdown]), encoding="utf-8")


def _cell(value: Cell) -> str:
    return f'<td class="n">{shown(value)}</td>' if isinstance(value, int | float) else f"<td>{escape(value)}</td>"


def shown(value: Cell) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.1f}" if isinstance(value, float) else value


def _row(cells: Sequence[Cell]) -> str:
    return "| " + " | ".join(_plain(shown(c)).replace("|", "\\|") for c in cells) + " |"


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;")
