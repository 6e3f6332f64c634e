"""The blocking client."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, Callable

import grpc

from . import _connection as conn
from ._call import AskMessageLimit, Attempt, Call, CallOptions, Done, Ended
from ._events import Chunk, Event
from ._options import SongOptions
from ._retry import from_status, is_transport_failure, read_trailers
from ._save import SongFile, VariantFiles, format_for
from ._song import SongView
from ._soundtrack import OriginalAudio, SoundOptions
from ._video import Video, VideoSource, open_video
from .errors import VidmuseError, invalid, make_error
from .v1 import music_pb2 as pb

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack


class _Replica:
    """A server's address and the calls that it takes."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None) -> None:
        if credentials is None:
            self.channel = grpc.insecure_channel(address, conn.CHANNEL_OPTIONS)
        else:
            self.channel = grpc.secure_channel(address, credentials, conn.CHANNEL_OPTIONS)
        self.address = address
        self.broken = False  # whether the last call found no server
        self.generate = self.channel.stream_stream(
            conn.SERVICE + "GenerateMusic",
            request_serializer=pb.GenerateMusicRequest.SerializeToString,
            response_deserializer=pb.GenerateMusicResponse.FromString,
        )
        self.model_info = self.channel.unary_unary(
            conn.SERVICE + "GetModelInfo",
            request_serializer=pb.GetModelInfoRequest.SerializeToString,
            response_deserializer=pb.GetModelInfoResponse.FromString,
        )
        self.health = self.channel.unary_unary(
            conn.HEALTH_CHECK,
            request_serializer=conn.HealthCheckRequest.SerializeToString,
            response_deserializer=conn.HealthCheckResponse.FromString,
        )

    def await_connection(self) -> None:
        """Gives a broken connection a moment to come back. gRPC fails calls on it at once, except
        those that say that they wait; so a call goes first that may fail."""
        with contextlib.suppress(grpc.RpcError):
            self.health(conn.HealthCheckRequest(), timeout=conn.RECONNECT_WAIT, wait_for_ready=True)


class _Upload:
    """The messages of one attempt. gRPC reads them on a thread of its own, one at a time."""

    def __init__(self, video: VideoSource, attempt: Attempt, call: Call) -> None:
        self._video = video
        self._attempt = attempt
        self._call = call
        self._cancel: Callable[[], object] | None = None
        self._ready = threading.Event()
        self.error: Exception | None = None

    def on_error(self, cancel: Callable[[], object]) -> None:
        self._cancel = cancel
        self._ready.set()

    def __iter__(self) -> Iterator[pb.GenerateMusicRequest]:
        yield pb.GenerateMusicRequest(config=self._attempt.config)
        offset = 0
        while offset < self._video.size:
            length = min(self._attempt.piece_bytes, self._video.size - offset)
            try:
                piece = self._video.read_at(offset, length)
            except Exception as error:
                self.error = error
                self._ready.wait()
                assert self._cancel is not None
                self._cancel()
                return
            yield pb.GenerateMusicRequest(video_chunk=piece)
            offset += length
            self._call.uploaded_bytes = offset


class Song(SongView):
    """A song that a server makes while it is read. Iterate over it for its chunks.

    The call begins with the first read, and its deadline counts from there. A reader that stops
    early ends the call. `cancel` may be called from any thread.
    """

    def __init__(self, replicas: list[_Replica], call: Call, video: VideoSource) -> None:
        super().__init__(call)
        self._replicas = replicas
        self._video = video
        self._keep_video = False  # `save` needs it once more when the reading has ended
        self._begun = False
        self._lock = threading.Lock()
        self._rpc: Any = None  # guarded by _lock
        self._cancelled = threading.Event()

    def __iter__(self) -> Generator[Chunk, None, None]:
        with contextlib.closing(self.events()) as events:
            for event in events:
                if isinstance(event, Chunk):
                    yield event

    def events(self, *, can_restart: bool = False) -> Generator[Event, None, None]:
        """Everything that happens, chunks included. With `can_restart` the song may start over
        (`Restarted`), where it otherwise goes on with a splice or fails."""
        self._must_be_new()
        self._begun = True
        self._call.begin(can_restart=can_restart)
        return self._run()

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        original_audio: OriginalAudio = "drop",
        music_gain_db: float = 0.0,
    ) -> Self:
        """Writes the whole song to a file, which appears only when it is complete.

        The extension chooses the format, unless the option `format` did: .flac, .mp3, .ogg, else
        WAV. A .mp4, .m4v, .mov, .mkv or .webm is the video with the music under it, and needs the
        extra `mux`. There the video's own sound can be mixed in, or mixed in with the music giving
        way to it ("duck"). Several variants are files of their own: out.wav becomes out-1.wav and
        so on.
        """
        options = SoundOptions(original_audio, music_gain_db)
        with self, self.open_file(os.fspath(path), options) as file:
            with contextlib.closing(self.events(can_restart=file.can_restart)) as events:
                for event in events:
                    file.on_event(event)
            file.commit()
        return self

    def cancel(self) -> None:
        """Ends the call; its reader gets a vidmuse.CancelledError. Any thread may call this."""
        with self._lock:
            self._cancelled.set()
            if self._rpc is not None:
                self._rpc.cancel()

    def close(self) -> None:
        """Cancels the song if it is not complete, and closes its video."""
        if self.finished is None:
            self.cancel()
        self._video.close()

    def open_file(self, path: str, options: SoundOptions) -> SongFile:
        """For `save`. Chooses the format by the path's extension, unless the caller has."""
        self._must_be_new()
        self._call.config.format = format_for(path, self._call.config.format)
        self._keep_video = True
        if self._call.variants > 1:
            return VariantFiles(path, self._call.variants, self._video, options)
        return SongFile.create(path, self._video, options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _must_be_new(self) -> None:
        if self._begun:
            raise invalid("this song was read already: generate makes a new one")

    def _run(self) -> Generator[Event, None, None]:
        try:
            while True:
                attempt = self._call.begin_attempt()
                replica = self._replicas[attempt.address]
                if replica.broken:
                    replica.await_connection()
                ended = yield from self._run_attempt(replica, attempt)
                unavailable = ended.code == grpc.StatusCode.UNAVAILABLE
                replica.broken = unavailable and not ended.trailers.any
                step = self._call.on_ended(ended, cancelled=self._cancelled.is_set())
                if isinstance(step, AskMessageLimit):
                    limit = self._message_limit(replica)
                    step = self._call.on_limit(limit, cancelled=self._cancelled.is_set())
                if isinstance(step, Done):
                    return
                assert not isinstance(step, AskMessageLimit)
                yield step
                self._cancelled.wait(step.delay)
        finally:
            if self.finished is None:
                self.cancel()
            if not self._keep_video:
                self._video.close()

    def _run_attempt(self, replica: _Replica, attempt: Attempt) -> Generator[Event, None, Ended]:
        upload = _Upload(self._video, attempt, self._call)
        with self._lock:
            if self._cancelled.is_set():
                raise self._call.cancelled_error()
            self._rpc = rpc = replica.generate(
                iter(upload), timeout=attempt.timeout, metadata=attempt.metadata
            )
        upload.on_error(rpc.cancel)
        ended = Ended()
        try:
            for response in rpc:
                yield from self._call.on_response(response)
        except grpc.RpcError as error:
            ended = _ended_by_error(error)
        except VidmuseError as error:
            ended = Ended(local=error)
        finally:
            rpc.cancel()  # has no effect on a call that has ended
            with self._lock:
                self._rpc = None
        if upload.error is None or self._cancelled.is_set():
            return ended  # a video that was closed with its song is no error of its own
        return Ended(local=upload.error)

    def _message_limit(self, replica: _Replica) -> int | None:
        metadata = self._call.key_metadata
        try:
            info = replica.model_info(pb.GetModelInfoRequest(), timeout=10, metadata=metadata)
        except grpc.RpcError:
            return None
        return info.limits.max_message_bytes


class Client:
    """Makes music for videos with the servers at `server`.

    `server` is "host:port", several of them with commas between or in a list, or any gRPC target.
    They are replicas: tried in turn, and where one goes away in mid-song, the next one with the
    same fingerprint goes on with the same bytes. The options are ClientOptions'. Thread-safe.
    """

    def __init__(
        self,
        server: conn.Addresses = conn.DEFAULT_ADDRESS,
        **options: Unpack[conn.ClientOptions],
    ) -> None:
        self._connection = conn.connection(server, **options)
        credentials = self._connection.credentials
        self._replicas = [_Replica(one, credentials) for one in self._connection.addresses]
        self._songs_lock = threading.Lock()
        self._songs: weakref.WeakSet[Song] = weakref.WeakSet()  # guarded by _songs_lock

    def generate(
        self,
        video: Video,
        *,
        deadline: float | None = None,
        request_id: str = "",
        traceparent: str = "",
        progress: Callable[[pb.GenerationProgress], object] | None = None,
        **options: Unpack[SongOptions],
    ) -> Song:
        """Returns a song for a video: a path, bytes or a binary file.

        `options` are those of SongOptions. `deadline`: seconds for the whole song, with retries.
        `request_id` and `traceparent` are sent with every attempt; without a `traceparent` the
        current OpenTelemetry span's is, if there is one. `progress` is called when the server says
        where the request stands, while the song is read.
        """
        source = open_video(video)
        try:
            more = CallOptions(deadline, request_id, traceparent, progress)
            song = Song(self._replicas, Call(self._connection, source.size, options, more), source)
        except BaseException:
            source.close()
            raise
        with self._songs_lock:
            self._songs.add(song)
        return song

    def model_info(self, *, timeout: float = 10.0) -> pb.GetModelInfoResponse:
        """Asks the addresses in turn until one answers."""
        end = time.monotonic() + timeout
        failure: VidmuseError | None = None
        for replica in self._replicas:
            try:
                return self._model_info(replica, end)
            except VidmuseError as error:
                if not is_transport_failure(error):
                    raise
                failure = error
        assert failure is not None
        raise failure

    def models(self, *, timeout: float = 10.0) -> list[pb.GetModelInfoResponse]:
        """What every address serves, in their order. An address that doesn't answer is an error."""
        end = time.monotonic() + timeout
        return [self._model_info(replica, end) for replica in self._replicas]

    def health(self, service: str = "", *, timeout: float = 10.0) -> str:
        """Returns "SERVING" if every address serves, else raises UNAVAILABLE or the reason why the
        check failed. `service`: empty, "readiness" or "liveness"."""
        end = time.monotonic() + timeout
        request = conn.HealthCheckRequest(service=service)
        for replica in self._replicas:
            with _naming(replica.address):
                response = replica.health(request, timeout=end - time.monotonic())
            conn.check_serving(replica.address, response)
        return "SERVING"

    def close(self) -> None:
        """Cancels the songs that are being made, and closes the connections."""
        with self._songs_lock:
            songs = list(self._songs)
        for song in songs:
            song.close()
        for replica in self._replicas:
            replica.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _model_info(self, replica: _Replica, end: float) -> pb.GetModelInfoResponse:
        with _naming(replica.address):
            return replica.model_info(
                pb.GetModelInfoRequest(),
                timeout=end - time.monotonic(),
                metadata=self._connection.key_metadata,
            )


@contextlib.contextmanager
def _naming(address: str) -> Iterator[None]:
    """Turns a failed call into an error that names the address."""
    try:
        yield
    except grpc.RpcError as error:
        ended = _ended_by_error(error)
        assert ended.code is not None
        plain = from_status(ended.code, ended.details)
        raise make_error(plain.code, f"{address}: {plain.message}") from None


def _ended_by_error(error: Any) -> Ended:
    # Every grpc.RpcError of a call has these methods, which its type doesn't name.
    return Ended(
        code=error.code(),
        details=error.details() or "",
        trailers=read_trailers(error.trailing_metadata()),
    )
