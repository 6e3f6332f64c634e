"""What a client has of a song while its stream arrives, as client/stream_state.cc in C++."""

from __future__ import annotations

import enum

from .errors import VidmuseError, data_loss, invalid
from .v1 import music_pb2 as pb

TOKEN_BYTES = 2
# A WAV file has its first sample within this many bytes, or its header is taken for unknown.
HEAD_BYTES = 16 << 10

_SAMPLE_BYTES = {
    pb.AUDIO_FORMAT_WAV: 2,
    pb.AUDIO_FORMAT_PCM_S16LE: 2,
    pb.AUDIO_FORMAT_PCM_F32LE: 4,
}
_SAME_IN_A_SONG = (
    "total_samples",
    "total_frames",
    "model",
    "sample_rate",
    "channels",
    "codebooks",
    "format",
    "seed",
)


class ResumeMode(enum.Enum):
    """How the next attempt continues the song."""

    EXACT = "exact"  # after the last byte, on a server with the fingerprint of the one before
    SPLICE = "splice"  # after the last byte, on any server
    RESTART = "restart"  # from the first byte, with the same seed, on any server


class StreamState:
    """Checks that what arrives is one song without gaps, and raises DATA_LOSS otherwise."""

    def __init__(self, given: pb.ResumeFrom) -> None:
        self._given = given
        self._before_restart: pb.GenerationStarted | None = None
        self._tokens = bytearray(given.tokens)
        self._head = b""  # the stream's first bytes, which hold a WAV header
        self._next_sample = 0  # end of the chunk that reaches furthest
        self._attempt_started = False
        self._attempt_next_sample: int | None = None
        self.started: pb.GenerationStarted | None = None
        self.finished = False
        self.received_bytes = 0

    @property
    def tokens(self) -> bytes:
        return bytes(self._tokens)

    @property
    def progress(self) -> int:
        """Grows with every new token and byte."""
        return len(self._tokens) + self.received_bytes

    @property
    def has_new(self) -> bool:
        """Whether anything was received that the caller did not have before."""
        return self.received_bytes > 0 or len(self._tokens) > len(self._given.tokens)

    @property
    def required_fingerprint(self) -> str:
        """The fingerprint that an exact attempt needs; empty if any will do."""
        if self.has_new and self.started is not None:
            return self.started.fingerprint
        return self._given.fingerprint

    @property
    def held_frames(self) -> int:
        if self.started is None:
            return 0
        return len(self._tokens) // (TOKEN_BYTES * self.started.codebooks)

    @property
    def received_samples(self) -> int:
        header = self._header_bytes()
        return 0 if header is None else (self.received_bytes - header) // self._sample_bytes()

    @property
    def can_splice(self) -> bool:
        """Whether the rest may come from another server without damage to the stream."""
        if self.started is None or self.received_bytes == 0:
            return True
        header = self._header_bytes()
        return header is not None and (self.received_bytes - header) % self._sample_bytes() == 0

    def begin_attempt(self) -> None:
        self._attempt_started = False
        self._attempt_next_sample = None

    def on_started(self, started: pb.GenerationStarted) -> None:
        if self._attempt_started:
            raise data_loss("`started` came twice")
        self._attempt_started = True
        if self.started is not None:
            _check_same_song(self.started, started)
        else:
            self._check_given_tokens(started)
        self.started = started

    def on_chunk(self, chunk: pb.AudioChunk) -> None:
        if not self._attempt_started or self.started is None:
            raise data_loss("a chunk came before `started`")
        if self.finished:
            raise data_loss("a chunk came after `finished`")
        self._add_tokens(self.started, chunk)
        self._add_samples(self.started, chunk)
        if len(self._head) < HEAD_BYTES:
            self._head += chunk.data[: HEAD_BYTES - len(self._head)]
        self.received_bytes += len(chunk.data)

    def on_finished(self, finished: pb.GenerationFinished) -> None:
        if not self._attempt_started or self.started is None:
            raise data_loss("`finished` came before `started`")
        if self.finished:
            raise data_loss("`finished` came twice")
        total = self.started.total_samples
        if finished.total_samples != total or self._next_sample != total:
            raise data_loss(
                f"the song has {self._next_sample} samples, `finished` says "
                f"{finished.total_samples}, `started` said {total}"
            )
        if self.held_frames != self.started.total_frames:
            raise data_loss(
                f"the song has tokens of {self.held_frames} frames, not {self.started.total_frames}"
            )
        header = self._header_bytes()
        if header is not None and self.received_bytes != header + self._sample_bytes() * total:
            raise data_loss(
                f"{self.received_bytes} bytes came for {total} samples of "
                f"{self._sample_bytes()} bytes after {header}"
            )
        self.finished = True

    def restart(self) -> None:
        """Forgets what was received, except the song's seed and sampling."""
        if self.started is not None:
            self._before_restart = self.started
        self.started = None
        self._tokens = bytearray(self._given.tokens)
        self._head = b""
        self.received_bytes = 0
        self._next_sample = 0

    def fill_config(self, mode: ResumeMode, config: pb.GenerateMusicConfig) -> None:
        """Sets the seed, the sampling in force and the resume point of the next attempt."""
        config.ClearField("resume")
        song = self.started if self.started is not None else self._before_restart
        if song is not None:
            # Set explicitly, so that another server's defaults don't change the song.
            if song.HasField("sampling"):
                config.sampling.CopyFrom(song.sampling)
            config.sampling.seed = song.seed
        resume = pb.ResumeFrom()
        resume.CopyFrom(self._given)
        if mode != ResumeMode.RESTART and self.has_new:
            resume.tokens = bytes(self._tokens)
            resume.received_bytes = self.received_bytes
            exact = mode == ResumeMode.EXACT
            resume.fingerprint = self.required_fingerprint if exact else ""
        if resume.tokens or resume.received_bytes or resume.fingerprint:
            config.resume.CopyFrom(resume)

    def _check_given_tokens(self, started: pb.GenerationStarted) -> None:
        if started.codebooks == 0:
            raise data_loss("`started` names no codebooks")
        frame_bytes = TOKEN_BYTES * started.codebooks
        size = len(self._tokens)
        if size % frame_bytes != 0 or size // frame_bytes > started.total_frames:
            raise invalid(
                f"the resume tokens ({size} bytes) are no whole frames of {started.codebooks} "
                f"codebooks, or more than the song's {started.total_frames}"
            )
        if self._before_restart is not None:
            _check_same("seed", self._before_restart.seed, started.seed)

    def _sample_bytes(self) -> int:
        if self.started is None:
            return 0
        return _SAMPLE_BYTES.get(self.started.format, 0) * self.started.channels

    def _header_bytes(self) -> int | None:
        """Bytes before the first sample; None if unknown or if the format is compressed."""
        if self.started is None or self._sample_bytes() == 0:
            return None
        if self.started.format != pb.AUDIO_FORMAT_WAV:
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


def _check_same(what: str, before: object, now: object) -> None:
    if before != now:
        raise _another(what, before, now)


def _another(what: str, before: object, now: object) -> VidmuseError:
    return data_loss(f"the resumed stream has another {what}: {now}, it was {before}")


def _check_same_song(before: pb.GenerationStarted, now: pb.GenerationStarted) -> None:
    for name in _SAME_IN_A_SONG:
        _check_same(name, getattr(before, name), getattr(now, name))
    # Older servers don't send the sampling.
    if before.HasField("sampling") and now.HasField("sampling"):
        _check_same("sampling", before.sampling, now.sampling)
