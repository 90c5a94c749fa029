"""Text for cards: GitHub Flavored Markdown without HTML, in which data stays data."""

from __future__ import annotations

import re
import unicodedata

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKS = re.compile(r"([\\`*_\[\]|~])")


def plain(text: str, limit: int = 500) -> str:
    """One line of printable text, at most ``limit`` characters; for summaries and labels."""
    line = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    line = re.sub(r"\s+", " ", line).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def escape(text: str, limit: int = 500) -> str:
    """``text`` so that Markdown shows it as it is: no tags, emphasis, links, tables or automatic links."""
    line = plain(text, limit)
    line = "".join(_ENTITIES.get(c, c) for c in line)
    line = _MARKS.sub(r"\\\1", line)
    line = line.replace("://", "&#58;//").replace("@", "&#64;")
    line = re.sub(r"(?i)\bwww\.", lambda m: m[0][:-1] + "&#46;", line)
    line = re.sub(r"^(#+|[-+=]+|\d+[.)])(?=\s|$)", lambda m: m[1][:-1] + f"&#{ord(m[1][-1])};", line)
    return line


def bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
