"""`imaging-cds tenant`: adding clients, seeing them, and calling as one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from werkzeug.serving import make_server

from service.app import create_app
from service.cli import main
from service.settings import read_settings
from service.trusted import load_trust
from tests.fhir_double import Reply, fhir_double
from tests.service_examples import parts_of
from tests.test_trust import ISSUER, SECRET

TABLE = """\
# Ours. Ask the interface team before changing anything.
- issuer: https://first.example.org   # the old EHR
  tenant: first
  jku: [https://first.example.org/jwks]
"""


def run(*words: Any, **environment: str) -> Result:
    return CliRunner().invoke(main, ["tenant", *map(str, words)], env=environment)


def added(folder: Path, *more: Any) -> Path:
    """A table with a client whose keys were made to try it out; the private ones are in keys.json."""
    run("keys", folder / "keys.json")
    file = folder / "trust.yaml"
    done = run("add", ISSUER, "ehr", "--keys", folder / "keys.json", "--file", file, *more)
    assert done.exit_code == 0, done.output
    return file


def test_new_keys_are_for_their_owner_alone_and_never_written_over_others(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    made = run("keys", file)
    public = json.loads(made.stdout)["keys"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert {key["alg"] for key in public} == {"ES384", "RS384"} and not any("d" in key for key in public)
    before = file.read_bytes()
    again = run("keys", file)
    assert again.exit_code == 1 and "there already" in again.output
    assert file.read_bytes() == before


def test_a_client_is_added_and_the_rest_of_the_file_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "trust.yaml").write_text(TABLE)
    file = added(
        tmp_path, "--rate", "100/minute", "--policy", "healthhelp", "--fhir-base", "https://ehr.example.org/r4"
    )
    text = file.read_text()
    assert text.startswith(TABLE)
    rows = load_trust(file, read_settings({}, open=True))
    assert list(rows) == ["https://first.example.org", ISSUER]
    row = rows[ISSUER]
    assert (row.tenant, row.rate, row.policy, len(row.keys), row.bases[0].host) == (
        "ehr", "100/minute", "healthhelp", 2, "ehr.example.org",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["https://new", "new"], "needs `keys` or `jku`"),
        (["https://first.example.org", "again", "--jku", "https://x.example/jwks"], "in the table already"),
        (["https://new", "New!", "--jku", "https://x.example/jwks"], "small letters"),
        (["https://new", "new", "--jku", "http://x.example/jwks"], "https"),
        (["https://new", "new", "--jku", "https://x.example/jwks", "--profile", "ful"], "Did you mean `full`"),
        (["https://new", "new", "--jku", "https://x.example/jwks", "--policy", "medicar"], "Did you mean `medicare`"),
        (["https://new", "new", "--jku", "https://x.example/jwks", "--rate", "lots"], "6000/minute"),
    ],
)  # fmt: skip
def test_a_row_with_a_slip_is_not_written(tmp_path: Path, words: list[str], said: str) -> None:
    file = tmp_path / "trust.yaml"
    file.write_text(TABLE)
    done = run("add", *words, "--file", file)
    assert done.exit_code == 1 and said in done.output
    assert file.read_text() == TABLE
    assert [f.name for f in tmp_path.iterdir()] == ["trust.yaml"]


def test_a_table_that_cannot_be_added_to_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "trust.yaml"
    written = '[{issuer: "https://a", tenant: a, jku: ["https://a.example/jwks"]}]\n'
    file.write_text(written)
    done = run("add", "https://new", "new", "--jku", "https://x.example/jwks", "--file", file)
    assert done.exit_code == 1 and file.read_text() == written


def test_the_list_shows_each_client_on_a_line_with_the_app_it_may_launch(tmp_path: Path) -> None:
    file = added(tmp_path)
    ehrs = tmp_path / "ehrs.yaml"
    ehrs.write_text("- {iss: 'https://ehr.example.org/fhir', tenant: ehr, client_id: app-1}\n")
    done = run("list", IMAGING_CDS_TRUST_FILE=str(file), IMAGING_CDS_SMART_FILE=str(ehrs))
    head, line = done.output.splitlines()
    assert head.startswith("issuer") and line.startswith(ISSUER)
    assert "2 written" in line and "https://ehr.example.org/fhir as app-1" in line


def test_without_a_table_it_says_how_to_name_one() -> None:
    done = run("list", IMAGING_CDS_TRUST_FILE="")
    assert done.exit_code == 1 and "--file" in done.output


# --- a call


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[str]:
    """The service on a free port of this machine, asking for tokens."""
    values = {"trust_file": str(folder / "trust.yaml"), "secret_key": SECRET, "data_dir": str(folder), **settings}
    app = create_app(read_settings({}, **values))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
        parts_of(app).journal.engine.dispose()


def test_a_signed_call_is_answered_with_ratings(tmp_path: Path) -> None:
    file = added(tmp_path)
    with serving(tmp_path) as url:
        done = run("test", "ehr", "--key", tmp_path / "keys.json", "--url", url, "--file", file)
    assert done.exit_code == 0, done.output
    assert "HTTP 200" in done.output and ": appropriate" in done.output
    assert "failed" not in done.output


def test_what_is_in_the_way_is_named_with_its_mend(tmp_path: Path) -> None:
    """Another key under the id in the table: the service answers 401 without a reason, the command knows it."""
    file = added(tmp_path)
    with serving(tmp_path) as url:
        run("keys", tmp_path / "stranger.json")
        stranger = json.loads((tmp_path / "stranger.json").read_text())["keys"][0]
        ours = json.loads((tmp_path / "keys.json").read_text())["keys"][0]
        (tmp_path / "wrong.json").write_text(json.dumps({**stranger, "kid": ours["kid"]}))
        wrong = run("test", ISSUER, "--key", tmp_path / "wrong.json", "--url", url, "--file", file)
        unknown = run("test", ISSUER, "--key", tmp_path / "stranger.json", "--url", url, "--file", file)
        named = run("test", "ehr", "--key", tmp_path / "keys.json", "--url", url, "--file", file,
                    IMAGING_CDS_BASE_URL="https://cds.example.org")  # fmt: skip
    assert wrong.exit_code == 1 and "signature does not fit" in wrong.output and "HTTP 401" in wrong.output
    assert unknown.exit_code == 1 and "no key of that id" in unknown.output
    assert named.exit_code == 1 and "HTTP 401" in named.output and "base_url" in named.output


def test_what_the_row_points_to_is_tried_too(tmp_path: Path) -> None:
    with fhir_double("") as double:
        double.replies["/jwks"] = Reply({"keys": [{"kty": "EC"}]})
        double.replies["/r4/metadata"] = Reply({"resourceType": "CapabilityStatement"})
        file = tmp_path / "trust.yaml"
        words = ["--jku", f"{double.base}/jwks", "--jku", f"{double.base}/none", "--fhir-base", f"{double.base}/r4"]
        double.replies["/none"] = Reply({}, 404)
        assert run("add", ISSUER, "ehr", *words, "--fhir-base", "http://127.0.0.1:9/r4", "--file", file).exit_code == 0
        done = run("test", "ehr", "--file", file)
    lines = done.output.splitlines()
    assert done.exit_code == 1
    assert f"ok      keys at {double.base}/jwks: 1" in lines
    assert f"failed  keys at {double.base}/none: http-404" in lines
    assert f"ok      FHIR server {double.base}/r4/metadata: CapabilityStatement" in lines
    assert "failed  FHIR server http://127.0.0.1:9/r4/metadata: unreachable" in lines
    assert lines[-1].startswith("No call was made")


def test_a_private_key_may_be_pem_and_one_that_is_none_is_refused(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    file = tmp_path / "trust.yaml"
    assert run("add", ISSUER, "ehr", "--keys", tmp_path / "key.pem", "--file", file).exit_code == 0
    with serving(tmp_path) as url:
        done = run("test", "ehr", "--key", tmp_path / "key.pem", "--url", url, "--file", file)
    assert done.exit_code == 0, done.output
    for text in ("no key", "{}", "[]", "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"):
        (tmp_path / "bad").write_text(text)
        bad = run("test", "ehr", "--key", tmp_path / "bad", "--file", file)
        assert bad.exit_code == 1 and "must hold" in bad.output


def test_a_service_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    file = added(tmp_path)
    done = run("test", "ehr", "--key", tmp_path / "keys.json", "--url", "http://127.0.0.1:9", "--file", file)
    assert done.exit_code == 1 and "unreachable" in done.output
    assert run("test", "nobody", "--file", file).exit_code == 1
