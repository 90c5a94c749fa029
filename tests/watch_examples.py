"""Applications whose figures are looked at: open, or closed with a trust table of one tenant."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from flask.testing import FlaskClient

from tests.service_examples import make_app, parts_of
from tests.test_trust import public

Make = Callable[..., FlaskClient]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """make(closed=True, **settings): a client of an application of its own, on one journal."""
    apps: list[Flask] = []

    def made(closed: bool = False, **settings: Any) -> FlaskClient:
        if closed:
            row = {"issuer": "https://ehr.example.org", "tenant": "hospital",
                   "keys": [public(ec.generate_private_key(ec.SECP384R1()), "k")]}  # fmt: skip
            trust = tmp_path / "trust.yaml"
            trust.write_text(yaml.safe_dump([row]))
            settings |= {"open": False, "secret_key": "k" * 32, "base_url": "https://cds.example.org",
                         "trust_file": str(trust)}  # fmt: skip
        apps.append(make_app(tmp_path, **settings))
        return apps[-1].test_client()

    yield made
    for app in apps:
        parts_of(app).journal.engine.dispose()


def basic(tenant: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{tenant}:{password}".encode()).decode()}
