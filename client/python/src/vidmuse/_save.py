"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ._events import Chunk, Event, Restarted
from ._mux import CONTAINERS, mux, require_mux
from ._origin import of_variant
from ._soundtrack import SoundOptions
from ._video import VideoSource
from .errors import invalid
from .v1 import music_pb2 as pb

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_FORMATS = {
    ".flac": pb.AUDIO_FORMAT_FLAC,
    ".mp3": pb.AUDIO_FORMAT_MP3,
    ".ogg": pb.AUDIO_FORMAT_OGG_VORBIS,
}


def format_for(path: str, chosen: pb.AudioFormat) -> pb.AudioFormat:
    """The format to ask the server for, so that a song can be saved to `path`."""
    extension = Path(path).suffix.lower()
    if extension in CONTAINERS:
        require_mux(extension)
        if chosen not in (pb.AUDIO_FORMAT_UNSPECIFIED, pb.AUDIO_FORMAT_PCM_F32LE):
            raise invalid(f"the music in a {extension} file has that file's format: leave `format`")
        return pb.AUDIO_FORMAT_PCM_F32LE
    if chosen != pb.AUDIO_FORMAT_UNSPECIFIED:
        return chosen
    return _FORMATS.get(extension, pb.AUDIO_FORMAT_WAV)


class SongFile:
    """Writes to PATH.part, which `commit` renames to PATH and which leaving the context removes
    otherwise. A path that exists and isn't a regular file (a device, a pipe) is written directly.
    """

    def __init__(self, path: Path, part: Path | None, file: IO[bytes]) -> None:
        self._path = path
        self._part = part
        self._file = file

    @staticmethod
    def create(path: str, video: VideoSource, options: SoundOptions) -> SongFile:
        options.check()
        target = Path(path)
        if options != SoundOptions() and target.suffix.lower() not in CONTAINERS:
            raise invalid(f"original_audio and music_gain_db need a video: {', '.join(CONTAINERS)}")
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            if target.suffix.lower() in CONTAINERS:
                raise invalid(f"{path} is not a regular file")
            return SongFile(target, None, target.open("wb"))
        part = target.with_name(target.name + ".part")
        file = part.open("wb")
        if target.suffix.lower() in CONTAINERS:
            return VideoFile(target, part, file, video, options)
        return SongFile(target, part, file)

    @property
    def can_restart(self) -> bool:
        return self._part is not None

    def on_event(self, event: Event) -> None:
        if isinstance(event, Chunk):
            self._file.write(event.data)
        elif isinstance(event, Restarted):
            self._file.seek(0)
            self._file.truncate()

    def commit(self) -> None:
        """When this returns, the file is on disk under its name."""
        if self._part is None:
            self._file.close()
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)

    def close(self) -> None:
        self._file.close()
        if self._part is not None:
            with contextlib.suppress(FileNotFoundError):
                self._part.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class VariantFiles(SongFile):
    """A file for each variant: out.wav becomes out-1.wav, out-2.wav and so on."""

    def __init__(self, path: str, variants: int, video: VideoSource, options: SoundOptions) -> None:
        target = Path(path)
        with contextlib.ExitStack() as made:
            self._files = []
            for number in range(1, variants + 1):
                one = target.with_name(f"{target.stem}-{number}{target.suffix}")
                self._files.append(made.enter_context(SongFile.create(str(one), video, options)))
            made.pop_all()

    @property
    def can_restart(self) -> bool:
        return all(file.can_restart for file in self._files)

    def on_event(self, event: Event) -> None:
        if isinstance(event, Chunk):
            self._files[event.variant].on_event(event)
            return
        for number, file in enumerate(self._files):
            if isinstance(event, pb.GenerationStarted):
                file.on_event(of_variant(event, number))
            else:
                file.on_event(event)

    def commit(self) -> None:
        for file in self._files:
            file.commit()

    def close(self) -> None:
        for file in self._files:
            file.close()


class VideoFile(SongFile):
    """The video with the music under it. The samples are kept in a temporary file till then."""

    def __init__(
        self, path: Path, part: Path, file: IO[bytes], video: VideoSource, options: SoundOptions
    ) -> None:
        super().__init__(path, part, file)
        self._video = video
        self._options = options
        self._samples: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (close closes it)
        self._started: pb.GenerationStarted | None = None

    def on_event(self, event: Event) -> None:
        if isinstance(event, Chunk):
            self._samples.write(event.data)
        elif isinstance(event, Restarted):
            self._samples.seek(0)
            self._samples.truncate()
        elif isinstance(event, pb.GenerationStarted):
            self._started = event

    def commit(self) -> None:
        assert self._started is not None and self._part is not None
        self._samples.seek(0)
        extension = self._path.suffix.lower()
        mux(self._video, self._samples, self._started, self._part, extension, self._options)
        super().commit()

    def close(self) -> None:
        self._samples.close()
        super().close()
