"""Renders deploy/kubernetes with kubectl, validates it, and starts what it would start."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import programs
import pytest
import yaml
from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.prometheus_operator import v1 as prometheus_operator

Object = dict[str, Any]
VERSIONS = ["1.30", "1.37"]  # the oldest and the newest Kubernetes that must take the files
FOLDERS = [".", "examples/secure", "examples/web", "examples/gpu", "examples/everything"]
MODELS: dict[str, Any] = {
    "ScaledObject": keda.ScaledObject,
    "ServiceMonitor": prometheus_operator.ServiceMonitor,
    "PrometheusRule": prometheus_operator.PrometheusRule,
}


def render(source: Path, tools: Path, folder: str) -> list[Object]:
    path = source / "deploy" / folder
    done = subprocess.run([tools / "kubectl", "kustomize", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [item for item in yaml.safe_load_all(done.stdout) if item is not None]


@pytest.fixture(scope="session")
def rendered(source: Path, tools: Path) -> dict[str, list[Object]]:
    return {folder: render(source, tools, f"kubernetes/{folder}") for folder in FOLDERS}


def find(items: list[Object], kind: str, name: str) -> Object:
    found = [i for i in items if i["kind"] == kind and i["metadata"]["name"].startswith(name)]
    exact = [i for i in found if i["metadata"]["name"] == name] or found
    assert len(exact) == 1, f"{len(exact)} of {kind} {name}"
    return exact[0]


def pod(items: list[Object], name: str) -> Object:
    spec: Object = find(items, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def validate_custom(item: Object) -> None:
    """Holds a custom resource against the model of its published schema.

    The models leave out what they don't know, so nothing may be missing afterwards.
    """
    model = MODELS[item["kind"]].model_validate(item)
    assert model.model_dump(mode="json", by_alias=True, exclude_unset=True) == item


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_object_is_valid(rendered: dict[str, list[Object]], folder: str) -> None:
    assert rendered[folder]
    for item in rendered[folder]:
        if item["kind"] in MODELS:
            validate_custom(item)
            continue
        for version in VERSIONS:
            kubernetes_validate.validate(item, version, strict=True)


def test_validation_finds_what_no_schema_knows(rendered: dict[str, list[Object]]) -> None:
    items = rendered["examples/everything"]
    scaled = find(items, "ScaledObject", "vidmuse")
    with pytest.raises(AssertionError):
        validate_custom({**scaled, "spec": {**scaled["spec"], "maxReplicas": 3}})
    service = find(items, "Service", "vidmuse")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**service, "spec": {"port": 1}}, VERSIONS[0], strict=True)


def test_every_component_is_rendered(source: Path) -> None:
    rendered = set()
    for folder in FOLDERS:
        path = source / "deploy/kubernetes" / folder / "kustomization.yaml"
        kustomization = yaml.safe_load(path.read_text())
        rendered |= {Path(name).name for name in kustomization.get("components", [])}
    components = source / "deploy/kubernetes/components"
    assert rendered == {path.name for path in components.iterdir()}
    examples = source / "deploy/kubernetes/examples"
    assert {f"examples/{path.name}" for path in examples.iterdir()} == set(FOLDERS) - {"."}


@pytest.mark.parametrize("folder", FOLDERS)
def test_pods_are_confined_and_leave_their_number_to_the_autoscaler(
    rendered: dict[str, list[Object]], folder: str
) -> None:
    items = rendered[folder]
    names = {i["metadata"]["name"] for i in items if i["kind"] == "Deployment"}
    scalers = [i for i in items if i["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")]
    assert sorted(i["spec"]["scaleTargetRef"]["name"] for i in scalers) == sorted(names)
    for name in names:
        deployment = find(items, "Deployment", name)
        assert "replicas" not in deployment["spec"]
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        for kind, selector in (
            ("NetworkPolicy", "podSelector"),
            ("PodDisruptionBudget", "selector"),
        ):
            wanted = find(items, kind, name)["spec"][selector]["matchLabels"]
            assert wanted.items() <= labels.items()
        spec = pod(items, name)
        assert spec["securityContext"]["runAsNonRoot"]
        for container in spec["containers"] + spec.get("initContainers", []):
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            # The server has as many threads as the limit gives it cores.
            assert "cpu" in container["resources"]["limits"]
            image, _, tag = container["image"].partition(":")
            assert tag not in ("", "latest"), image


def test_images_have_this_version(source: Path, rendered: dict[str, list[Object]]) -> None:
    project = (
        (source / "CMakeLists.txt").read_text().split("project(vidmuse VERSION ")[1].split()[0]
    )
    items = rendered["examples/everything"]
    images = {
        container["image"]
        for name in ("vidmuse", "vidmuse-gateway")
        for container in pod(items, name)["containers"]
    }
    assert images == {f"vidmuse-cuda:{project}", f"vidmuse-gateway:{project}"}
    assert pod(rendered["."], "vidmuse")["containers"][0]["image"] == f"vidmuse:{project}"


def test_a_drain_fits_into_the_grace_period(rendered: dict[str, list[Object]]) -> None:
    for name in ("vidmuse", "vidmuse-gateway"):
        spec = pod(rendered["examples/everything"], name)
        (drain,) = (a for a in spec["containers"][0]["args"] if a.startswith("--drain_seconds="))
        pause = float(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
        assert float(drain.split("=")[1]) + pause < spec["terminationGracePeriodSeconds"]


def test_prometheus_comes_by_one_way(rendered: dict[str, list[Object]]) -> None:
    def annotations(folder: str) -> list[Object]:
        deployments = [i for i in rendered[folder] if i["kind"] == "Deployment"]
        return [i["spec"]["template"]["metadata"].get("annotations", {}) for i in deployments]

    assert all("prometheus.io/scrape" in a for a in annotations("."))
    assert annotations("examples/web") == [{}, {}]
    # Each service has one of the monitor's ports.
    items = rendered["examples/web"]
    monitor = find(items, "ServiceMonitor", "vidmuse")["spec"]
    ports = {endpoint["port"] for endpoint in monitor["endpoints"]}
    services = [i for i in items if i["kind"] == "Service"]
    for service in services:
        labels = service["metadata"]["labels"]
        assert monitor["selector"]["matchLabels"].items() <= labels.items()
        assert len(ports & {port["name"] for port in service["spec"]["ports"]}) == 1
    assert len(services) == 2


def test_the_ingress_leads_nobody_to_the_metrics(rendered: dict[str, list[Object]]) -> None:
    (rule,) = find(rendered["examples/web"], "Ingress", "vidmuse-gateway")["spec"]["rules"]
    for path in rule["http"]["paths"]:
        assert path["pathType"] == "Exact" or path["path"] in ("/page", "/v1")
        assert path["path"] != "/metrics"


def test_the_secure_gateway_calls_with_tls(rendered: dict[str, list[Object]]) -> None:
    (gateway,) = pod(rendered["examples/everything"], "vidmuse-gateway")["containers"]
    assert "--server_tls" in gateway["args"]
    (plain,) = pod(rendered["examples/web"], "vidmuse-gateway")["containers"]
    assert "--server_tls" not in plain["args"]


def test_traces_find_their_way_out(rendered: dict[str, list[Object]]) -> None:
    items = rendered["examples/everything"]
    for name in ("vidmuse", "vidmuse-gateway"):
        (variable,) = pod(items, name)["containers"][0]["env"]
        assert variable["name"] == "OTEL_EXPORTER_OTLP_ENDPOINT"
        port = int(variable["value"].rsplit(":", 1)[1])
        ways = find(items, "NetworkPolicy", name)["spec"]["egress"]
        assert port in {p["port"] for way in ways for p in way["ports"]}


def test_the_operators_rule_is_the_alerts(source: Path, tmp_path: Path) -> None:
    made = tmp_path / "rule.yaml"
    subprocess.run([source / "deploy/prometheus/operator_rule.sh", made], check=True)
    kept = source / "deploy/kubernetes/components/monitoring/prometheusrule.yaml"
    assert made.read_text() == kept.read_text(), "run deploy/prometheus/operator_rule.sh"
    alerts = yaml.safe_load((source / "deploy/prometheus/alerts.yaml").read_text())
    assert yaml.safe_load(made.read_text())["spec"] == alerts


def flags_of(program: Path) -> set[str]:
    said = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in said.splitlines() if line.startswith("  --")}


@pytest.mark.parametrize("folder", FOLDERS)
def test_programs_know_every_flag(
    build: Path, rendered: dict[str, list[Object]], folder: str
) -> None:
    known = {
        "vidmuse": flags_of(build / "vidmuse_server"),
        "vidmuse-gateway": flags_of(build / "vidmuse_gateway"),
    }
    for item in rendered[folder]:
        if item["kind"] != "Deployment":
            continue
        (container,) = item["spec"]["template"]["spec"]["containers"]
        given = {arg.split("=")[0] for arg in container["args"]}
        assert given <= known[item["metadata"]["name"]]


def test_the_server_and_the_gateway_start_with_what_is_rendered(
    source: Path, build: Path, rendered: dict[str, list[Object]], tmp_path: Path
) -> None:
    items = rendered["examples/web"]
    config = tmp_path / "server.yaml"
    config.write_text(find(items, "ConfigMap", "vidmuse-config")["data"]["server.yaml"])
    (server,) = pod(items, "vidmuse")["containers"]
    (gateway,) = pod(items, "vidmuse-gateway")["containers"]
    # The later flags win: these are what the test's machine has in another place.
    args = ["--config", str(config), *server["args"]]
    model = str(source / "tests/data/demo")
    with programs.server(str(build), model, *args) as running:
        assert len(running.ports) == 2
        args = [arg for arg in gateway["args"] if not arg.startswith(("--server=", "--listen="))]
        with programs.gateway(str(build), running.ports[0], *args) as before:
            assert len(before.ports) == 1


def test_a_flag_that_nobody_knows_is_found(source: Path, build: Path, tmp_path: Path) -> None:
    config = tmp_path / "server.yaml"
    config.write_text("max_batsch: 8\n")
    with pytest.raises(AssertionError, match="max_batsch"):
        programs.server(str(build), str(source / "tests/data/demo"), "--config", str(config))
