"""Lints docker/ and holds what it says against the rest; tests/images.sh builds it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

DOCKERFILES = ["Dockerfile", "Dockerfile.cuda"]
STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.36-9+deb12u14
Description: GNU C Library
 Second line: not a field

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: ffmpeg
Status: install ok installed
Architecture: amd64
Version: 7:5.1.6-0+deb12u1
"""


def read(source: Path, name: str) -> str:
    return (source / "docker" / name).read_text()


def project_version(source: Path) -> str:
    found = re.search(r"project\(vidmuse VERSION (\S+)", (source / "CMakeLists.txt").read_text())
    assert found is not None
    return found[1]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_passes(source: Path, tools: Path, name: str) -> None:
    file = source / "docker" / name
    command = [str(tools / "hadolint"), "--failure-threshold", "style", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_version_is_the_projects(source: Path, name: str) -> None:
    text, version = read(source, name), project_version(source)
    assert set(re.findall(r"^ARG VERSION=(.*)$", text, re.M)) == {version}
    assert set(re.findall(r"\bvidmuse(?:-\w+)?:([\d.]+)", text)) == {version}


@pytest.mark.parametrize("name", DOCKERFILES)
def test_each_stage_is_from_the_pinned_base(source: Path, name: str) -> None:
    text = read(source, name)
    (base,) = re.findall(r"^ARG BASE=(.*)$", text, re.M)
    assert re.fullmatch(r"docker\.io/library/debian:12\.\d+-slim@sha256:[0-9a-f]{64}", base)
    assert base in read(source, DOCKERFILES[0])
    stages = {"${BASE}"}
    for origin, stage in re.findall(r"^FROM (\S+) AS (\S+)$", text, re.M):
        assert origin in stages
        stages.add(stage)
    assert len(re.findall(r"^FROM ", text, re.M)) == len(stages) - 1


@pytest.mark.parametrize("name", DOCKERFILES)
def test_programs_run_without_rights(source: Path, name: str) -> None:
    for stage in re.split(r"^FROM ", read(source, name), flags=re.M):
        if "ENTRYPOINT" not in stage:
            continue
        for line in (
            "USER 10001",
            "STOPSIGNAL SIGTERM",
            "HEALTHCHECK ",
            "LABEL org.opencontainers",
        ):
            assert f"\n{line}" in stage
    assert "ENTRYPOINT" in read(source, name)


def test_every_wheel_has_its_hash(source: Path) -> None:
    lists = sorted((source / "deploy/wheels").iterdir())
    assert [path.name for path in lists] == ["cpu.txt", "cuda.txt", "nvcc.txt"]
    pins: dict[str, str] = {}
    for path in lists:
        for line in path.read_text().splitlines():
            if line.startswith("#"):
                continue
            found = re.fullmatch(r"([\w-]+)==([\w.]+ --hash=sha256:[0-9a-f]{64})", line)
            assert found is not None, line
            # One version of a wheel, in whatever list.
            assert pins.setdefault(found[1], found[2]) == found[2]
    setup = (source / "deploy/setup.sh").read_text()
    assert setup.count("pip download") == setup.count("--require-hashes") == 1


def bill(source: Path, work: Path, wheels: str) -> str:
    (work / "status").write_text(STATUS)
    (work / "wheels").write_text(wheels)
    command = [
        sys.executable,
        str(source / "deploy/sbom.py"),
        "--name",
        "vidmuse",
        "--version",
        "1",
    ]
    command += ["--packages", str(work / "status"), "--wheels", str(work / "wheels"), "--hashes"]
    command += [str(path) for path in (source / "deploy/wheels").iterdir()]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_bill_of_materials_is_cyclonedx(source: Path, tmp_path: Path) -> None:
    torch = (source / "deploy/wheels/cpu.txt").read_text().split("torch==")[1].split()[0]
    text = bill(source, tmp_path, f"torch=={torch}\n")
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text) is None
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text.replace("SHA-256", "SHA"))
    found = {part["name"]: part for part in json.loads(text)["components"]}
    assert set(found) == {"libc6", "ffmpeg", "torch"}
    assert found["ffmpeg"]["purl"] == "pkg:deb/debian/ffmpeg@7%3A5.1.6-0%2Bdeb12u1?arch=amd64"
    assert found["torch"]["version"] == torch
    assert len(found["torch"]["hashes"][0]["content"]) == 64
    assert text == bill(source, tmp_path, f"torch=={torch}\n")
