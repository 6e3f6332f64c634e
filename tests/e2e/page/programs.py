"""The real servers, gateway and command-line program for the page's tests."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data"
BIN = Path(os.environ.get("VIDMUSE_BIN_DIR", ROOT / "build" / "release"))
PATIENCE = 60.0  # seconds


class Program:
    """A program that runs until it is killed. It is ready once it has said so."""

    def __init__(self, name: str, *flags: str) -> None:
        self.process = subprocess.Popen(
            [str(BIN / name), *flags], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        log = []
        for line in self.process.stderr:
            log.append(line)
            if "ready" in line:
                break
        else:
            raise AssertionError("".join(log))
        self.ports = [int(port) for port in re.findall(r"127\.0\.0\.1:([0-9]+)", log[-1])]
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        assert self.process.stderr is not None
        for _ in self.process.stderr:
            pass

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Server(Program):
    """A vidmuse_server on the demo model."""

    def __init__(self, *flags: str) -> None:
        super().__init__(
            "vidmuse_server",
            *("--model_dir", str(DATA / "demo"), "--device", "cpu"),
            *("--listen", "127.0.0.1:0", "--metrics_listen", "127.0.0.1:0", *flags),
        )
        self.address = f"127.0.0.1:{self.ports[0]}"

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[1]}/metrics") as answer:
            text = answer.read().decode()
        return sum(map(float, re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)))

    def wait_for(self, name: str, value: float) -> None:
        end = time.monotonic() + PATIENCE
        while (now := self.metric(name)) != value:
            assert time.monotonic() < end, f"{name} is {now}, not {value}"


class Gateway(Program):
    """A vidmuse_gateway before the servers."""

    def __init__(self, *servers: Server, port: int = 0, busy_wait: int = 10) -> None:
        super().__init__(
            "vidmuse_gateway",
            *("--server", ",".join(server.address for server in servers)),
            *("--listen", f"127.0.0.1:{port}", "--busy_wait_seconds", str(busy_wait)),
        )
        self.port = self.ports[0]
        self.url = f"http://127.0.0.1:{self.port}/"


def made_by_tool(server: Server, video: Path, output: Path, *flags: str) -> bytes:
    """What the command-line program makes of the video."""
    command = [str(BIN / "vidmuse"), "generate", "--server", server.address]
    subprocess.run(
        [*command, "--video", str(video), "--output", str(output), *flags],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    return output.read_bytes()
