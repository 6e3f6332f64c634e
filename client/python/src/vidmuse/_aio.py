"""The client for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import weakref
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any, Callable

import grpc
import grpc.aio

from . import _connection as conn
from ._call import AskMessageLimit, Attempt, Call, CallOptions, Done, Ended
from ._client import naming
from ._events import Chunk, Event
from ._options import SongOptions
from ._retry import RetryOptions, is_transport_failure
from ._song import SongBase, ended_by_error
from ._video import Video, VideoSource, open_video
from .errors import VidmuseError
from .v1 import music_pb2 as pb

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack


class _Replica:
    """A server's address and the calls that it takes. Belongs to one event loop."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None) -> None:
        if credentials is None:
            self.channel = grpc.aio.insecure_channel(address, conn.CHANNEL_OPTIONS)
        else:
            self.channel = grpc.aio.secure_channel(address, credentials, conn.CHANNEL_OPTIONS)
        self.address = address
        self.generate: Any = self.channel.stream_stream(
            conn.SERVICE + "GenerateMusic",
            request_serializer=pb.GenerateMusicRequest.SerializeToString,
            response_deserializer=pb.GenerateMusicResponse.FromString,
        )
        self.model_info: Any = self.channel.unary_unary(
            conn.SERVICE + "GetModelInfo",
            request_serializer=pb.GetModelInfoRequest.SerializeToString,
            response_deserializer=pb.GetModelInfoResponse.FromString,
        )
        self.health: Any = self.channel.unary_unary(
            conn.HEALTH_CHECK,
            request_serializer=conn.HealthCheckRequest.SerializeToString,
            response_deserializer=conn.HealthCheckResponse.FromString,
        )

    async def await_connection(self) -> None:
        """Lets a broken channel connect again. gRPC fails calls on a broken channel at once, and
        reconnects only while somebody waits for it."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.channel.channel_ready(), conn.RECONNECT_WAIT)


class _Upload:
    """The messages of one attempt. gRPC reads them one at a time, in a task of its own."""

    def __init__(self, video: VideoSource, attempt: Attempt, sent: Callable[[int], None]) -> None:
        self._video = video
        self._attempt = attempt
        self._sent = sent
        self.error: Exception | None = None

    async def messages(self) -> AsyncIterator[pb.GenerateMusicRequest]:
        yield pb.GenerateMusicRequest(config=self._attempt.config)
        offset = 0
        while offset < self._video.size:
            length = min(self._attempt.piece_bytes, self._video.size - offset)
            try:
                piece = await asyncio.to_thread(self._video.read_at, offset, length)
            except Exception as error:
                self.error = error
                raise  # gRPC cancels the call
            yield pb.GenerateMusicRequest(video_chunk=piece)
            offset += length
            self._sent(offset)


class AsyncSong(SongBase):
    """A song that a server makes while it is read. Iterate over it for its chunks.

    The call begins with the first read, and its deadline counts from there. A reader that stops
    early ends the call.
    """

    def __init__(self, replicas: list[_Replica], call: Call, video: VideoSource) -> None:
        super().__init__(call, video)
        self._replicas = replicas
        self._rpc: Any = None
        self._cancel_event = asyncio.Event()

    async def __aiter__(self) -> AsyncGenerator[Chunk, None]:
        async with _closing(self.events()) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    yield event

    def events(self, *, can_restart: bool = False) -> AsyncGenerator[Event, None]:
        """Everything that happens, chunks included. With `can_restart` the song may start over
        (`Restarted`), where it otherwise goes on with a splice or fails."""
        self._begin(can_restart=can_restart)
        return self._run()

    async def save(self, path: str | os.PathLike[str]) -> Self:
        """Writes the whole song to a file, as Song.save does."""
        async with self:
            await self._save(os.fspath(path))
        return self

    async def _save(self, path: str) -> None:
        with await asyncio.to_thread(self._open_file, path) as file:
            async with _closing(self.events(can_restart=file.can_restart)) as events:
                async for event in events:
                    await asyncio.to_thread(file.on_event, event)
            await asyncio.to_thread(file.commit)

    def cancel(self) -> None:
        """Ends the call; its reader gets a vidmuse.CancelledError."""
        self._cancelled = True
        self._cancel_event.set()
        if self._rpc is not None:
            self._rpc.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def _run(self) -> AsyncGenerator[Event, None]:
        try:
            while True:
                attempt = self._call.begin_attempt()
                replica = self._replicas[attempt.address]
                if not attempt.first:
                    await replica.await_connection()
                reading = _Reading(self, replica, attempt)
                async with _closing(reading.events()) as events:
                    async for event in events:
                        yield event
                step = self._call.on_ended(reading.ended, cancelled=self._cancelled)
                if isinstance(step, AskMessageLimit):
                    limit = await self._message_limit(replica)
                    step = self._call.on_limit(limit, cancelled=self._cancelled)
                if isinstance(step, Done):
                    return
                assert not isinstance(step, AskMessageLimit)
                yield step
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._cancel_event.wait(), step.delay)
        finally:
            self._end()

    async def _message_limit(self, replica: _Replica) -> int | None:
        metadata = self._call.key_metadata
        try:
            info = await replica.model_info(pb.GetModelInfoRequest(), timeout=10, metadata=metadata)
        except grpc.aio.AioRpcError:
            return None
        limit: int = info.limits.max_message_bytes
        return limit


class _Reading:
    """One attempt of a song. `ended` says how it ended, once `events` has."""

    def __init__(self, song: AsyncSong, replica: _Replica, attempt: Attempt) -> None:
        self._song = song
        self._replica = replica
        self._attempt = attempt
        self.ended = Ended()

    async def events(self) -> AsyncGenerator[Event, None]:
        song = self._song
        if song._cancelled:
            raise song._call.cancelled_error()
        upload = _Upload(song._video, self._attempt, self._on_sent)
        rpc = self._replica.generate(
            upload.messages(), timeout=self._attempt.timeout, metadata=self._attempt.metadata
        )
        song._rpc = rpc
        try:
            while (response := await self._read(rpc, upload)) is not grpc.aio.EOF:
                for event in song._call.on_response(response):
                    yield event
        except grpc.aio.AioRpcError as error:
            self.ended = ended_by_error(error)
        except VidmuseError as error:
            self.ended = Ended(local=error)
        finally:
            rpc.cancel()  # has no effect on a call that has ended
            song._rpc = None
        if upload.error is not None:
            self.ended = Ended(local=upload.error)

    async def _read(self, rpc: Any, upload: _Upload) -> Any:
        try:
            return await rpc.read()
        except asyncio.CancelledError:
            # gRPC says so as well when the call was cancelled here, and not this task.
            if upload.error is None and not self._song._cancelled:
                raise
            if _task_is_cancelled():
                raise
            raise self._song._call.cancelled_error() from None

    def _on_sent(self, uploaded: int) -> None:
        self._song._uploaded = uploaded


def _task_is_cancelled() -> bool:
    """Whether somebody has cancelled this task. Python tells from 3.11 on."""
    cancelling: Callable[[], int] | None = getattr(asyncio.current_task(), "cancelling", None)
    return cancelling is not None and cancelling() > 0


class AsyncClient:
    """Client, with async and await. Belongs to the event loop in which it was made."""

    def __init__(
        self,
        server: conn.Addresses = "127.0.0.1:50051",
        *,
        tls: bool = False,
        tls_ca: conn.StrPath | None = None,
        tls_cert: conn.StrPath | None = None,
        tls_key: conn.StrPath | None = None,
        api_key: str | None = None,
        api_key_file: conn.StrPath | None = None,
        allow_plaintext_api_key: bool = False,
        max_retries: int = 5,
        initial_backoff: float = 0.2,
        max_backoff: float = 10.0,
        max_busy_wait: float = 120.0,
    ) -> None:
        self._connection = conn.connection(
            server,
            tls=tls,
            tls_ca=tls_ca,
            tls_cert=tls_cert,
            tls_key=tls_key,
            api_key=api_key,
            api_key_file=api_key_file,
            allow_plaintext_api_key=allow_plaintext_api_key,
            retries=RetryOptions(max_retries, initial_backoff, max_backoff, max_busy_wait),
        )
        credentials = self._connection.credentials
        self._replicas = [_Replica(one, credentials) for one in self._connection.addresses]
        self._songs: weakref.WeakSet[AsyncSong] = weakref.WeakSet()

    def generate(
        self,
        video: Video,
        *,
        deadline: float | None = None,
        request_id: str = "",
        traceparent: str = "",
        progress: Callable[[pb.GenerationProgress], object] | None = None,
        **options: Unpack[SongOptions],
    ) -> AsyncSong:
        """Returns a song for a video: a path, bytes or a binary file. See Client.generate."""
        source = open_video(video)
        try:
            more = CallOptions(deadline, request_id, traceparent, progress)
            call = Call(self._connection, source.size, options, more)
            song = AsyncSong(self._replicas, call, source)
        except BaseException:
            source.close()
            raise
        self._songs.add(song)
        return song

    async def model_info(self, *, timeout: float = 10.0) -> pb.GetModelInfoResponse:
        """Asks the addresses in turn until one answers."""
        end = time.monotonic() + timeout
        failure: VidmuseError | None = None
        for replica in self._replicas:
            try:
                return await self._model_info(replica, end)
            except VidmuseError as error:
                if not is_transport_failure(error):
                    raise
                failure = error
        assert failure is not None
        raise failure

    async def models(self, *, timeout: float = 10.0) -> list[pb.GetModelInfoResponse]:
        """What every address serves, in their order. An address that doesn't answer is an error."""
        end = time.monotonic() + timeout
        return [await self._model_info(replica, end) for replica in self._replicas]

    async def health(self, service: str = "", *, timeout: float = 10.0) -> str:
        """Returns "SERVING" if every address serves. See Client.health."""
        end = time.monotonic() + timeout
        request = conn.HealthCheckRequest(service=service)
        for replica in self._replicas:
            with naming(replica.address):
                response = await replica.health(request, timeout=end - time.monotonic())
            conn.check_serving(replica.address, response)
        return "SERVING"

    async def close(self) -> None:
        """Cancels the songs that are being made, and closes the connections."""
        for song in list(self._songs):
            song.close()
        for replica in self._replicas:
            await replica.channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _model_info(self, replica: _Replica, end: float) -> pb.GetModelInfoResponse:
        with naming(replica.address):
            info: pb.GetModelInfoResponse = await replica.model_info(
                pb.GetModelInfoRequest(),
                timeout=end - time.monotonic(),
                metadata=self._connection.key_metadata,
            )
        return info


@contextlib.asynccontextmanager
async def _closing(events: AsyncGenerator[Any, None]) -> AsyncIterator[AsyncGenerator[Any, None]]:
    """contextlib.aclosing, which Python has from 3.10 on."""
    try:
        yield events
    finally:
        await events.aclose()
