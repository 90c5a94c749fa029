"""Under overload: some are refused at once and told when to come again, the others stay fast. And an orderly end."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from service import counts, overload
from service.demo import free_port
from service.server import Worker
from tests.service_examples import SERVICE, call, parts_of

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def rested() -> Iterator[None]:
    yield
    overload.waited(0)


def test_what_waited_too_long_is_refused_with_a_time_to_come_again(client: FlaskClient) -> None:
    before = counts.read().get("requests_shed", 0)
    overload.waited(parts_of(client.application).settings.queue_seconds + 0.1)
    response = client.post(SERVICE, json=call(), headers={"Origin": "https://a.example"})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.get_json()["issue"][0]["code"] == "throttled"
    assert response.headers["Access-Control-Allow-Origin"] == "*"  # a browser may read it too
    assert response.headers["X-Request-Id"]
    assert counts.read()["requests_shed"] == before + 1


def test_what_waited_a_little_is_answered(client: FlaskClient) -> None:
    overload.waited(parts_of(client.application).settings.queue_seconds - 0.1)
    assert client.post(SERVICE, json=call()).status_code == 200


@pytest.mark.parametrize(("workers", "waited", "asked_to_go"), [(2, 0.2, True), (2, 0.05, False), (1, 0.2, False)])
def test_a_caller_who_waited_is_asked_to_find_another_worker_where_there_is_one(
    workers: int, waited: float, asked_to_go: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Mock()
    worker = Worker.__new__(Worker)
    worker.cfg = Mock(workers=workers)
    monkeypatch.setattr(ThreadWorker, "handle_request", lambda *_: True)
    overload.waited(waited)
    assert worker.handle_request(request, Mock())
    assert request.force_close.called is asked_to_go


def test_an_overloaded_process_is_alive(client: FlaskClient) -> None:
    overload.waited(60)
    assert client.get("/health/live").status_code == 200
    assert client.get("/metrics").status_code == 200


def test_a_caller_who_pauses_in_the_middle_of_a_body_is_refused_and_no_fault_of_ours(client: FlaskClient) -> None:
    class Pausing(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise TimeoutError

        def readinto(self, _buffer: object) -> int:
            raise TimeoutError

    response = client.post(
        SERVICE,
        input_stream=Pausing(),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": "5000"},
    )
    assert (response.status_code, response.get_json()["resourceType"]) == (400, "OperationOutcome")


def test_threads_do_not_count_for_one_another(app: Flask) -> None:
    overload.waited(60)
    with ThreadPoolExecutor(1) as other:
        assert other.submit(lambda: app.test_client().get("/cds-services").status_code).result() == 200


class Server:
    def __init__(self, folder: Path, *options: str, **settings: str) -> None:
        port = free_port()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("IMAGING_CDS_")}
        environment |= {
            "IMAGING_CDS_DATA_DIR": str(folder),
            **{f"IMAGING_CDS_{k.upper()}": v for k, v in settings.items()},
        }
        command = [sys.executable, "-m", "service.cli", "serve", "--open", "--port", str(port), *options]
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        self.base = f"http://127.0.0.1:{port}"

    def started(self) -> Server:
        for _ in range(1200):
            try:
                requests.get(f"{self.base}/health/live", timeout=5)
                return self
            except requests.RequestException:
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def post(self) -> int:
        return requests.post(f"{self.base}{SERVICE}", json=call(), timeout=60).status_code


@contextmanager
def serving(folder: Path, *options: str, **settings: str) -> Iterator[Server]:
    server = Server(folder, *options, **settings)
    try:
        yield server.started()
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait(20)


def test_the_real_server_sheds_load_leaves_in_order_and_answers_what_it_took(tmp_path: Path) -> None:
    one = ("--workers", "1", "--threads", "2")
    with serving(tmp_path, *one, queue_seconds="0.2", drain_seconds="4", graceful_seconds="30") as server:
        with ThreadPoolExecutor(60) as callers:
            statuses = Counter(callers.map(lambda _: server.post(), range(120)))
        assert set(statuses) == {200, 503}
        assert server.post() == 200  # and recovers at once

        ended: list[int] = []
        answers: list[int] = []
        waiting = threading.Thread(target=lambda: ended.append(server.process.wait(30)))
        server.process.send_signal(signal.SIGTERM)
        waiting.start()
        began = time.monotonic()
        while time.monotonic() - began < 1.0:  # a load balancer has not noticed yet
            answers.append(server.post())
        assert requests.get(f"{server.base}/health/ready", timeout=5).status_code == 503
        waiting.join(30)
        assert set(answers) == {200}
        assert ended == [0]


def test_a_hang_up_has_the_files_read_anew_and_a_fault_in_one_changes_nothing(tmp_path: Path) -> None:
    policies, good = tmp_path / "policies.yaml", (ROOT / "criteria" / "policies.yaml").read_text()
    policies.write_text(good)
    with serving(tmp_path, "--workers", "1", policies_file=str(policies)) as server:
        policies.write_text("a: [\n")
        server.process.send_signal(signal.SIGHUP)
        said(server, "not_reloaded")
        assert server.post() == 200
        policies.write_text(good)
        server.process.send_signal(signal.SIGHUP)
        said(server, '"reloaded"')
        assert server.post() == 200
        server.process.terminate()
        assert server.process.wait(30) == 0


def said(server: Server, words: str) -> None:
    for _ in range(600):
        if words in server.log.read_text():
            return
        time.sleep(0.1)
    raise AssertionError(server.log.read_text())
