"""The real server process: tokens, workers, and an orderly end."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest
import requests
import yaml

from service.demo import free_port
from tests.service_examples import SERVICE, call
from tests.test_trust import EC, ISSUER, public

ROOT = Path(__file__).parent.parent


@dataclass
class Running:
    base: str
    folder: Path
    process: subprocess.Popen[bytes]

    def token(self, url: str) -> dict[str, str]:
        now = int(dt.datetime.now(dt.UTC).timestamp())
        claims = {"iss": ISSUER, "aud": url, "exp": now + 300, "iat": now, "jti": str(uuid.uuid4())}
        return {"Authorization": f"Bearer {jwt.encode(claims, EC, algorithm='ES384', headers={'kid': 'ec'})}"}


@contextmanager
def served(folder: Path, *options: str, **settings: str) -> Iterator[Running]:
    """A service with two workers on a free loopback port."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IMAGING_CDS_")} | {
        "IMAGING_CDS_SECRET_KEY": "k" * 32,
        "IMAGING_CDS_DATA_DIR": str(folder),
        **settings,
    }
    port = free_port()
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port), "--workers", "2", *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=ROOT)
    base = f"http://127.0.0.1:{port}"
    for _ in range(2400):
        try:
            requests.get(f"{base}/health/live", timeout=1)
            break
        except requests.ConnectionError:
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
    try:
        yield Running(base, folder, process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One that asks for tokens."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "trust.yaml").write_text(
        yaml.safe_dump([{"issuer": ISSUER, "tenant": "ehr", "keys": [public(EC, "ec")]}])
    )
    with served(folder, IMAGING_CDS_TRUST_FILE=str(folder / "trust.yaml")) as running:
        yield running


def test_it_announces_discovery(running: Running) -> None:
    assert f"{running.base}/cds-services" in (running.folder / "log").read_text()


def test_a_signed_call_is_answered_and_an_unsigned_one_refused(running: Running) -> None:
    url = running.base + SERVICE
    assert requests.post(url, json=call(), timeout=60).status_code == 401
    response = requests.post(url, json=call(), headers=running.token(url), timeout=60)
    assert response.status_code == 200
    assert "cards" in response.json()


def test_a_token_counts_once_whichever_worker_sees_it(running: Running) -> None:
    url = running.base + SERVICE
    token = running.token(url)
    answers = [requests.post(url, json=call(), headers=token, timeout=60).status_code for _ in range(8)]
    assert sorted(answers) == [200] + [401] * 7


def test_a_body_in_chunks_is_stopped_at_the_limit(running: Running) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(90):
            yield b" " * 65_536

    url = running.base + SERVICE
    headers = {**running.token(url), "Content-Type": "application/json"}
    response = requests.post(url, data=chunks(), headers=headers, timeout=60)
    assert (response.status_code, response.json()["resourceType"]) == (413, "OperationOutcome")


def test_it_ends_when_asked(running: Running) -> None:
    running.process.terminate()
    assert running.process.wait(20) == 0
