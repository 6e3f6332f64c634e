"""A server whose songs are known byte by byte, and that fails as a test wants it."""

from __future__ import annotations

import asyncio
import functools
import random
import zlib
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any, Callable

import grpc

from vidmuse import AsyncClient, Chunk, Client, Event
from vidmuse.v1 import music_pb2 as pb

SAMPLES = 640  # a frame
CODEBOOKS = 4
LOOKAHEAD = 2
CHUNK_FRAMES = 10


@functools.lru_cache
def noise(salt: int, size: int) -> bytes:
    return random.Random(salt).randbytes(size)


@dataclass
class FakeSong:
    """Every byte is a function of its place, so that a stream taken up elsewhere is known to be
    right; and of the fingerprint, because servers that differ make other songs."""

    frames: int = 100
    seed: int = 7
    fingerprint: str = "A"
    format: pb.AudioFormat = pb.AUDIO_FORMAT_PCM_S16LE

    def tokens(self, begin: int, end: int) -> bytes:
        frame = CODEBOOKS * 2
        return noise(self.seed, self.frames * frame)[begin * frame : end * frame]

    def audio(self, begin: int, end: int) -> bytes:
        salt = self.seed + 1 + zlib.crc32(self.fingerprint.encode())
        frame = SAMPLES * 2
        return noise(salt, self.frames * frame)[begin * frame : end * frame]

    def started(self) -> pb.GenerateMusicResponse:
        return pb.GenerateMusicResponse(
            started=pb.GenerationStarted(
                model="fake",
                sample_rate=32000,
                channels=1,
                format=self.format,
                seed=self.seed,
                total_samples=self.frames * SAMPLES,
                total_frames=self.frames,
                codebooks=CODEBOOKS,
                fingerprint=self.fingerprint,
                sampling=pb.SamplingConfig(top_k=50, seed=self.seed),
            )
        )

    def chunk(self, begin: int, end: int, skip: int = 0) -> pb.AudioChunk:
        """Audio of the frames two before the tokens', as in a codec that looks ahead."""
        first = begin - min(begin, LOOKAHEAD)
        last = end if end == self.frames else end - min(end, LOOKAHEAD)
        return pb.AudioChunk(
            data=self.audio(first, last)[skip:],
            first_sample=first * SAMPLES,
            num_samples=(last - first) * SAMPLES,
            tokens=self.tokens(begin, end),
            first_frame=begin,
        )

    def send(self, resume: pb.ResumeFrom, stop: int) -> Iterator[pb.GenerateMusicResponse]:
        yield self.started()
        frame = len(resume.tokens) // (2 * CODEBOOKS)
        if frame > 0:
            chunk = self.chunk(0, frame, skip=resume.received_bytes)
            chunk.ClearField("tokens")
            yield pb.GenerateMusicResponse(chunk=chunk)
        while frame < min(stop, self.frames):
            end = min(frame + CHUNK_FRAMES, stop, self.frames)
            yield pb.GenerateMusicResponse(chunk=self.chunk(frame, end))
            frame = end
        if stop >= self.frames:
            total = self.frames * SAMPLES
            finished = pb.GenerationFinished(total_samples=total, total_frames=self.frames)
            yield pb.GenerateMusicResponse(finished=finished)


Script = Callable[["FakeCall"], Iterator[pb.GenerateMusicResponse]]


@dataclass
class FakeCall:
    config: pb.GenerateMusicConfig
    metadata: dict[str, Any]
    requests: Iterator[pb.GenerateMusicRequest]
    context: Any
    video: bytes = b""

    def read_video(self) -> None:
        self.video = b"".join(request.video_chunk for request in self.requests)


def sing(
    song: FakeSong, stop: int = 1 << 30, end: grpc.StatusCode | None = None, message: str = ""
) -> Script:
    """Sends the song up to a frame, then ends the call. A wrong fingerprint is refused."""

    def script(call: FakeCall) -> Iterator[pb.GenerateMusicResponse]:
        wanted = call.config.resume.fingerprint
        if wanted and wanted != song.fingerprint:
            call.context.set_trailing_metadata((("vidmuse-fingerprint", song.fingerprint),))
            call.context.abort(grpc.StatusCode.FAILED_PRECONDITION, "another fingerprint")
        call.read_video()
        yield from song.send(call.config.resume, stop)
        if end is not None:
            call.context.abort(end, message)

    return script


def refuse(code: grpc.StatusCode, pushback: str | None = None, message: str = "no") -> Script:
    def script(call: FakeCall) -> Iterator[pb.GenerateMusicResponse]:
        if pushback is not None:
            call.context.set_trailing_metadata((("grpc-retry-pushback-ms", pushback),))
        call.context.abort(code, message)
        yield from ()

    return script


def hang(song: FakeSong, ended: Any) -> Script:
    """Sends `started`, and then nothing until the client goes away."""

    def script(call: FakeCall) -> Iterator[pb.GenerateMusicResponse]:
        call.context.add_callback(ended.set)
        call.read_video()
        yield song.started()
        ended.wait(30)

    return script


class FakeServer:
    """The n-th call runs script n, or the last one."""

    def __init__(self, *scripts: Script, max_message_bytes: int = 4 << 20, port: int = 0) -> None:
        self.calls: list[FakeCall] = []
        self._scripts = scripts
        self._max_message_bytes = max_message_bytes
        self._server = grpc.server(
            futures.ThreadPoolExecutor(max_workers=8),
            options=[("grpc.max_receive_message_length", max_message_bytes)],
        )
        handlers: dict[str, Any] = {
            "GenerateMusic": grpc.stream_stream_rpc_method_handler(
                self._generate,
                request_deserializer=pb.GenerateMusicRequest.FromString,
                response_serializer=pb.GenerateMusicResponse.SerializeToString,
            ),
            "GetModelInfo": grpc.unary_unary_rpc_method_handler(
                self._model_info,
                request_deserializer=pb.GetModelInfoRequest.FromString,
                response_serializer=pb.GetModelInfoResponse.SerializeToString,
            ),
        }
        handler = grpc.method_handlers_generic_handler("vidmuse.v1.MusicService", handlers)
        self._server.add_generic_rpc_handlers((handler,))
        port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self.address = f"127.0.0.1:{port}"
        self._server.start()

    def _generate(
        self, requests: Iterator[pb.GenerateMusicRequest], context: Any
    ) -> Iterator[pb.GenerateMusicResponse]:
        config = next(requests).config
        call = FakeCall(config, dict(context.invocation_metadata()), requests, context)
        script = self._scripts[min(len(self.calls), len(self._scripts) - 1)]
        self.calls.append(call)
        return script(call)

    def _model_info(self, request: pb.GetModelInfoRequest, context: Any) -> pb.GetModelInfoResponse:
        limits = pb.RequestLimits(max_message_bytes=self._max_message_bytes)
        return pb.GetModelInfoResponse(name="fake", limits=limits)

    def __enter__(self) -> FakeServer:
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stop(None).wait()


@dataclass
class Result:
    """What came of a song."""

    events: list[Event] = field(default_factory=list)
    error: Exception | None = None

    @property
    def audio(self) -> bytes:
        return b"".join(event.data for event in self.events if isinstance(event, Chunk))

    def of(self, kind: Any) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def read(
    api: str,
    servers: list[str],
    video: Any,
    *,
    can_restart: bool = False,
    client: dict[str, Any] | None = None,
    **options: Any,
) -> Result:
    """Reads a whole song with the blocking client, or with the one for asyncio."""
    result = Result()
    more = {"initial_backoff": 0.01, **(client or {})}

    def blocking() -> None:
        with Client(servers, **more) as one:
            song = one.generate(video, **options)
            for event in song.events(can_restart=can_restart):
                result.events.append(event)

    async def waiting() -> None:
        async with AsyncClient(servers, **more) as one:
            song = one.generate(video, **options)
            async for event in song.events(can_restart=can_restart):
                result.events.append(event)

    try:
        if api == "sync":
            blocking()
        else:
            asyncio.run(waiting())
    except Exception as error:
        result.error = error
    return result
