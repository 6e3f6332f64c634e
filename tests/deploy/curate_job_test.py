"""Renders deploy/curate with kubectl, validates it, and runs its pods' commands as processes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from kubernetes_test import VERSIONS, Object, find, render

FEW_SHARDS = 3


@pytest.fixture(scope="session")
def jobs(source: Path, tools: Path) -> list[Object]:
    return render(source, tools, "curate")


def container(job: Object) -> Object:
    (only,) = job["spec"]["template"]["spec"]["containers"]
    found: Object = only
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(jobs: list[Object], version: str) -> None:
    assert len(jobs) == 2
    for job in jobs:
        kubernetes_validate.validate(job, version, strict=True)


def test_pods_are_confined_and_have_a_core_a_worker(jobs: list[Object], source: Path) -> None:
    text = (source / "CMakeLists.txt").read_text()
    version = text.split("project(vidmuse VERSION ")[1].split()[0]
    for job in jobs:
        spec, only = job["spec"]["template"]["spec"], container(job)
        assert spec["securityContext"]["runAsNonRoot"]
        assert only["securityContext"]["readOnlyRootFilesystem"]
        assert only["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert f"--workers={only['resources']['limits']['cpu']}" in only["args"]
        assert only["image"] == f"vidmuse:{version}"
        # Two pods never measure the same clip.
        assert job["spec"]["podReplacementPolicy"] == "Failed"


def test_the_image_has_the_program(jobs: list[Object], source: Path) -> None:
    (line,) = (
        line
        for line in (source / "docker/stage.sh").read_text().splitlines()
        if line.startswith("for name in vidmuse_server")
    )
    for job in jobs:
        assert container(job)["command"][0] in line.replace(";", " ").split()


def arguments(job: Object, index: int, folder: Path) -> list[str]:
    """A pod's arguments, with a folder in place of its volumes, and no networks."""
    given = []
    for argument in container(job)["args"]:
        name, value = argument.replace("$(JOB_COMPLETION_INDEX)", str(index)).split("=", 1)
        if name != "--extractors":
            given += [name, str(folder) + value if value.startswith("/") else value]
    return given


def test_the_pods_make_what_one_run_makes(jobs: list[Object], build: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    lines: list[dict[str, Any]] = []
    for i in range(5):
        source = f"testsrc=size=64x64:rate=5:duration={2 + i}"
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source]
        command += ["-f", "lavfi", "-i", f"sine={300 + 90 * i}:duration={2 + i}"]
        subprocess.run([*command, raw / f"{i}.mp4"], check=True)
        lines.append({"video_path": f"{i}.mp4"})
    (raw / "raw.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    rules = ["--stages", "probe,static,split", "--least_seconds", "3.5", "--most_similarity", "1"]
    program = str(build / "vidmuse_curate")

    def run(*flags: str) -> None:
        subprocess.run([program, *flags, *rules], check=True, capture_output=True)

    def lists(out: Path) -> list[bytes]:
        return [(out / name).read_bytes() for name in ("clips.jsonl", "V2M.txt", "report.html")]

    measure, last = (find(jobs, "Job", f"vidmuse-curate-{name}") for name in ("measure", "lists"))
    (tmp_path / "set").mkdir()
    shards = measure["spec"]["completions"]
    assert f"--shard=$(JOB_COMPLETION_INDEX)/{shards}" in container(measure)["args"]
    for index in range(FEW_SHARDS):
        pod = arguments(measure, index, tmp_path)
        run(*(given.replace(f"/{shards}", f"/{FEW_SHARDS}") for given in pod))
    assert len(list((tmp_path / "set/stages").rglob("*.json"))) == 5 + 3
    run(*arguments(last, 0, tmp_path))
    whole = tmp_path / "whole"
    run("--manifest", str(raw / "raw.jsonl"), "--out", str(whole))
    assert lists(tmp_path / "set") == lists(whole)
    assert (whole / "V2M.txt").read_text() == "2\n3\n4\n"
