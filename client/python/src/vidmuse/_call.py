"""One song: a series of attempts that together make one stream. No input or output happens here,
so that Client and AsyncClient follow the same rules, which are those of
client/resumable_call.cc."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Callable, Union

import grpc

from ._connection import Connection, is_visible
from ._events import Chunk, Event, Restarted, Retrying, Spliced
from ._options import SongOptions, make_config
from ._resume_plan import ResumePlan
from ._retry import RetryPolicy, Trailers, from_status, is_transport_failure
from ._stream_state import ResumeMode, StreamState
from ._trace import trace_headers
from .errors import VidmuseError, data_loss, invalid, make_error
from .v1 import music_pb2 as pb

PIECE_BYTES = 256 << 10
# Upper bound of a message's size without its piece of the video.
MESSAGE_OVERHEAD = 64


@dataclass(frozen=True)
class CallOptions:
    """What a song needs besides its config."""

    deadline: float | None = None
    request_id: str = ""
    traceparent: str = ""
    progress: Callable[[pb.GenerationProgress], object] | None = None


@dataclass(frozen=True)
class Attempt:
    """What to send, and where."""

    address: int  # index of the server
    config: pb.GenerateMusicConfig
    metadata: tuple[tuple[str, str], ...]
    timeout: float | None
    piece_bytes: int


@dataclass(frozen=True)
class Ended:
    """How an attempt ended on the wire. `code` None: the stream ended without an error."""

    code: grpc.StatusCode | None = None
    details: str = ""
    trailers: Trailers = field(default_factory=Trailers)
    # What went wrong here, such as in reading the video; not retried.
    local: Exception | None = None


@dataclass(frozen=True)
class Done:
    """The song is complete."""


@dataclass(frozen=True)
class AskMessageLimit:
    """The server's limits.max_message_bytes is to be asked for, then given to `on_limit`."""


Step = Union[Done, Retrying, AskMessageLimit]


class Call:
    """The state of a song. Not thread-safe."""

    def __init__(
        self, connection: Connection, video_bytes: int, song: SongOptions, options: CallOptions
    ) -> None:
        if not is_visible(options.request_id) or not is_visible(options.traceparent):
            raise invalid("request_id or traceparent has characters that are not visible ASCII")
        if options.deadline is not None and not options.deadline > 0:
            raise invalid(f"deadline must be above 0 seconds, not {options.deadline}")
        self.config = make_config(song)
        self.config.return_tokens = True
        self.config.video_bytes = video_bytes
        self.request_id = options.request_id or secrets.token_hex(16)
        # A number that the server will refuse counts as one that it takes.
        self.variants = min(max(self.config.variants, 1), 8)
        self.state = StreamState(self.config.resume, self.variants)
        self.finished: pb.GenerationFinished | None = None
        self.progress: pb.GenerationProgress | None = None
        self.retries = 0
        self.uploaded_bytes = 0  # in this attempt
        self._connection = connection
        self._options = options
        # Here, where the caller's span is the current one.
        self._trace_headers = trace_headers(options.traceparent)
        self._policy = RetryPolicy(connection.retries)
        self._piece_bytes = PIECE_BYTES
        self._attempts = 0
        self._failure: VidmuseError | None = None
        self._other_fingerprint = False
        self._ended = Ended()

    def begin(self, *, can_restart: bool) -> None:
        """Starts the clock. `can_restart`: whether what was delivered can be taken back."""
        self._can_restart = can_restart
        self._deadline = (
            None if self._options.deadline is None else time.monotonic() + self._options.deadline
        )
        self._plan = ResumePlan(
            addresses=len(self._connection.addresses),
            exact_only=bool(self.config.resume.fingerprint),
            can_restart=can_restart,
        )
        self._progress_before = self.state.progress

    def begin_attempt(self) -> Attempt:
        self.state.begin_attempt()
        self._failure = None
        self._other_fingerprint = False
        self.uploaded_bytes = 0
        number = self._attempts
        self._attempts += 1
        metadata = [
            *self._connection.key_metadata,
            ("x-request-id", self.request_id),
            ("x-vidmuse-attempt", str(number + 1)),
            *self._trace_headers,
        ]
        config = pb.GenerateMusicConfig()
        config.CopyFrom(self.config)
        self.state.fill_config(self._plan.mode, config)
        return Attempt(
            address=number % len(self._connection.addresses),
            config=config,
            metadata=tuple(metadata),
            timeout=None if self._deadline is None else self._deadline - time.monotonic(),
            piece_bytes=self._piece_bytes,
        )

    def on_response(self, response: pb.GenerateMusicResponse) -> list[Event]:
        """Raises where the attempt must end; the reason is kept for `on_ended`."""
        try:
            return self._handle(response)
        except VidmuseError as error:
            self._failure = error
            raise

    def on_ended(self, ended: Ended, *, cancelled: bool) -> Step:
        """Says what to do after an attempt. An error that it raises ends the song."""
        self._ended = ended
        if not self._other_fingerprint:
            if self._failure is not None:
                raise self._failure
            if self.state.finished:
                return Done()
            if ended.local is not None:
                raise ended.local
            if ended.code is None:
                raise data_loss("the stream ended without `finished`")
        error = self._failure or self._error(ended, cancelled)
        if self.state.progress != self._progress_before:
            self._progress_before = self.state.progress
            self._policy.on_progress()
        return self._plan_next(error, ended, may_ask=True)

    def on_limit(self, limit: int | None, *, cancelled: bool) -> Step:
        """Goes on after AskMessageLimit. None: the server didn't answer."""
        if limit is not None and MESSAGE_OVERHEAD < limit < self._piece_bytes + MESSAGE_OVERHEAD:
            self._piece_bytes = limit - MESSAGE_OVERHEAD
            return self._retry(self._error(self._ended, cancelled), 0.0)
        return self._plan_next(self._error(self._ended, cancelled), self._ended, may_ask=False)

    @property
    def key_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._connection.key_metadata

    @staticmethod
    def cancelled_error() -> VidmuseError:
        return make_error(grpc.StatusCode.CANCELLED, "cancelled by the caller")

    def _error(self, ended: Ended, cancelled: bool) -> VidmuseError:
        assert ended.code is not None
        error = from_status(ended.code, ended.details)
        # A server or proxy that ends in the middle of a call may report CANCELLED, although nobody
        # here has cancelled.
        if error.code == grpc.StatusCode.CANCELLED and not cancelled:
            message = f"the call was cut off: {error.message}"
            return make_error(grpc.StatusCode.UNAVAILABLE, message)
        return error

    def _plan_next(self, error: VidmuseError, ended: Ended, *, may_ask: bool) -> Step:
        other = self._other_fingerprint or (
            error.code == grpc.StatusCode.FAILED_PRECONDITION
            and ended.trailers.fingerprint is not None
        )
        if other and self._plan.mode == ResumeMode.EXACT:
            self._plan.on_other_fingerprint(self.state)
            return self._retry(error, 0.0)
        may_be_too_long = (
            error.code == grpc.StatusCode.RESOURCE_EXHAUSTED
            and ended.trailers.pushback is None
            and self._piece_bytes == PIECE_BYTES
        )
        if may_ask and may_be_too_long:
            return AskMessageLimit()
        delay = self._policy.on_failure(error, ended.trailers)
        if delay is not None:
            self._plan.on_failure(self.state)
            return self._retry(error, delay)
        if not is_transport_failure(error) or not self._plan.searching:
            raise error
        # The server that made the first part is still unreachable, but another one has answered.
        self._plan.settle(self.state)
        self._policy.on_progress()
        return self._retry(error, 0.0)

    def _retry(self, error: VidmuseError, delay: float) -> Retrying:
        if self._deadline is not None and time.monotonic() + delay >= self._deadline:
            raise error
        self.retries += 1
        return Retrying(error, delay)

    def _handle(self, response: pb.GenerateMusicResponse) -> list[Event]:
        kind = response.WhichOneof("payload")
        if kind == "started":
            return self._on_started(response.started)
        if kind == "chunk":
            self.state.on_chunk(response.chunk)
            chunk = response.chunk
            return [
                Chunk(
                    data=chunk.data,
                    first_sample=chunk.first_sample,
                    num_samples=chunk.num_samples,
                    tokens=chunk.tokens,
                    first_frame=chunk.first_frame,
                    variant=chunk.variant,
                )
            ]
        if kind == "finished":
            self.state.on_finished(response.finished)
            self.finished = response.finished
            return [response.finished]
        if kind == "progress":
            self.progress = response.progress
            if self._options.progress is not None:
                self._options.progress(response.progress)
            return [response.progress]
        return []  # a newer server may send payloads unknown here

    def _on_started(self, started: pb.GenerationStarted) -> list[Event]:
        events: list[Event] = []
        required = self.state.required_fingerprint
        exact = self._plan.mode == ResumeMode.EXACT
        if exact and required and started.fingerprint != required:
            # An older server ignores `resume.fingerprint`, so it is compared here too.
            self._other_fingerprint = True
            raise make_error(
                grpc.StatusCode.FAILED_PRECONDITION, "the server has another fingerprint"
            )
        if self._plan.mode == ResumeMode.RESTART:
            self.state.restart()
            events.append(Restarted())
        before = self.state.started
        has_new = self.state.has_new
        self.state.on_started(started)
        self._plan.on_started()
        if before is None:
            events.append(started)
        if before is not None and has_new and started.fingerprint != before.fingerprint:
            events += [
                Spliced(
                    first_sample=self.state.received_samples(variant),
                    first_frame=self.state.held_frames(variant),
                    first_fingerprint=before.fingerprint,
                    second_fingerprint=started.fingerprint,
                    variant=variant,
                )
                for variant in range(self.variants)
            ]
        return events
