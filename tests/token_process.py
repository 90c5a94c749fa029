"""One process of a service, as far as tokens go: says of each token on standard input whether it would be let in."""

from __future__ import annotations

import sys
from pathlib import Path

from flask import Flask, request

from hooks.errors import NotTrusted
from service.journal import Journal
from service.jwks import Keys
from service.settings import read_settings
from service.trust import Trust
from service.trust_file import TrustFile
from tests.test_trust import BASE, NOW, SECRET, URL


def main(folder: Path) -> None:
    file = folder / "trust.yaml"
    settings = read_settings({}, trust_file=str(file), secret_key=SECRET, data_dir=str(folder), base_url=BASE)
    journal = Journal(settings)
    trust = Trust(settings, TrustFile(file, settings), Keys(settings), journal.seen_before, lambda: NOW)
    app = Flask("t")
    print("ready", flush=True)
    for line in sys.stdin:
        headers = {"Authorization": f"Bearer {line.strip()}"}
        with app.test_request_context(URL.removeprefix(BASE), base_url=BASE, headers=headers, method="POST"):
            try:
                said = trust.client_of(request).tenant
            except NotTrusted:
                said = "refused"
        print(said, flush=True)
    journal.engine.dispose()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
