"""A source of a video's bytes. It can be read at any offset, because a retry reads them again."""

from __future__ import annotations

import io
import os
import stat
import tempfile
import threading
from pathlib import Path
from typing import IO, Any, Union

from .errors import data_loss, invalid

# Largest video from a stream that can't be read twice. By default, servers accept less.
MAX_SPOOL_BYTES = 2 << 30
SPOOL_PIECE_BYTES = 256 << 10

Video = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, IO[bytes]]


class VideoSource:
    """The bytes of `file` from `begin` on, `size` of them. Thread-safe."""

    def __init__(self, file: IO[bytes], begin: int, size: int, *, name: str, owned: bool) -> None:
        self._file = file
        self._begin = begin
        self._owned = owned
        self._lock = threading.Lock()
        self.name = name
        self.size = size

    def read_at(self, offset: int, length: int) -> bytes:
        """Returns exactly `length` bytes. Raises DATA_LOSS if the file has shrunk."""
        with self._lock:
            self._file.seek(self._begin + offset)
            parts = []
            while length > 0:
                part = self._file.read(length)
                if not part:
                    raise data_loss(
                        f"{self.name} shrank while it was read: it had {self.size} bytes"
                    )
                parts.append(part)
                length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Closes what this opened; a file that the caller gave stays open."""
        if self._owned:
            with self._lock:
                self._file.close()


def open_video(video: Video) -> VideoSource:
    """Raises OSError for a path that can't be read, TypeError for what isn't a video at all."""
    if isinstance(video, (bytes, bytearray, memoryview)):
        return _from_bytes(bytes(video))
    if isinstance(video, (str, os.PathLike)):
        return _from_path(os.fspath(video))
    if not hasattr(video, "read"):
        raise TypeError(f"a video is a path, bytes or a binary file, not {type(video).__name__}")
    if not isinstance(video.read(0), bytes):
        raise TypeError("the video's file is open as text: open it with mode 'rb'")
    name = str(getattr(video, "name", "the video"))
    if getattr(video, "seekable", lambda: False)():
        begin = video.tell()
        size = video.seek(0, os.SEEK_END) - begin
        return VideoSource(video, begin, max(size, 0), name=name, owned=False)
    return _spool(video, name)


def _from_bytes(video: bytes) -> VideoSource:
    return VideoSource(io.BytesIO(video), 0, len(video), name="the video", owned=True)


def _from_path(path: str) -> VideoSource:
    # Checked first, because opening a pipe would wait for a writer.
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise invalid(f"{path} is not a regular file")
    file = Path(path).open("rb")  # noqa: SIM115 (the source closes it)
    return VideoSource(file, 0, os.fstat(file.fileno()).st_size, name=path, owned=True)


def _spool(video: Any, name: str) -> VideoSource:
    copy = tempfile.TemporaryFile()  # noqa: SIM115 (the source closes it)
    try:
        while piece := video.read(SPOOL_PIECE_BYTES):
            if copy.tell() + len(piece) > MAX_SPOOL_BYTES:
                raise invalid(f"the video has more than {MAX_SPOOL_BYTES} bytes")
            copy.write(piece)
    except BaseException:
        copy.close()
        raise
    return VideoSource(copy, 0, copy.tell(), name=name, owned=True)
