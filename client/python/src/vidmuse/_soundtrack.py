"""The sound of a video: the music and, if wanted, the video's own sound, by FFmpeg's filters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any, Literal

from .errors import invalid
from .v1 import music_pb2 as pb

OriginalAudio = Literal["drop", "mix", "duck"]

SAMPLE_BYTES = 4
# Samples that are read at once, for each channel.
BLOCK_SAMPLES = 4096
MIX_RATE = 48000

# The same sound as the C++ client's: these stand in client/mux/soundtrack.cc too, as a test checks.
LIMIT = "alimiter=limit=0.95:level=disabled:latency=1"
RESAMPLE = "aresample=async=1:first_pts=0"
MIX = "amix=inputs=2:duration=longest:normalize=0"
DUCK = "sidechaincompress=threshold=0.02:ratio=12:attack=20:release=600"


@dataclass(frozen=True)
class SoundOptions:
    original_audio: OriginalAudio = "drop"
    music_gain_db: float = 0.0

    def check(self) -> None:
        if self.original_audio not in ("drop", "mix", "duck"):
            raise invalid(f"original_audio {self.original_audio!r} is none of drop, mix, duck")
        if not -60 <= self.music_gain_db <= 24:
            raise invalid(f"music_gain_db is {self.music_gain_db}, expected -60 to 24")


class Soundtrack:
    """Frames for `encoder`. `own`: the video's own sound, a stream of a container that nobody else
    reads, or None. `start`: the time of the first picture, in seconds."""

    def __init__(
        self,
        encoder: Any,
        samples: IO[bytes],
        started: pb.GenerationStarted,
        own: Any,
        start: Fraction,
        options: SoundOptions,
    ) -> None:
        import av.filter

        self._samples = samples
        self._started = started
        self._layout = "mono" if started.channels == 1 else "stereo"
        self._own = own
        self._start = start
        self._graph = av.filter.Graph()
        layout = encoder.layout.name
        self._format = (
            f"aformat=sample_fmts={encoder.format.name}:sample_rates={encoder.rate}"
            f":channel_layouts={layout}"
        )
        self._music_in = self._graph.add_abuffer(
            format="flt",
            sample_rate=started.sample_rate,
            layout=self._layout,
            time_base=Fraction(1, started.sample_rate),
        )
        volume = f"volume={options.music_gain_db:.3f}dB"
        out = self._chain(self._music_in, volume, self._format)
        if own is not None:
            out = self._mixed(out, duck=options.original_audio == "duck")
        if own is not None or options.music_gain_db > 0:
            out = self._chain(out, LIMIT, self._format)
        self._out = self._chain(out, "abuffersink")
        self._graph.configure()

    def _chain(self, node: Any, *filters: str) -> Any:
        for text in filters:
            name, _, arguments = text.partition("=")
            following = self._graph.add(name, arguments or None)
            node.link_to(following)
            node = following
        return node

    def _mixed(self, music: Any, *, duck: bool) -> Any:
        self._own_in = self._graph.add_abuffer(template=self._own)
        own = self._chain(self._own_in, RESAMPLE, self._format)
        mix = self._graph.add(*MIX.split("=", 1))
        if duck:  # the music gives way to the video's own sound
            split = self._chain(own, "asplit=2")
            compress = self._graph.add(*DUCK.split("=", 1))
            music.link_to(compress)
            key = self._graph.add("apad")
            split.link_to(key, 1)
            key.link_to(compress, 0, 1)
            music, own = compress, split
        music.link_to(mix)
        own.link_to(mix, 0, 1)
        return mix

    def frames(self) -> Iterator[Any]:
        """Both sounds are fed side by side, so that little waits between them."""
        feeds = [(self._music_in, self._music_frames())]
        if self._own is not None:
            feeds.append((self._own_in, self._own_frames()))
        until = [Fraction(0)] * len(feeds)
        while feeds:
            i = until.index(min(until))
            node, frames = feeds[i]
            frame = next(frames, None)
            node.push(frame)
            if frame is None:
                del feeds[i], until[i]
            elif frame.pts is not None:
                until[i] = frame.pts * frame.time_base + Fraction(frame.samples, frame.sample_rate)
            yield from self._ready()

    def _ready(self) -> Iterator[Any]:
        while True:
            try:
                frame = self._out.pull()
            except (BlockingIOError, EOFError):
                return
            yield frame

    def _music_frames(self) -> Iterator[Any]:
        import av

        rate = self._started.sample_rate
        frame_bytes = SAMPLE_BYTES * self._started.channels
        at = 0
        while block := self._samples.read(BLOCK_SAMPLES * frame_bytes):
            count = len(block) // frame_bytes
            frame = av.AudioFrame(format="flt", layout=self._layout, samples=count, align=1)
            frame.planes[0].update(block)
            frame.sample_rate = rate
            frame.time_base = Fraction(1, rate)
            frame.pts = at
            at += count
            yield frame

    def _own_frames(self) -> Iterator[Any]:
        import av

        for packet in self._own.container.demux(self._own):
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                continue  # a damaged packet is left out
            for frame in decoded:
                if frame.pts is not None:
                    frame.pts -= int(self._start / frame.time_base)
                yield frame
