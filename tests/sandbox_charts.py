"""The made-up patients of fixtures/requests on a FHIR server, and addresses that open them in the CDS Hooks sandbox.

    .venv/bin/python -m tests.sandbox_charts

The sandbox (github.com/cds-hooks/sandbox) takes its FHIR server, patient, screen, hook and service from its address;
see docs/sandbox.md.
"""

from __future__ import annotations

import argparse
from urllib.parse import urlencode

from tests.fhir_server import FhirProcess
from tests.requests_loader import Json, good_requests
from tests.sandbox_ehr import SandboxProcess

SERVICE = "http://127.0.0.1:8000/cds-services"
SANDBOX = "http://localhost:8080/"


def chart(request: Json) -> list[Json]:
    """What the chart holds that a stored request was made from."""
    held: list[Json] = []
    for value in request["prefetch"].values():
        if value["resourceType"] == "Bundle":
            held += [entry["resource"] for entry in value.get("entry", ())]
        else:
            held.append(value)
    return held


def address(sandbox: str, fhir: str, patient: str, discovery: str) -> str:
    """The sandbox's PAMA screen with one patient and one service."""
    told = {"screen": "pama", "hook": "order-select", "fhirServiceUrl": fhir, "patientId": patient}
    return f"{sandbox}?{urlencode({**told, 'serviceDiscoveryURL': discovery})}"


def make_charts(process: FhirProcess) -> dict[str, tuple[str, str]]:
    """One FHIR server per stored request: its name -> FHIR base URL and patient id."""
    return {
        name: (process.make(name, chart(request)).base, request["context"]["patientId"])
        for name, request in good_requests().items()
    }


def main() -> None:
    ask = argparse.ArgumentParser(description="Made-up charts for the CDS Hooks sandbox, on loopback.")
    ask.add_argument("--port", type=int, default=8090)
    ask.add_argument("--sandbox", default=SANDBOX, help="address of the sandbox")
    ask.add_argument("--service", default=SERVICE, help="discovery address of the service")
    args = ask.parse_args()
    process = SandboxProcess(args.port, args.service.partition("/cds-services")[0])
    for name, (fhir, patient) in make_charts(process).items():
        print(f"{name}\n    {address(args.sandbox, fhir, patient, args.service)}", flush=True)
    process.serve_forever()


if __name__ == "__main__":
    main()
