"""What a song tells its reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from .errors import VidmuseError
from .v1 import music_pb2 as pb


@dataclass(frozen=True)
class Chunk:
    """A piece of the stream. The `data` of all chunks of a variant, joined, is its file."""

    data: bytes
    # Samples behind `data`, per channel. After a reconnection the range may overlap the chunks
    # before it, but no bytes repeat.
    first_sample: int
    num_samples: int
    # One uint16 (little-endian) a codebook, the frame's codebooks side by side.
    tokens: bytes
    first_frame: int  # of `tokens`
    variant: int = 0


@dataclass(frozen=True)
class Retrying:
    """An attempt failed with `error`, and the next one begins after `delay` seconds."""

    error: VidmuseError
    delay: float


@dataclass(frozen=True)
class Restarted:
    """Everything that came so far must be discarded: the song starts over at its first byte, with
    the same seed, on a server that may round differently. Only for readers that allow it."""


@dataclass(frozen=True)
class Spliced:
    """The rest comes from a server that may round differently. Both parts are correct and the
    stream is well-formed, but no single server would make the same stream."""

    first_sample: int  # of the second part, per channel
    first_frame: int  # of the tokens made by the second server
    first_fingerprint: str
    second_fingerprint: str
    variant: int = 0


Event = Union[
    pb.GenerationStarted,
    pb.GenerationProgress,
    pb.GenerationFinished,
    Chunk,
    Retrying,
    Restarted,
    Spliced,
]
