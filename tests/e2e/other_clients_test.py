"""Clients that have none of our code: gRPC by the server's reflection, and gRPC-Web through Envoy.

other_clients_test.py BUILD_DIR
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import envoy
import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from programs import Program, server

SOURCE = Path(__file__).resolve().parents[2]
CLIP = SOURCE / "tests/data/golden/videos/pattern_4s.mp4"
SERVICE = "vidmuse.v1.MusicService"
ORIGIN = "https://example.org"
PATIENCE = 60.0


class Reflection:
    """What a server says about its services."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        self._pool = descriptor_pool.DescriptorPool()
        self._files: set[str] = set()

    def _ask(self, **request: str) -> Any:
        requests = iter([reflection_pb2.ServerReflectionRequest(**request)])
        return next(self._stub.ServerReflectionInfo(requests, timeout=PATIENCE))

    def services(self) -> set[str]:
        answer = self._ask(list_services="").list_services_response
        return {service.name for service in answer.service}

    def _add(self, answer: Any) -> None:
        for data in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            if file.name in self._files:
                continue
            self._files.add(file.name)
            for needed in file.dependency:
                if needed not in self._files:
                    self._add(self._ask(file_by_filename=needed))
            self._pool.Add(file)

    def method(self, service: str, name: str) -> Any:
        self._add(self._ask(file_containing_symbol=service))
        return self._pool.FindServiceByName(service).methods_by_name[name]

    def call(self, method: Any, request: Any) -> Iterator[Any]:
        kind = self._channel.unary_stream if method.server_streaming else self._channel.unary_unary
        call = kind(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        answer: Any = call(request, timeout=PATIENCE)
        return answer if method.server_streaming else iter([answer])


def web_messages(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The messages of a gRPC-Web body, each with its flags; the last one holds the trailers."""
    while body:
        size = int.from_bytes(body[1:5], "big")
        assert len(body) >= 5 + size, "the body is cut off"
        yield body[0], body[5 : 5 + size]
        body = body[5 + size :]


class Web:
    """A browser's side of gRPC-Web: HTTP/1.1 requests to Envoy with deploy/'s configuration."""

    def __init__(self, port: int) -> None:
        self._port = port

    def request(self, verb: str, path: str, body: bytes, headers: dict[str, str]) -> Any:
        end = time.monotonic() + PATIENCE
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
            try:
                connection.request(verb, path, body, {"origin": ORIGIN, **headers})
                return connection.getresponse()
            except ConnectionRefusedError:
                assert time.monotonic() < end, "Envoy didn't start"
                time.sleep(0.05)

    def call(self, method: Any, request: Any) -> list[Any]:
        message = request.SerializeToString()
        answer = self.request(
            "POST",
            f"/{method.containing_service.full_name}/{method.name}",
            b"\0" + len(message).to_bytes(4, "big") + message,
            {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"},
        )
        assert answer.status == 200, answer.status
        assert answer.headers["content-type"] == "application/grpc-web+proto"
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        *messages, (flags, trailers) = web_messages(answer.read())
        assert flags == 0x80 and b"grpc-status:0" in trailers, trailers
        response = message_factory.GetMessageClass(method.output_type)
        return [response.FromString(data) for _, data in messages]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def start_envoy(work: Path, server_port: int) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    text = (SOURCE / "deploy/envoy/grpc_web.yaml").read_text()
    for old, new in (("8081", port), ("50051", server_port)):
        assert text.count(f"port_value: {old}") == 1
        text = text.replace(f"port_value: {old}", f"port_value: {new}")
    config = work / "envoy.yaml"
    config.write_text(text)
    program = Path(envoy.__file__).with_name("_bin") / "envoy"
    options = ("--disable-hot-restart", "--concurrency", "1", "--log-level", "warning")
    return subprocess.Popen([str(program), *options, "-c", str(config)]), port


def check(build: str, work: Path, songs: Program) -> None:
    address = f"127.0.0.1:{songs.ports[0]}"
    expected = work / "expected.wav"
    tool = [f"{build}/vidmuse", "generate", "--server", address, "--video", str(CLIP)]
    subprocess.run([*tool, "--output", str(expected), "--seed", "7"], check=True)

    def audio(messages: Iterator[Any]) -> bytes:
        parts = list(messages)
        assert parts[-1].WhichOneof("payload") == "finished"
        return b"".join(part.chunk.data for part in parts)

    with grpc.insecure_channel(address) as channel:
        reflection = Reflection(channel)
        assert {SERVICE, "grpc.health.v1.Health"} <= reflection.services()
        model = reflection.method(SERVICE, "GetModelInfo")
        (info,) = reflection.call(model, message_factory.GetMessageClass(model.input_type)())
        assert info.sample_rate == 32000
        music = reflection.method(SERVICE, "GenerateMusicFromVideo")
        request: Any = message_factory.GetMessageClass(music.input_type)(video=CLIP.read_bytes())
        request.config.sampling.seed = 7
        assert audio(reflection.call(music, request)) == expected.read_bytes()

        process, port = start_envoy(work, songs.ports[0])
        try:
            web = Web(port)
            wish = {"access-control-request-method": "POST"}
            wish["access-control-request-headers"] = "content-type,x-api-key,x-grpc-web"
            allowed = web.request("OPTIONS", f"/{SERVICE}/GenerateMusicFromVideo", b"", wish)
            assert allowed.headers["access-control-allow-origin"] == ORIGIN
            assert "x-grpc-web" in allowed.headers["access-control-allow-headers"]
            assert audio(iter(web.call(music, request))) == expected.read_bytes()
            (same,) = web.call(model, message_factory.GetMessageClass(model.input_type)())
            assert same == info
        finally:
            process.kill()
            process.wait()


def main(build: str) -> None:
    with tempfile.TemporaryDirectory() as work:
        model = f"{work}/model"
        make = [f"{build}/vidmuse_make_model", "--out", model, "--clip_mlp", "192"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
        with server(build, model) as songs:
            check(build, Path(work), songs)


if __name__ == "__main__":
    main(sys.argv[1])
