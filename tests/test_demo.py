"""The made-up requests, as a newcomer sends them by hand."""

from __future__ import annotations

import json

import time_machine
from click.testing import CliRunner
from flask.testing import FlaskClient

from service.cli import main
from service.demo import REQUESTS
from tests.conftest import SERVICE


@time_machine.travel("2026-11-29T23:30:00+00:00", tick=False)
def test_a_printed_request_can_be_sent_as_it_is(client: FlaskClient) -> None:
    file = REQUESTS / "02_lumbar_mri_no_word_on_treatment.json"
    printed = CliRunner().invoke(main, ["demo", "--print", str(file)], catch_exceptions=False)
    assert printed.exit_code == 0 and "${" not in printed.output
    (line,) = printed.output.splitlines()
    answer = client.post(f"/cds-services/{SERVICE}", json=json.loads(line))
    assert answer.status_code == 200 and answer.get_json()["cards"]


def test_without_a_file_all_of_them_are_printed() -> None:
    printed = CliRunner().invoke(main, ["demo", "--print"], catch_exceptions=False)
    assert len(printed.output.splitlines()) == len(list(REQUESTS.glob("*.json")))
