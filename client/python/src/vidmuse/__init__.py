"""Music for videos, made by a vidmuse server.

from vidmuse import Client

with Client("127.0.0.1:50051") as client:
    client.generate("in.mp4", seed=7).save("out.wav")
"""

from ._aio import AsyncClient, AsyncSong
from ._client import Client, Song
from ._connection import ClientOptions
from ._events import Chunk, Event, Restarted, Retrying, Spliced
from ._options import SongOptions
from .errors import (
    CancelledError,
    DataLossError,
    DeadlineExceededError,
    FailedPreconditionError,
    InvalidArgumentError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
    VidmuseError,
)

__all__ = [
    "AsyncClient",
    "AsyncSong",
    "CancelledError",
    "Chunk",
    "Client",
    "ClientOptions",
    "DataLossError",
    "DeadlineExceededError",
    "Event",
    "FailedPreconditionError",
    "InvalidArgumentError",
    "ResourceExhaustedError",
    "Restarted",
    "Retrying",
    "Song",
    "SongOptions",
    "Spliced",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "VidmuseError",
]
