"""Decides whether and when a broken call is retried, as client/retry_policy.cc does in C++."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

import grpc

from .errors import VidmuseError, make_error

# A longer pushback is assumed to be a mistake and is cut to this.
MAX_PUSHBACK = 3600.0
# Keeps a pushback of 0 from causing a busy loop.
MIN_BUSY_WAIT = 0.1
MAX_INT64 = 2**63 - 1

# gRPC's own messages for streams that the peer or the connection has reset.
_RESETS = ("RST_STREAM", "Stream removed", "Connection reset", "Socket closed", "GOAWAY")
_CODES_OF_RESETS = (
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)


@dataclass(frozen=True)
class RetryOptions:
    """What ClientOptions of the C++ client says of retries. Times are in seconds."""

    max_retries: int = 5
    initial_backoff: float = 0.2
    max_backoff: float = 10.0
    max_busy_wait: float = 120.0


@dataclass(frozen=True)
class Trailers:
    """The trailing metadata that came with a call's status."""

    # Whether there were any: then a server has answered, or a proxy that has no server.
    any: bool = False
    forbids_retry: bool = False
    pushback: float | None = None
    # The server's fingerprint, if it isn't the one that was required.
    fingerprint: str | None = None


def is_transport_failure(error: VidmuseError) -> bool:
    """Whether the connection or the server went away, rather than the service answered."""
    if error.code == grpc.StatusCode.UNAVAILABLE:
        return True
    return error.code in _CODES_OF_RESETS and any(sign in error.message for sign in _RESETS)


def from_status(code: grpc.StatusCode, details: str | None) -> VidmuseError:
    """Makes an error of a call's status. Every transport failure becomes UNAVAILABLE."""
    error = make_error(code, details or "")
    if code == grpc.StatusCode.UNAVAILABLE or not is_transport_failure(error):
        return error
    return make_error(grpc.StatusCode.UNAVAILABLE, f"the connection broke off: {error.message}")


def read_trailers(metadata: Iterable[tuple[str, str | bytes]] | None) -> Trailers:
    values = dict(metadata or ())
    fingerprint = values.get("vidmuse-fingerprint")
    if isinstance(fingerprint, bytes):
        fingerprint = fingerprint.decode("utf-8", "replace")
    text = values.get("grpc-retry-pushback-ms")
    if text is None:
        return Trailers(any=bool(values), fingerprint=fingerprint)
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    is_number = re.fullmatch(r"\s*[+-]?[0-9]+\s*", text, re.ASCII) is not None
    milliseconds = int(text) if is_number else -1
    if not 0 <= milliseconds <= MAX_INT64:
        return Trailers(any=True, forbids_retry=True, fingerprint=fingerprint)
    pushback = min(milliseconds / 1000, MAX_PUSHBACK)
    return Trailers(any=True, pushback=pushback, fingerprint=fingerprint)


class RetryPolicy:
    """Counts the retries and the waiting of one call."""

    def __init__(self, options: RetryOptions) -> None:
        self._options = options
        self._failures = 0  # transport failures in a row without progress
        self._unanswered = 0  # those of them that count against max_retries
        self._busy_wait = 0.0

    def on_progress(self) -> None:
        """To be called when an attempt got further than those before it."""
        self._failures = self._unanswered = 0

    def on_failure(self, error: VidmuseError, trailers: Trailers) -> float | None:
        """Returns the seconds to wait before the next attempt, or None to give up."""
        if trailers.forbids_retry:
            return None
        if error.code == grpc.StatusCode.RESOURCE_EXHAUSTED:
            if trailers.pushback is None:
                return None
            return self._wait_for_server(max(trailers.pushback, MIN_BUSY_WAIT))
        if not is_transport_failure(error) or self._options.max_retries == 0:
            return None
        self._failures += 1
        delay = max(trailers.pushback or 0.0, self._backoff())
        # After an answer of a server or a proxy the next attempt may reach a good server. Such
        # answers count against max_retries only once max_busy_wait is used up.
        if trailers.any and self._wait_for_server(delay) is not None:
            return delay
        self._unanswered += 1
        return None if self._unanswered > self._options.max_retries else delay

    def _backoff(self) -> float:
        delay = self._options.initial_backoff
        for _ in range(1, self._failures):
            if delay >= self._options.max_backoff:
                break
            delay *= 2
        return min(delay, self._options.max_backoff) * random.uniform(0.5, 1.0)

    def _wait_for_server(self, delay: float) -> float | None:
        if self._busy_wait + delay > self._options.max_busy_wait:
            return None
        self._busy_wait += delay
        return delay
