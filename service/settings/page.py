"""The settings as documentation."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from service.settings.table import PREFIX, Settings


def table() -> list[tuple[str, str, str]]:
    """(variable, default, help) of every setting, for the documentation and `imaging-cds settings`."""
    rows = []
    for name, field in Settings.model_fields.items():
        default: Any = field.default
        if isinstance(default, SecretStr) or default in ("", (), None):
            default = ""
        rows.append((PREFIX + name.upper(), str(default), field.description or ""))
    return rows


def settings_page() -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "Each is an environment variable; an unknown one with this prefix stops the start. Lists are comma-separated.",
        "Written by `imaging-cds settings --markdown > docs/settings.md`.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    lines += [f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |" for name, default, meaning in table()]
    return "\n".join(lines) + "\n"
