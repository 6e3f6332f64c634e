"""A real server for the tests, and the two clients behind one face."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data"
BIN = Path(os.environ.get("VIDMUSE_BIN_DIR", ROOT / "build" / "release"))
CLIP = DATA / "demo" / "clip.mp4"
PATIENCE = 60.0


class Server:
    """A vidmuse_server on the demo model."""

    def __init__(self, *flags: str) -> None:
        self._process = subprocess.Popen(
            [
                str(BIN / "vidmuse_server"),
                *("--model_dir", str(DATA / "demo"), "--device", "cpu"),
                *("--listen", "127.0.0.1:0", "--metrics_listen", "127.0.0.1:0", *flags),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        self._log: list[str] = []
        ports: list[str] = []
        for line in self._process.stderr:
            self._log.append(line)
            if "ready" in line:
                ports = re.findall(r"127\.0\.0\.1:([0-9]+)", line)
                break
        assert len(ports) == 2, "".join(self._log)
        self.address = f"127.0.0.1:{ports[0]}"
        self._metrics = f"http://127.0.0.1:{ports[1]}/metrics"
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._log.append(line)

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(self._metrics, timeout=PATIENCE) as answer:
            text = answer.read().decode()
        values = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for value in values)

    def wait_for(self, name: str, value: float) -> None:
        end = time.monotonic() + PATIENCE
        while (now := self.metric(name)) != value:
            assert time.monotonic() < end, f"{name} is {now}, not {value}"
            time.sleep(0.01)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.stop()


@pytest.fixture(scope="session")
def address(server: Server) -> str:
    return server.address
