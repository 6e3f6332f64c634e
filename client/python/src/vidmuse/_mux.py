"""The music under its video, by PyAV. The video's packets are copied as they are."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import IO, Any

import grpc

from . import _origin
from ._soundtrack import MIX_RATE, SoundOptions, Soundtrack
from ._video import VideoSource
from .errors import invalid, make_error
from .v1 import music_pb2 as pb

# By extension: the container, the music's encoder, the encoder's sample rate if only one will do.
CONTAINERS: dict[str, tuple[str, str, int | None]] = {
    ".mp4": ("mp4", "aac", None),
    ".m4v": ("mp4", "aac", None),
    ".mov": ("mov", "aac", None),
    ".mkv": ("matroska", "aac", None),
    ".webm": ("webm", "libopus", 48000),
}

CONTAINERS_OWN_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder")
AUDIO_BIT_RATE = 128_000  # a channel


def require_mux(extension: str) -> None:
    """Raises UNIMPLEMENTED unless the extra is installed."""
    if importlib.util.find_spec("av") is None:
        raise make_error(
            grpc.StatusCode.UNIMPLEMENTED,
            f"to save a {extension} file, install the extra: pip install 'vidmuse-client[mux]'",
        )


class _VideoReader(io.RawIOBase):
    """A source's bytes as a file."""

    def __init__(self, video: VideoSource) -> None:
        super().__init__()
        self._video = video
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = (0, self._at, self._video.size)[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        rest = max(0, self._video.size - self._at)
        piece = self._video.read_at(self._at, rest if size < 0 else min(size, rest))
        self._at += len(piece)
        return piece


def mux(
    video: VideoSource,
    samples: IO[bytes],
    started: pb.GenerationStarted,
    output: Path,
    extension: str,
    options: SoundOptions,
) -> None:
    """Writes the video with `samples` (float32) under it. Both begin at 0."""
    import av

    container, _, _ = CONTAINERS[extension]
    # The index of MP4 and MOV stands in front, so that players can begin at once.
    settings = {"movflags": "faststart"} if container in ("mp4", "mov") else {}
    try:
        with ExitStack() as files:
            source = files.enter_context(av.open(_VideoReader(video), "r"))
            target = files.enter_context(
                av.open(str(output), "w", format=container, options=settings)
            )
            picture = _picture(source)
            own = None
            if options.original_audio != "drop":
                sound = files.enter_context(av.open(_VideoReader(video), "r"))
                own = sound.streams.best("audio", related=sound.streams[picture.index])
            packets = _sound(target, samples, started, own, picture, extension, options)
            _mark(target.metadata, source.metadata, started, extension)
            _copy(source, picture, target, packets)
        if container in ("mp4", "mov"):
            with output.open("ab") as file:
                file.write(_origin.xmp_box(started))
    except (av.FFmpegError, ValueError) as error:
        raise invalid(f"the video can't be put into a {extension} file: {error}") from error


def _sound(
    target: Any,
    samples: IO[bytes],
    started: pb.GenerationStarted,
    own: Any,
    picture: Any,
    extension: str,
    options: SoundOptions,
) -> Iterator[Any]:
    """The sound's packets."""
    _, encoder, rate = CONTAINERS[extension]
    stereo = own is not None or started.channels == 2
    stream = target.add_stream(
        encoder, rate=MIX_RATE if own is not None else rate or started.sample_rate
    )
    stream.bit_rate = AUDIO_BIT_RATE * (2 if stereo else 1)
    stream.layout = "stereo" if stereo else "mono"
    start = (picture.start_time or 0) * picture.time_base
    track = Soundtrack(stream.codec_context, samples, started, own, start, options)
    return chain.from_iterable(map(stream.encode, chain(track.frames(), [None])))


def _chapters(source: Any, start: Fraction) -> Iterator[dict[str, Any]]:
    """Those that end after the first picture, which becomes their 0."""
    for chapter in source.chapters():
        offset = int(start / chapter["time_base"])
        if chapter["end"] > offset:
            begin = max(chapter["start"] - offset, 0)
            yield {**chapter, "start": begin, "end": chapter["end"] - offset}


def _copy(source: Any, picture: Any, target: Any, packets: Iterator[Any]) -> None:
    copied = target.add_stream_from_template(picture)
    copied.metadata.update(picture.metadata)
    start = picture.start_time or 0
    target.set_chapters(list(_chapters(source, start * picture.time_base)))
    waiting = next(packets, None)
    for packet in source.demux(picture):
        if packet.pts is None and packet.dts is None:
            continue  # the end
        # Matroska's first packets have no decoding time if pictures are stored out of order; the
        # muxer works it out.
        packet.pts = None if packet.pts is None else packet.pts - start
        packet.dts = None if packet.dts is None else packet.dts - start
        while waiting is not None and _seconds(waiting) <= _seconds(packet):
            target.mux(waiting)
            waiting = next(packets, None)
        packet.stream = copied
        target.mux(packet)
    while waiting is not None:
        target.mux(waiting)
        waiting = next(packets, None)


def _mark(
    tags: dict[str, str],
    source: dict[str, str],
    started: pb.GenerationStarted,
    extension: str,
) -> None:
    """Copies the source's tags and adds where the music is from. Names that differ in case alone
    are one tag's."""
    tags.update({name: text for name, text in source.items() if name not in CONTAINERS_OWN_TAGS})
    own = [tags.pop(name) for name in list(tags) if name.lower() == "comment"]
    marks = {"comment": "\n".join([*own, _origin.comment(started)])}
    if extension in (".mkv", ".webm"):
        marks.update(_origin.fields(started))
    for name in list(tags):
        if name.upper() in marks:
            del tags[name]
    tags.update(marks)


def _picture(source: Any) -> Any:
    """The first video stream that isn't a cover picture."""
    from av.stream import Disposition

    for stream in source.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise invalid("the video has no video stream")


def _seconds(packet: Any) -> Fraction:
    at = packet.pts if packet.dts is None else packet.dts
    return Fraction(at * packet.time_base)
