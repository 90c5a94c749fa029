"""What stands in deploy/ fits the service: settings, ports, times, users. `make deployment` lints the files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from service.settings import Settings

DEPLOY = Path(__file__).parent.parent / "deploy"
KNOWN = {f"IMAGING_CDS_{name.upper()}" for name in Settings.model_fields}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
PORT = 8000
Json = dict[str, Any]


def compose() -> Json:
    read: Json = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return read


def manifests() -> Iterator[Json]:
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        yield from (m for m in yaml.safe_load_all(file.read_text(encoding="utf-8")) if m)


def manifest(kind: str, name: str = "imaging-cds") -> Json:
    (found,) = [m for m in manifests() if m["kind"] == kind and m["metadata"]["name"] == name]
    return found


def pod() -> Json:
    spec: Json = manifest("Deployment")["spec"]["template"]["spec"]
    return spec


def container() -> Json:
    (found,) = pod()["containers"]
    assert isinstance(found, dict)
    return found


def test_every_variable_that_is_named_is_a_setting() -> None:
    for file in sorted(DEPLOY.rglob("*")):
        if file.is_file():
            named = set(re.findall(r"IMAGING_CDS_[A-Z_]+", file.read_text(encoding="utf-8")))
            assert named <= KNOWN, f"{file.name}: {sorted(named - KNOWN)}"


def test_the_image_runs_as_nobody_with_rights_and_asks_whether_it_is_ready() -> None:
    lines = DOCKERFILE.splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert lines.index("USER 10001:10001") < next(n for n, line in enumerate(lines) if line.startswith("ENTRYPOINT"))
    assert f"127.0.0.1:{PORT}/health/ready" in DOCKERFILE
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE
    assert f"EXPOSE {PORT}" in DOCKERFILE


def test_the_base_of_every_image_is_named_by_an_exact_version() -> None:
    base = re.search(r"ARG BASE=(\S+)", DOCKERFILE)
    assert base
    for image in (base.group(1), compose()["services"]["db"]["image"]):
        assert re.search(r":\d+\.\d+", image), image


def test_what_the_image_copies_is_let_through() -> None:
    let = {line[1:] for line in (DEPLOY.parent / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {"pyproject.toml", "requirements.txt", "requirements-dev.txt", "README.md", "LICENSE", "NOTICE"} <= let
    assert {"criteria", "mappings", "hooks", "service"} <= let
    assert all((DEPLOY.parent / name).exists() for name in let)


def test_compose_gives_no_rights_and_no_secret_in_the_environment() -> None:
    read = compose()
    for name, service in read["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not any("PASSWORD" in k and not k.endswith("_FILE") for k in service["environment"]), name
        assert set(service["secrets"]) <= set(read["secrets"])
    ours = read["services"]["cds"]
    assert ours["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    for variable, value in ours["environment"].items():
        if variable.endswith("_FILE") and value.startswith("/run/secrets/"):
            assert value.removeprefix("/run/secrets/") in ours["secrets"]
    assert ours["volumes"] == ["spool:/var/lib/imaging-cds"]
    assert read["networks"]["inside"]["internal"] is True


def test_kubernetes_gives_no_rights() -> None:
    context = pod()["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"]) == (True, 10001)
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert manifest("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod()["automountServiceAccountToken"] is False


def test_ports_agree() -> None:
    assert container()["ports"] == [{"name": "http", "containerPort": PORT}]
    assert str(PORT) in container()["args"]
    assert manifest("Service")["spec"]["ports"][0]["targetPort"] == "http"
    assert manifest("NetworkPolicy")["spec"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": PORT}]
    assert f"server 127.0.0.1:{PORT};" in (DEPLOY / "nginx.conf").read_text()


def test_what_is_named_elsewhere_is_there() -> None:
    held = {(m["kind"], m["metadata"]["name"]) for m in manifests() if "metadata" in m}
    for source in container()["envFrom"]:
        assert ("ConfigMap", source["configMapRef"]["name"]) in held
    for volume in pod()["volumes"]:
        if "configMap" in volume:
            assert ("ConfigMap", volume["configMap"]["name"]) in held
        if "secret" in volume:
            assert ("Secret", volume["secret"]["secretName"]) in held
    mounted = {mount["name"]: mount["mountPath"] for mount in container()["volumeMounts"]}
    assert set(mounted) == {volume["name"] for volume in pod()["volumes"]}
    settings = manifest("ConfigMap")["data"]
    assert settings["IMAGING_CDS_TRUST_FILE"].startswith(mounted["trust"])
    for name in ("SECRET_KEY_FILE", "DATABASE_URL_FILE"):
        place = settings[f"IMAGING_CDS_{name}"]
        assert place.startswith(mounted["secrets"])
        assert Path(place).name in manifest("Secret")["stringData"]
    target = manifest("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) in held
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    assert all((DEPLOY / "kubernetes" / name).exists() for name in listed)


def test_the_settings_of_kubernetes_are_accepted() -> None:
    data = manifest("ConfigMap")["data"]
    given = {name.removeprefix("IMAGING_CDS_").lower(): value for name, value in data.items()}
    Settings(**given)


def test_nobody_is_killed_before_everything_is_answered() -> None:
    data = manifest("ConfigMap")["data"]
    drain, graceful = (float(data[f"IMAGING_CDS_{name}_SECONDS"]) for name in ("DRAIN", "GRACEFUL"))
    ready = container()["readinessProbe"]
    assert drain >= ready["periodSeconds"] * ready["failureThreshold"]
    assert pod()["terminationGracePeriodSeconds"] > graceful
    assert int(compose()["services"]["cds"]["stop_grace_period"].removesuffix("s")) > 30


def test_probes_ask_for_what_is_there() -> None:
    paths = {name: container()[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/health/live", "readiness": "/health/ready", "liveness": "/health/live"}


def test_several_replicas_keep_answering_while_machines_are_emptied() -> None:
    scaler = manifest("HorizontalPodAutoscaler")["spec"]
    assert scaler["minReplicas"] >= 2
    assert manifest("PodDisruptionBudget")["spec"]["minAvailable"] >= 1
    assert "replicas" not in manifest("Deployment")["spec"]  # two who say how many would fight


def test_the_inside_is_not_shown_outside() -> None:
    paths = [p["path"] for p in manifest("Ingress")["spec"]["rules"][0]["http"]["paths"]]
    assert not [p for p in paths if p.startswith(("/health", "/metrics", "/dashboard")) or p == "/"]
