"""What a client has of a song while its stream arrives, as client/stream_state.cc in C++."""

from __future__ import annotations

import enum

import grpc

from ._variant_state import VariantState
from .errors import VidmuseError, data_loss, make_error
from .v1 import music_pb2 as pb

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

    def __init__(self, given: pb.ResumeFrom, variants: int = 1) -> None:
        self._given = given
        self._before_restart: pb.GenerationStarted | None = None
        self._attempt_started = False
        self.started: pb.GenerationStarted | None = None
        self.finished = False
        tokens = [variant.tokens for variant in given.variants] or [given.tokens]
        tokens += [b""] * (variants - len(tokens))
        self.variants = [VariantState(one) for one in tokens[:variants]]

    @property
    def progress(self) -> int:
        """Grows with every new token and byte."""
        return sum(variant.progress for variant in self.variants)

    @property
    def received_bytes(self) -> int:
        """Of all variants."""
        return sum(variant.received_bytes for variant in self.variants)

    @property
    def has_new(self) -> bool:
        """Whether anything was received that the caller did not have before."""
        return any(variant.has_new for variant in self.variants)

    @property
    def required_fingerprint(self) -> str:
        """The fingerprint that an exact attempt needs; empty if any will do."""
        if self.has_new and self.started is not None:
            return self.started.fingerprint
        return self._given.fingerprint

    def held_frames(self, variant: int = 0) -> int:
        return 0 if self.started is None else self.variants[variant].held_frames(self.started)

    def received_samples(self, variant: int = 0) -> int:
        return 0 if self.started is None else self.variants[variant].received_samples(self.started)

    @property
    def can_splice(self) -> bool:
        """Whether the rest may come from another server without damage to the stream."""
        started = self.started
        return started is None or all(one.can_splice(started) for one in self.variants)

    def begin_attempt(self) -> None:
        self._attempt_started = False
        for variant in self.variants:
            variant.begin_attempt()

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
        if chunk.variant >= len(self.variants):
            raise data_loss(f"a chunk of variant {chunk.variant} of {len(self.variants)} came")
        self.variants[chunk.variant].on_chunk(self.started, chunk)

    def on_finished(self, finished: pb.GenerationFinished) -> None:
        if not self._attempt_started or self.started is None:
            raise data_loss("`finished` came before `started`")
        if self.finished:
            raise data_loss("`finished` came twice")
        total = self.started.total_samples
        if finished.total_samples != total:
            raise data_loss(
                f"`finished` says {finished.total_samples} samples, `started` said {total}"
            )
        for variant in self.variants:
            variant.check_whole(self.started)
        self.finished = True

    def restart(self) -> None:
        """Forgets what was received, except the song's seed and sampling."""
        if self.started is not None:
            self._before_restart = self.started
        self.started = None
        for variant in self.variants:
            variant.restart()

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
            self._fill_received(resume)
            exact = mode == ResumeMode.EXACT
            resume.fingerprint = self.required_fingerprint if exact else ""
        if resume.ByteSize() > 0:
            config.resume.CopyFrom(resume)

    def _fill_received(self, resume: pb.ResumeFrom) -> None:
        if len(self.variants) == 1:
            resume.tokens = self.variants[0].tokens
            resume.received_bytes = self.variants[0].received_bytes
            return
        resume.ClearField("variants")
        for one in self.variants:
            resume.variants.add(tokens=one.tokens, received_bytes=one.received_bytes)

    def _check_given_tokens(self, started: pb.GenerationStarted) -> None:
        if started.codebooks == 0:
            raise data_loss("`started` names no codebooks")
        # Older servers make one song, whatever was asked for.
        if len(self.variants) > 1 and len(started.seeds) != len(self.variants):
            raise make_error(
                grpc.StatusCode.UNIMPLEMENTED,
                f"the server makes {len(started.seeds)} variants, not {len(self.variants)}",
            )
        for variant in self.variants:
            variant.check_given(started)
        if self._before_restart is not None:
            _check_same("seed", self._before_restart.seed, started.seed)


def _check_same(what: str, before: object, now: object) -> None:
    if before != now:
        raise _another(what, before, now)


def _another(what: str, before: object, now: object) -> VidmuseError:
    return data_loss(f"the resumed stream has another {what}: {now}, it was {before}")


def _check_same_song(before: pb.GenerationStarted, now: pb.GenerationStarted) -> None:
    for name in _SAME_IN_A_SONG:
        _check_same(name, getattr(before, name), getattr(now, name))
    _check_same("seeds", list(before.seeds), list(now.seeds))
    # Older servers don't send the sampling.
    if before.HasField("sampling") and now.HasField("sampling"):
        _check_same("sampling", before.sampling, now.sampling)
