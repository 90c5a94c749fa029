"""The walk goes one way: criteria <- mappings, criteria <- hooks, and service imports them all."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STANDARD = sys.stdlib_module_names
ALLOWED = {
    "criteria": {"criteria", "yaml", "pydantic", "msgspec"},
    "mappings": {"mappings", "criteria", "yaml", "pydantic", "msgspec", "orjson"},
    "hooks": {"hooks", "criteria", "yaml", "pydantic", "fhir", "msgspec", "orjson"},
    "service": {
        "service", "hooks", "mappings", "criteria", "yaml", "pydantic",
        "alembic", "authlib", "click", "cryptography", "flask", "gunicorn", "joserfc", "jwt", "limits", "markupsafe",
        "msgspec", "opentelemetry", "orjson", "prometheus_client", "sqlalchemy", "structlog", "urllib3", "werkzeug",
        "distributed", "matplotlib", "pyarrow", "tqdm",
    },
}  # fmt: skip
CALLS = {
    "requests", "urllib3", "httpx", "aiohttp", "http", "urllib.request", "socket", "ssl", "ftplib", "smtplib",
    "authlib.integrations",
}  # fmt: skip
"""What can call another machine."""
CALLERS = {
    "service/outgoing.py": {"urllib3", "http", "socket", "ssl"},
    "service/addresses.py": {"socket"},
    "service/journal/database.py": {"socket"},
    "service/demo.py": {"socket"},
    "service/starting.py": {"socket"},
}
"""The one client, names, free ports, and the journal's database. Everything else calls through the client."""
OUTWARD = {"socket", "http", "urllib.request", "asyncio", "ssl"}
"""Standard modules that talk to a network: for service only."""


def imports(file: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}:{node.lineno}: imports are absolute"
            yield node.module or "", node.lineno


def faults(folder: str, file: Path) -> list[str]:
    out = []
    for name, line in imports(file):
        top = name.partition(".")[0]
        allowed = top in ALLOWED[folder] or top in STANDARD
        outward = folder != "service" and (name in OUTWARD or top in OUTWARD)
        if not allowed or outward:
            out.append(f"{file.relative_to(file.parents[1])}:{line} imports {name}")
    return out


@pytest.mark.parametrize("folder", ALLOWED)
def test_imports_go_one_way(folder: str) -> None:
    found = [fault for file in sorted((ROOT / folder).rglob("*.py")) for fault in faults(folder, file)]
    assert found == []


def test_the_test_can_fail(tmp_path: Path) -> None:
    file = tmp_path / "criteria" / "bad.py"
    file.parent.mkdir()
    file.write_text("import flask\nfrom mappings import x\nimport urllib.request\nimport json\n")
    assert len(faults("criteria", file)) == 3


def test_every_call_of_the_service_goes_through_its_one_client() -> None:
    found = {
        (str(file.relative_to(ROOT)), module)
        for file in sorted((ROOT / "service").rglob("*.py"))
        for name, _ in imports(file)
        for module in CALLS
        if name == module or name.startswith(f"{module}.")
    }
    assert found == {(file, module) for file, modules in CALLERS.items() for module in modules}


def test_nobody_reads_the_clock_below_the_service() -> None:
    found = [
        f"{folder}/{file.name}:{node.lineno}"
        for folder in ("criteria", "mappings", "hooks")
        for file in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("today", "now", "utcnow")
        and isinstance(node.value, ast.Attribute | ast.Name)
        and getattr(node.value, "attr", getattr(node.value, "id", "")) in ("date", "datetime", "dt")
    ]  # fmt: skip
    assert found == []


def test_no_module_is_longer_than_400_lines() -> None:
    long = [
        f"{file.relative_to(ROOT)}: {n}"
        for folder in ALLOWED
        for file in sorted((ROOT / folder).rglob("*.py"))
        if (n := len(file.read_text(encoding="utf-8").splitlines())) > 400
    ]
    assert long == []


def test_the_factory_stays_a_table_of_contents() -> None:
    assert len((ROOT / "service" / "app.py").read_text(encoding="utf-8").splitlines()) < 60
