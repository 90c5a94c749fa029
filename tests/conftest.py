"""A real service process, real FHIR servers, and the application in this process, for whoever needs which."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from tests.browser import browser  # noqa: F401 - a fixture
from tests.databases import database_url, postgres  # noqa: F401 - fixtures
from tests.fhir_server import FhirServer, FhirServers

ROOT = Path(__file__).parent.parent
STARTS_WITHIN = 240
BUDGET = 1.2
"""Seconds that the service process of these tests may spend on FHIR calls."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Service:
    """The service process as an EHR sees it."""

    base: str
    session: requests.Session
    log: Path

    def discovery(self) -> list[Json]:
        services: list[Json] = self.session.get(f"{self.base}/cds-services", timeout=10).json()["services"]
        return services

    @property
    def url(self) -> str:
        """Where hooks are posted."""
        return f"{self.base}/cds-services/{SERVICE}"

    def call(self, body: Json) -> requests.Response:
        return self.session.post(self.url, json=body, timeout=120)

    def answer(self, body: Json) -> Json:
        """The answer to a request that must be answered."""
        response = self.call(body)
        assert response.status_code == 200, response.text
        answer: Json = response.json()
        return answer


SERVICE = "imaging-appropriateness"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def fhir_servers() -> Iterator[FhirServers]:
    """The process whose FHIR servers the service may call."""
    with FhirServers() as servers:
        yield servers


@pytest.fixture(scope="session")
def forbidden_fhir_servers() -> Iterator[FhirServers]:
    """Another one, which is on nobody's allow-list."""
    with FhirServers() as servers:
        yield servers


@pytest.fixture
def make_fhir(fhir_servers: FhirServers) -> Callable[..., FhirServer]:
    """A FHIR server of one's own: make_fhir(resources, token=..., faults=[...], page_size=...)."""

    def make(resources: Iterable[Json], **more: Any) -> FhirServer:
        return fhir_servers.make(f"t{uuid.uuid4().hex}", resources, **more)

    return make


@pytest.fixture(scope="session")
def service(fhir_servers: FhirServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """`imaging-cds serve --open` in a process of its own, with the test FHIR servers on its allow-list."""
    folder = tmp_path_factory.mktemp("service")
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IMAGING_CDS_")}
    environment |= {
        "IMAGING_CDS_DATA_DIR": str(folder),
        "IMAGING_CDS_FHIR_BASES": fhir_servers.url,
        "IMAGING_CDS_FHIR_BUDGET_SECONDS": str(BUDGET),
        "IMAGING_CDS_FHIR_TIMEOUT_SECONDS": str(BUDGET),
    }
    log = folder / "log"
    command = [sys.executable, "-m", "service.cli", "serve", "--open", "--port", str(port), "--workers", "1"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    base = f"http://127.0.0.1:{port}"
    try:
        with requests.Session() as session:
            _await(process, f"{base}/cds-services", log)
            yield Service(base, session, log)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    ends = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < ends and process.poll() is None:
        try:
            if requests.get(url, timeout=2).status_code == 200:
                return
        except requests.RequestException:
            time.sleep(0.1)
    pytest.fail(f"the service did not start:\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """The application in this process: open, with its own journal."""
    from service.app import create_app
    from service.settings import read_settings

    return create_app(read_settings({}, open=True, data_dir=str(tmp_path)))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
