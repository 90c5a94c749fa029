"""Text for cards: GitHub Flavored Markdown without HTML, in which data stays data."""

from __future__ import annotations

import re
import unicodedata

_SHOWN = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", **{c: f"\\{c}" for c in "\\`*_[]|~"}})
_LINK = re.compile(r"(?i)\bwww\.")
_BLOCK = re.compile(r"^(#+|[-+=]+|\d+[.)])(?=\s|$)")


def plain(text: str, limit: int = 500) -> str:
    """One line of printable text, at most ``limit`` characters; for summaries and labels."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def escape(text: str, limit: int = 500) -> str:
    """``text`` so that Markdown shows it as it is: no tags, emphasis, links, tables or automatic links."""
    line = plain(text, limit).translate(_SHOWN).replace("://", "&#58;//")
    line = _LINK.sub(lambda m: m[0][:-1] + "&#46;", line)
    return _BLOCK.sub(lambda m: m[1][:-1] + f"&#{ord(m[1][-1])};", line)


def bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
