"""The errors of this package."""

from __future__ import annotations

import grpc


class VidmuseError(Exception):
    """A call failed. `code` is gRPC's, with the meanings that music.proto gives them."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


class InvalidArgumentError(VidmuseError):
    """Not a video, over a limit, or an option is out of range. Trying again fails again."""


class FailedPreconditionError(VidmuseError):
    """No server was found that makes the rest of the same bytes."""


class ResourceExhaustedError(VidmuseError):
    """The servers' queues are full, or memory is short."""


class DeadlineExceededError(VidmuseError):
    """The deadline has passed, or too little of it is left."""


class UnavailableError(VidmuseError):
    """No server can be reached, or all are shutting down."""


class UnauthenticatedError(VidmuseError):
    """The API key or the client's certificate is missing or wrong."""


class UnimplementedError(VidmuseError):
    """The server, or what is installed here, can't do this."""


class CancelledError(VidmuseError):
    """The song was cancelled here. Not asyncio.CancelledError, which passes through as it is."""


class DataLossError(VidmuseError):
    """A server's messages don't fit together, or the video's file changed while it was read."""


_CLASSES = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPreconditionError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhaustedError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.UNIMPLEMENTED: UnimplementedError,
    grpc.StatusCode.CANCELLED: CancelledError,
    grpc.StatusCode.DATA_LOSS: DataLossError,
}


def make_error(code: grpc.StatusCode, message: str) -> VidmuseError:
    """Returns an error of the class that belongs to `code`."""
    return _CLASSES.get(code, VidmuseError)(code, message)


def invalid(message: str) -> VidmuseError:
    return make_error(grpc.StatusCode.INVALID_ARGUMENT, message)


def data_loss(message: str) -> VidmuseError:
    return make_error(grpc.StatusCode.DATA_LOSS, message)
