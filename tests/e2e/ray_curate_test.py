"""deploy/curate/ray_curate.py on a local Ray cluster: a worker and a node die, the bytes stay.

ray_curate_test.py BUILD_DIR    (tests/ray.sh runs it)
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import curate_test
from ray.cluster_utils import Cluster

SHARDS = 6
PATIENCE = 150.0
DRIVER = curate_test.SOURCE / "deploy/curate/ray_curate.py"


def until(what: Callable[[], bool], driver: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def programs(out: Path) -> dict[int, int]:
    """The processes of vidmuse_curate that measure into a folder, and their parents."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if command[0].endswith(b"vidmuse_curate") and str(out).encode() in command:
            found[int(folder.name)] = parent
    return found


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def stop_one(out: Path) -> tuple[int, int]:
    """Stops a program, which then can't end by itself. Returns it and its worker."""
    program, worker = next(iter(programs(out).items()))
    os.kill(program, signal.SIGSTOP)
    return program, worker


def raylet_above(pid: int) -> int:
    """The process that a node is, which started a worker."""
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def start(build: str, address: str, flags: tuple[str, ...]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (
            *(sys.executable, str(DRIVER), "--address", address, "--shards", str(SHARDS)),
            *("--in_flight", "3", "--program", f"{build}/vidmuse_curate", "--", *flags),
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(driver: subprocess.Popen[str]) -> tuple[int, str]:
    told, log = driver.communicate(timeout=PATIENCE)
    return driver.returncode, told + log


def results(out: Path) -> dict[str, bytes]:
    return {
        name: (out / name).read_bytes().replace(str(out).encode(), b"OUT")
        for name in curate_test.RESULTS
    }


def check_deaths(
    build: str, cluster: Cluster, flags: tuple[str, ...], out: Path, want: dict[str, bytes]
) -> None:
    """A worker is killed while its program measures, then a node. Both programs end with them."""
    driver = start(build, cluster.address, (*flags, "--out", str(out)))
    until(lambda: len(programs(out)) == 2, driver)
    worker_program, worker = stop_one(out)
    os.kill(worker, signal.SIGKILL)
    until(lambda: not alive(worker_program), driver)
    print(f"ray: killed worker {worker}; its program ended with it")
    until(lambda: len(programs(out)) == 2, driver)
    node_program, worker = stop_one(out)
    # As when a machine is lost: the daemon goes, and with it the worker, which nobody looks after.
    os.kill(raylet_above(worker), signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    until(lambda: not alive(node_program), driver)
    print("ray: killed a node; its program ended with it")
    code, told = finish(driver)
    assert code == 0, told
    assert results(out) == want
    print(f"ray: {SHARDS} shards, a dead worker and a dead node: the bytes of one machine")


def check_failure(
    build: str, cluster: Cluster, flags: tuple[str, ...], raw: Path, out: Path
) -> None:
    """A shard that fails each time is told, costs no other shard, and no lists are made of it."""
    missing = raw / "good1.mp4"
    away = missing.rename(raw / "away.mp4")
    code, told = finish(start(build, cluster.address, (*flags, "--out", str(out))))
    assert code == 1, told
    assert f"1 of {SHARDS} shards failed" in told, told
    assert "good1.mp4" in told, told
    assert told.count("is measured") == SHARDS - 1, told
    assert not (out / "clips.jsonl").exists()
    away.rename(missing)


def main() -> None:
    build = sys.argv[1]
    # The kernel hangs up on a stopped program without a parent, which would hide one left behind.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        raw, extractors = folder / "raw", folder / "extractors"
        raw.mkdir()
        curate_test.make_raw(raw)
        maker = (f"{build}/tests/vidmuse_make_extractors", "--out", str(extractors))
        subprocess.run(maker, check=True)
        curation = curate_test.Curation(build, raw, extractors)
        want = curation.results(folder / "whole")
        flags = curation.thresholds
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        try:
            for _ in range(2):
                cluster.add_node(num_cpus=1, memory=4 << 30, object_store_memory=100 << 20)
            check_failure(build, cluster, flags, raw, folder / "failed")
            check_deaths(build, cluster, flags, folder / "ray", want)
        finally:
            cluster.shutdown()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
