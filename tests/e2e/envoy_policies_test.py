"""Servers behind Envoy with deploy/envoy/grpc.yaml: one fails calls, one drains, one dies.

envoy_policies_test.py BUILD_DIR
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent import futures
from pathlib import Path

import envoy  # type: ignore[import-untyped]
import grpc
from programs import Program, server

SOURCE = Path(__file__).resolve().parents[2]
MODEL_INFO = "/vidmuse.v1.MusicService/GetModelInfo"
HEALTH = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"
PATIENCE = 60.0


class Broken:
    """A server that says it is well and fails every call, before it answers anything."""

    def __init__(self) -> None:
        self.calls = 0
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers((self._handlers(),))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def _handlers(self) -> grpc.GenericRpcHandler:
        def fail(_: bytes, context: grpc.ServicerContext) -> bytes:
            self.calls += 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "broken")
            return b""

        outer = {MODEL_INFO: fail, HEALTH: lambda _, __: SERVING}

        class Handlers(grpc.GenericRpcHandler):
            def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
                return grpc.unary_unary_rpc_method_handler(outer[call.method])

        return Handlers()

    def stop(self) -> None:
        self._server.stop(None).wait()


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


class Envoy:
    """Envoy with the deployed configuration and other ports."""

    def __init__(self, work: Path, servers: list[int]) -> None:
        self.port, self._admin = free_port(), free_port()
        config = (SOURCE / "deploy/envoy/grpc.yaml").read_text()
        for old, new in ((8443, self.port), (9901, self._admin)):
            assert config.count(f"port_value: {old}") == 1
            config = config.replace(f"port_value: {old}", f"port_value: {new}")
        (endpoint,) = re.findall(r"^ *- endpoint: .*port_value: 50051.*\n", config, re.M)
        endpoints = (endpoint.replace("50051", str(port)) for port in servers)
        path = work / "envoy.yaml"
        path.write_text(config.replace(endpoint, "".join(endpoints)))
        program = Path(envoy.__file__).parent / "_bin/envoy"
        flags = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "error"]
        self._process = subprocess.Popen([program, *flags, "-c", path])

    def stats(self) -> dict[str, int]:
        url = f"http://127.0.0.1:{self._admin}/stats?format=json&filter=cluster.vidmuse"
        with urllib.request.urlopen(url, timeout=10) as answer:
            found = json.load(answer)["stats"]
        prefix = "cluster.vidmuse."
        return {s["name"].removeprefix(prefix): s["value"] for s in found if "name" in s}

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def wait_for(what: str, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if reached():
                return
        except OSError:  # Envoy isn't there yet.
            pass
        assert time.monotonic() < deadline, f"no {what}"
        time.sleep(0.1)


class Caller:
    """A client that tries nothing twice."""

    def __init__(self, port: int) -> None:
        options = [("grpc.enable_retries", 0)]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options)
        self._call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(
            MODEL_INFO
        )

    def calls(self, number: int) -> None:
        for _ in range(number):
            assert self._call(b"", timeout=PATIENCE)

    def close(self) -> None:
        self._channel.close()


def check(broken: Broken, drains: Program, dies: Program, work: Path) -> None:
    proxy = Envoy(work, [broken.port, drains.ports[0], dies.ports[0]])
    try:
        wait_for("three healthy servers", lambda: proxy.stats()["membership_healthy"] == 3)
        caller = Caller(proxy.port)
        # What the broken server fails is tried again on another one, until it sits out.
        for _ in range(100):
            caller.calls(1)
            if proxy.stats()["outlier_detection.ejections_active"]:
                break
        stats = proxy.stats()
        assert stats["outlier_detection.ejections_active"] == 1, stats
        assert stats["upstream_rq_retry"] >= 5, stats
        failed = broken.calls
        assert failed >= 5
        caller.calls(10)
        assert broken.calls == failed

        # A server that dies: what finds its port closed goes to the one that is left.
        os.kill(dies.pid, 9)
        caller.calls(20)
        # A broken server that sits out is not well either.
        wait_for("server left", lambda: proxy.stats()["membership_healthy"] == 1)
        caller.calls(10)
        caller.close()
    finally:
        proxy.stop()


def check_drain(drains: Program, stays: Program, work: Path) -> None:
    proxy = Envoy(work, [drains.ports[0], stays.ports[0]])
    try:
        wait_for("two healthy servers", lambda: proxy.stats()["membership_healthy"] == 2)
        caller = Caller(proxy.port)
        caller.calls(10)
        os.kill(drains.pid, 15)
        # Calls cross the news of the drain, and none fails.
        caller.calls(50)
        wait_for("server left", lambda: proxy.stats()["membership_healthy"] == 1)
        caller.calls(10)
        caller.close()
    finally:
        proxy.stop()


def main(build: str) -> None:
    model = str(SOURCE / "tests/data/demo")
    with tempfile.TemporaryDirectory() as work, server(build, model) as one:
        with server(build, model) as two:
            broken = Broken()
            check(broken, one, two, Path(work))
            broken.stop()
        with server(build, model, "--drain_seconds", "20") as two:
            check_drain(two, one, Path(work))


if __name__ == "__main__":
    main(sys.argv[1])
