"""Runs the real programs for tests that are written in Python."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Sequence


class Program:
    """A program that says on standard error which ports of 127.0.0.1 it is ready on."""

    def __init__(self, args: Sequence[str]) -> None:
        self._process = subprocess.Popen(args, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        log = []
        self.ports: list[int] = []
        for line in self._process.stderr:
            log.append(line)
            if "ready on" in line:
                self.ports = [int(port) for port in re.findall(r"127\.0\.0\.1:([0-9]+)", line)]
                break
        assert self.ports, "".join(log)
        threading.Thread(target=self._process.stderr.read, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(60)
        finally:
            self._process.kill()


def server(build: str, model: str, *flags: str) -> Program:
    return Program(
        [
            *(f"{build}/vidmuse_server", "--model_dir", model, "--device", "cpu"),
            *("--listen", "127.0.0.1:0", "--metrics_listen", "127.0.0.1:0", *flags),
        ]
    )


def gateway(build: str, server_port: int, *flags: str) -> Program:
    return Program(
        [
            *(f"{build}/vidmuse_gateway", "--server", f"127.0.0.1:{server_port}"),
            *("--listen", "127.0.0.1:0", *flags),
        ]
    )
