"""What can be seen of a song, in Song and AsyncSong alike."""

from __future__ import annotations

from ._call import Call
from .v1 import music_pb2 as pb


class SongView:
    """The state of a song's call."""

    def __init__(self, call: Call) -> None:
        self._call = call

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
        """All tokens so far, from frame 0 on: what the option `resume` takes. Of the first variant,
        where there are several."""
        return self._call.state.variants[0].tokens

    @property
    def variant_tokens(self) -> list[bytes]:
        """The same of each variant: what the option `resume_variants` takes."""
        return [variant.tokens for variant in self._call.state.variants]

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
        return self._call.uploaded_bytes
