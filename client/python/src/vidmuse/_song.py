"""What Song and AsyncSong have in common."""

from __future__ import annotations

from ._call import Call, Ended
from ._retry import read_trailers
from ._save import SongFile, format_for
from ._video import VideoSource
from .errors import invalid
from .v1 import music_pb2 as pb


class SongBase:
    """A song that is being made. Use one for one reading: by iteration, `events` or `save`."""

    def __init__(self, call: Call, video: VideoSource) -> None:
        self._call = call
        self._video = video
        self._begun = False
        self._keep_video = False  # `save` needs it once more
        self._cancelled = False
        self._uploaded = 0

    @property
    def started(self) -> pb.GenerationStarted | None:
        """What the server said it would send, with the seed; None before that."""
        return self._call.state.started

    @property
    def finished(self) -> pb.GenerationFinished | None:
        """What was sent, with loudness and timings; None until the song is complete."""
        return self._call.finished

    @property
    def progress(self) -> pb.GenerationProgress | None:
        """Where the request stands, as the server said last."""
        return self._call.progress

    @property
    def tokens(self) -> bytes:
        """All tokens so far, from frame 0 on: what the option `resume` takes."""
        return self._call.state.tokens

    @property
    def request_id(self) -> str:
        """The id in the servers' logs."""
        return self._call.request_id

    @property
    def retries(self) -> int:
        """How many times the call went on after a failure."""
        return self._call.retries

    @property
    def uploaded_bytes(self) -> int:
        """Bytes of the video that were sent in this attempt."""
        return self._uploaded

    def cancel(self) -> None:
        """Ends the call; its reader gets a vidmuse.CancelledError."""
        raise NotImplementedError

    def close(self) -> None:
        """Cancels the song if it is not complete, and closes its video."""
        if self.finished is None:
            self.cancel()
        self._video.close()

    def _end(self) -> None:
        """To be called when the reading ends, for whatever reason."""
        if self.finished is None:
            self.cancel()
        if not self._keep_video:
            self._video.close()

    def _begin(self, *, can_restart: bool) -> None:
        if self._begun:
            raise invalid("this song was read already: generate makes a new one")
        self._begun = True
        self._call.begin(can_restart=can_restart)

    def _open_file(self, path: str) -> SongFile:
        """Chooses the format by the path's extension, unless the caller has."""
        if self._begun:
            raise invalid("this song was read already: save it before anything else")
        self._call.config.format = format_for(path, self._call.config.format)
        self._keep_video = True
        return SongFile.create(path, self._video)


def ended_by_error(error: object) -> Ended:
    """Reads a grpc.RpcError of either API: both have these methods, but no common type."""
    code, details, trailers = error.code(), error.details(), error.trailing_metadata()  # type: ignore[attr-defined]
    return Ended(code=code, details=details or "", trailers=read_trailers(trailers))
