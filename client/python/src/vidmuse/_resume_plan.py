"""Decides how a broken song is resumed when servers differ, as client/resume_plan.cc in C++."""

from __future__ import annotations

import grpc

from ._stream_state import ResumeMode, StreamState
from .errors import make_error

# Minimum number of attempts in a search, because one address may stand for many servers.
MIN_SEARCH = 8
# Limited, because each restart may throw away minutes of work.
MAX_RESTARTS = 3


class ResumePlan:
    """First looks for a server with the fingerprint of the one that failed, for a bounded number
    of attempts. Then settles for another one, if the reader can restart or the stream be spliced.
    """

    def __init__(self, *, addresses: int, exact_only: bool, can_restart: bool) -> None:
        self._addresses = addresses
        self._exact_only = exact_only  # the caller requires a fingerprint: settle for no other
        self._can_restart = can_restart
        self._attempts = 0  # counted from the first other fingerprint on
        self._restarts = 0
        self.mode = ResumeMode.EXACT

    @property
    def searching(self) -> bool:
        """Whether a server with another fingerprint was met since the last `started`."""
        return self._attempts > 0

    def on_started(self) -> None:
        self.mode = ResumeMode.EXACT
        self._attempts = 0

    def on_other_fingerprint(self, state: StreamState) -> None:
        """Raises FAILED_PRECONDITION if no further attempt may follow."""
        self._count_attempt(state)

    def on_failure(self, state: StreamState) -> None:
        """To be called when an attempt failed for another reason and will be retried."""
        if self.mode != ResumeMode.EXACT:
            return
        if self.searching:
            self._count_attempt(state)
        elif state.has_new and not state.required_fingerprint and not state.can_splice:
            # An older server sends no fingerprint, so no server is known to make the same bytes.
            self.settle(state)

    def settle(self, state: StreamState) -> None:
        """Gives up the search: RESTART or SPLICE, or FAILED_PRECONDITION if neither can be."""
        self._attempts = 0
        if not self._exact_only and self._can_restart and self._restarts < MAX_RESTARTS:
            self._restarts += 1
            self.mode = ResumeMode.RESTART
        elif not self._exact_only and not self._can_restart and state.can_splice:
            self.mode = ResumeMode.SPLICE
        else:
            raise make_error(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"the stream broke after {state.received_bytes} bytes, and no server was found "
                "that is known to make the same bytes as the one that went away: the song has to "
                "start over",
            )

    def _count_attempt(self, state: StreamState) -> None:
        self._attempts += 1
        if self._attempts >= max(MIN_SEARCH, 2 * self._addresses):
            self.settle(state)
