"""What a client has of one variant of a song, as client/variant_state.cc in C++."""

from __future__ import annotations

from .errors import data_loss, invalid
from .v1 import music_pb2 as pb

TOKEN_BYTES = 2
# A WAV file has its first sample within this many bytes, or its header is taken for unknown.
HEAD_BYTES = 16 << 10

_SAMPLE_BYTES = {
    pb.AUDIO_FORMAT_WAV: 2,
    pb.AUDIO_FORMAT_PCM_S16LE: 2,
    pb.AUDIO_FORMAT_PCM_F32LE: 4,
}


class VariantState:
    """Checks that a variant's chunks have no gaps, and raises DATA_LOSS otherwise. `started` is the
    call's, whose format, codebooks and lengths count."""

    def __init__(self, given: bytes) -> None:
        self._given = given
        self._tokens = bytearray(given)
        self._head = b""  # the stream's first bytes, which hold a WAV header
        self._next_sample = 0  # end of the chunk that reaches furthest
        self._attempt_next_sample: int | None = None
        self.received_bytes = 0

    @property
    def tokens(self) -> bytes:
        return bytes(self._tokens)

    @property
    def progress(self) -> int:
        return len(self._tokens) + self.received_bytes

    @property
    def has_new(self) -> bool:
        return self.received_bytes > 0 or len(self._tokens) > len(self._given)

    def held_frames(self, started: pb.GenerationStarted) -> int:
        return len(self._tokens) // (TOKEN_BYTES * started.codebooks)

    def received_samples(self, started: pb.GenerationStarted) -> int:
        header = self._header_bytes(started)
        return 0 if header is None else (self.received_bytes - header) // _sample_bytes(started)

    def can_splice(self, started: pb.GenerationStarted) -> bool:
        if self.received_bytes == 0:
            return True
        header = self._header_bytes(started)
        return header is not None and (self.received_bytes - header) % _sample_bytes(started) == 0

    def begin_attempt(self) -> None:
        self._attempt_next_sample = None

    def restart(self) -> None:
        """Forgets what was received. The given tokens stay."""
        self._tokens = bytearray(self._given)
        self._head = b""
        self.received_bytes = 0
        self._next_sample = 0

    def check_given(self, started: pb.GenerationStarted) -> None:
        frame_bytes = TOKEN_BYTES * started.codebooks
        size = len(self._given)
        if size % frame_bytes != 0 or size // frame_bytes > started.total_frames:
            raise invalid(
                f"the resume tokens ({size} bytes) are no whole frames of {started.codebooks} "
                f"codebooks, or more than the song's {started.total_frames}"
            )

    def on_chunk(self, started: pb.GenerationStarted, chunk: pb.AudioChunk) -> None:
        self._add_tokens(started, chunk)
        self._add_samples(started, chunk)
        if len(self._head) < HEAD_BYTES:
            self._head += chunk.data[: HEAD_BYTES - len(self._head)]
        self.received_bytes += len(chunk.data)

    def check_whole(self, started: pb.GenerationStarted) -> None:
        total = started.total_samples
        if self._next_sample != total:
            raise data_loss(f"the song has {self._next_sample} samples, `started` said {total}")
        if self.held_frames(started) != started.total_frames:
            raise data_loss(
                f"the song has tokens of {self.held_frames(started)} frames, "
                f"not {started.total_frames}"
            )
        header = self._header_bytes(started)
        if header is not None and self.received_bytes != header + _sample_bytes(started) * total:
            raise data_loss(
                f"{self.received_bytes} bytes came for {total} samples of "
                f"{_sample_bytes(started)} bytes after {header}"
            )

    def _header_bytes(self, started: pb.GenerationStarted) -> int | None:
        """Bytes before the first sample; None if unknown or if the format is compressed."""
        if _sample_bytes(started) == 0:
            return None
        if started.format != pb.AUDIO_FORMAT_WAV:
            return 0
        return _wav_header_bytes(self._head)

    def _add_tokens(self, started: pb.GenerationStarted, chunk: pb.AudioChunk) -> None:
        if not chunk.tokens:
            return
        frame_bytes = TOKEN_BYTES * started.codebooks
        if len(chunk.tokens) % frame_bytes != 0:
            raise data_loss(
                f"a chunk has {len(chunk.tokens)} bytes of tokens, not whole frames of "
                f"{frame_bytes}"
            )
        held = len(self._tokens) // frame_bytes
        count = len(chunk.tokens) // frame_bytes
        if chunk.first_frame > held:
            raise data_loss(f"tokens go on at frame {chunk.first_frame}, expected {held}")
        if chunk.first_frame + count > started.total_frames:
            raise data_loss(
                f"tokens of {count} frames at frame {chunk.first_frame} pass the song's "
                f"{started.total_frames}"
            )
        # Tokens that a server sends again must equal the tokens held.
        begin = chunk.first_frame * frame_bytes
        again = min(held - chunk.first_frame, count) * frame_bytes
        if self._tokens[begin : begin + again] != chunk.tokens[:again]:
            raise data_loss(
                f"the tokens from frame {chunk.first_frame} on differ from those sent before"
            )
        self._tokens += chunk.tokens[again:]

    def _add_samples(self, started: pb.GenerationStarted, chunk: pb.AudioChunk) -> None:
        if chunk.num_samples == 0:
            return
        # The first chunk of a resumed stream may begin before the end of the samples held, because
        # servers cut chunks differently. Every later chunk must begin where the last one ended.
        expected = self._attempt_next_sample
        if expected is None:
            fits = chunk.first_sample <= self._next_sample
            expected = self._next_sample
        else:
            fits = chunk.first_sample == expected
        if not fits:
            raise data_loss(f"audio goes on at sample {chunk.first_sample}, expected {expected}")
        end = chunk.first_sample + chunk.num_samples
        if end > started.total_samples:
            raise data_loss(
                f"{chunk.num_samples} samples at {chunk.first_sample} pass the song's "
                f"{started.total_samples}"
            )
        self._attempt_next_sample = end
        self._next_sample = max(self._next_sample, end)


def _wav_header_bytes(head: bytes) -> int | None:
    """Bytes before the first sample: where the chunk "data" has its content."""
    if not head.startswith(b"RIFF") or head[8:12] != b"WAVE":
        return None
    at = 12
    while at + 8 <= len(head):
        if head[at : at + 4] == b"data":
            return at + 8
        size = int.from_bytes(head[at + 4 : at + 8], "little")
        at += 8 + size + size % 2  # chunks begin at even places
    return None


def _sample_bytes(started: pb.GenerationStarted) -> int:
    return _SAMPLE_BYTES.get(started.format, 0) * started.channels
