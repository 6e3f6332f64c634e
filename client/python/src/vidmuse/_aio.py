"""The client for asyncio: the blocking one, with a thread for each song that is being read.

It doesn't stand on grpc.aio, because that loses the status of a server that ends a call in the
middle of the upload, and with it the reason, the time to come back and the fingerprint.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Callable, TypeVar

from . import _connection as conn
from ._client import Client, Song
from ._events import Chunk, Event
from ._options import SongOptions
from ._save import SongFile
from ._song import SongView
from ._soundtrack import OriginalAudio, SoundOptions
from ._video import Video
from .v1 import music_pb2 as pb

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

T = TypeVar("T")
Progress = Callable[[pb.GenerationProgress], object]


class AsyncSong(SongView):
    """A song that a server makes while it is read. Iterate over it for its chunks.

    The call begins with the first read, and its deadline counts from there. A reader that stops
    early ends the call.
    """

    def __init__(self, song: Song, progress: Progress | None) -> None:
        super().__init__(song._call)
        self._song = song
        self._on_progress = progress

    async def __aiter__(self) -> AsyncGenerator[Chunk, None]:
        async with _closing(self.events()) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    yield event

    def events(self, *, can_restart: bool = False) -> AsyncGenerator[Event, None]:
        """Everything that happens, chunks included. With `can_restart` the song may start over
        (`Restarted`), where it otherwise goes on with a splice or fails."""
        return self._run(self._song.events(can_restart=can_restart))

    async def save(
        self,
        path: str | os.PathLike[str],
        *,
        original_audio: OriginalAudio = "drop",
        music_gain_db: float = 0.0,
    ) -> Self:
        """Writes the whole song to a file, as Song.save does."""
        options = SoundOptions(original_audio, music_gain_db)
        async with self:
            file = await asyncio.to_thread(self._song.open_file, os.fspath(path), options)
            await self._save(file)
        return self

    async def _save(self, file: SongFile) -> None:
        with file:
            async with _closing(self.events(can_restart=file.can_restart)) as events:
                async for event in events:
                    await asyncio.to_thread(file.on_event, event)
            await asyncio.to_thread(file.commit)

    def cancel(self) -> None:
        """Ends the call; its reader gets a vidmuse.CancelledError."""
        self._song.cancel()

    def close(self) -> None:
        """Cancels the song if it is not complete, and closes its video."""
        self._song.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def _run(self, events: Generator[Event, None, None]) -> AsyncGenerator[Event, None]:
        # A thread of its own: other songs' waits must not keep this one from being read.
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vidmuse-song")
        loop = asyncio.get_running_loop()
        try:
            while (event := await loop.run_in_executor(thread, _next, events)) is not None:
                if self._on_progress is not None and isinstance(event, pb.GenerationProgress):
                    self._on_progress(event)
                yield event
        finally:
            if self.finished is None:
                self._song.cancel()  # ends a read that is still in progress
            thread.submit(events.close)
            thread.shutdown(wait=False)


class AsyncClient:
    """Client, with async and await. The options are the same."""

    def __init__(
        self,
        server: conn.Addresses = conn.DEFAULT_ADDRESS,
        **options: Unpack[conn.ClientOptions],
    ) -> None:
        self._client = Client(server, **options)

    def generate(
        self,
        video: Video,
        *,
        deadline: float | None = None,
        request_id: str = "",
        traceparent: str = "",
        progress: Progress | None = None,
        **options: Unpack[SongOptions],
    ) -> AsyncSong:
        """Returns a song for a video: a path, bytes or a binary file. See Client.generate."""
        song = self._client.generate(
            video, deadline=deadline, request_id=request_id, traceparent=traceparent, **options
        )
        return AsyncSong(song, progress)

    async def model_info(self, *, timeout: float = 10.0) -> pb.GetModelInfoResponse:
        """Asks the addresses in turn until one answers."""
        return await asyncio.to_thread(self._client.model_info, timeout=timeout)

    async def models(self, *, timeout: float = 10.0) -> list[pb.GetModelInfoResponse]:
        """What every address serves, in their order. An address that doesn't answer is an error."""
        return await asyncio.to_thread(self._client.models, timeout=timeout)

    async def health(self, service: str = "", *, timeout: float = 10.0) -> str:
        """Returns "SERVING" if every address serves. See Client.health."""
        return await asyncio.to_thread(self._client.health, service, timeout=timeout)

    async def close(self) -> None:
        """Cancels the songs that are being made, and closes the connections."""
        await asyncio.to_thread(self._client.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _next(events: Generator[Event, None, None]) -> Event | None:
    # A StopIteration can't pass through a future.
    return next(events, None)


@contextlib.asynccontextmanager
async def _closing(events: AsyncGenerator[T, None]) -> AsyncIterator[AsyncGenerator[T, None]]:
    """contextlib.aclosing, which Python has from 3.10 on."""
    try:
        yield events
    finally:
        await events.aclose()
