"""Holds the dashboard and the alerts against what a real server and a real gateway report."""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import programs
import pytest
import yaml

# Counters that a song which goes well doesn't bring about, with their labels.
RARE = {"vidmuse_wasted_tokens_total": {"cause"}}


class Reported:
    """The names of metrics and of their labels in bodies of /metrics."""

    def __init__(self, texts: list[str]) -> None:
        self.labels: dict[str, set[str]] = {}
        self.values: dict[tuple[str, str], set[str]] = {}
        for line in "\n".join(texts).splitlines():
            found = re.match(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ", line)
            if line.startswith("#") or found is None:
                continue
            labels = self.labels.setdefault(found[1], set())
            for label, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""):
                labels.add(label)
                self.values.setdefault((found[1], label), set()).add(value)


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        text: str = answer.read().decode()
        return text


@pytest.fixture(scope="session")
def reported(source: Path, build: Path) -> Reported:
    """After a song, streamed through the gateway."""
    demo = source / "tests/data/demo"
    with programs.server(str(build), str(demo)) as server:
        grpc, metrics = server.ports
        with programs.gateway(str(build), grpc) as gateway:
            request = urllib.request.Request(
                f"http://127.0.0.1:{gateway.ports[0]}/v1/music?duration=2&loudness=none",
                data=(demo / "clip.mp4").read_bytes(),
                headers={"Content-Type": "video/mp4"},
            )
            with urllib.request.urlopen(request, timeout=120) as answer:
                assert answer.read()[:4] == b"RIFF"
            return Reported([get(metrics, "/metrics"), get(gateway.ports[0], "/metrics")])


@pytest.fixture(scope="session")
def dashboard(source: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((source / "deploy/grafana/dashboard.json").read_text())
    return found


@pytest.fixture(scope="session")
def rules(source: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load((source / "deploy/prometheus/alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def as_prometheus_sees(query: str) -> str:
    return query.replace("$__rate_interval", "5m").replace("$instance", ".*")


def queries(dashboard: dict[str, Any]) -> list[str]:
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert all(panel["targets"] for panel in panels)
    return [as_prometheus_sees(t["expr"]) for panel in panels for t in panel["targets"]]


def complaints(query: str, reported: Reported, recorded: set[str]) -> list[str]:
    """What the query names and nobody reports."""
    found = []
    bare = re.sub(r'"[^"]*"', '""', query)
    names = set(re.findall(r"\bvidmuse[\w:]*", bare))
    for name in names:
        if name not in reported.labels and name not in recorded and name not in RARE:
            found.append(name)
    for name, matchers in re.findall(r"\b(vidmuse[\w:]*)\{([^}]*)\}", query):
        # `instance` and `job` are Prometheus' own.
        for label, operator, value in re.findall(r'(\w+)(!?=~?)"([^"]*)"', matchers):
            if label not in reported.labels.get(name, set()) | {"instance", "job"}:
                found.append(f"{name}{{{label}}}")
            # Bounds of buckets must be there; codes come as they happen.
            elif label == "le" and operator == "=" and value not in reported.values[name, "le"]:
                found.append(f"{name}{{le={value}}}")
    known = {"instance", "job", "slo"} | set().union(*RARE.values())
    for name in names:
        known |= reported.labels.get(name, set())
    for labels in re.findall(r"\b(?:by|on) *\(([^)]*)\)", bare):
        found += [f"by {label}" for label in re.findall(r"\w+", labels) if label not in known]
    return found


def recorded_names(rules: list[dict[str, Any]]) -> set[str]:
    return {rule["record"] for rule in rules if "record" in rule}


def test_panels_name_what_is_reported(
    dashboard: dict[str, Any], rules: list[dict[str, Any]], reported: Reported
) -> None:
    recorded = recorded_names(rules)
    assert len(queries(dashboard)) > 30
    for query in queries(dashboard):
        assert complaints(query, reported, recorded) == [], query


def test_rules_name_what_is_reported(rules: list[dict[str, Any]], reported: Reported) -> None:
    recorded = recorded_names(rules)
    for rule in rules:
        assert complaints(rule["expr"], reported, recorded) == [], rule


def test_other_names_are_found(reported: Reported) -> None:
    assert complaints("rate(vidmuse_request_total[5m])", reported, set()) == [
        "vidmuse_request_total"
    ]
    assert complaints('vidmuse_requests_total{status="OK"}', reported, set())
    assert complaints("sum by (status) (vidmuse_requests_total)", reported, set())
    late = 'vidmuse_time_to_first_audio_seconds_bucket{le="%s"}'
    assert complaints(late % 10, reported, set()) == []
    assert complaints(late % 11, reported, set())


def test_prometheus_parses_each_query(dashboard: dict[str, Any], tmp_path: Path) -> None:
    rules = [{"record": f"panel:{i}", "expr": q} for i, q in enumerate(queries(dashboard))]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    command = [os.environ["PROMTOOL"], "check", "rules", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_grafana_can_lay_the_panels_out(dashboard: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            assert x < 24
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in taken, panel["title"]
                taken.add((x, y))
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard["panels"])))
    assert used <= variables | {"__rate_interval"}


def test_the_gateways_and_the_servers_metrics_are_well_formed(source: Path, build: Path) -> None:
    with programs.server(str(build), str(source / "tests/data/demo")) as server:
        text = get(server.ports[1], "/metrics")
        with programs.gateway(str(build), server.ports[0]) as gateway:
            text += get(gateway.ports[0], "/metrics")
    command = [os.environ["PROMTOOL"], "check", "metrics"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
