"""Files: the music alone, and the video with the music under it."""

from __future__ import annotations

import array
import asyncio
import importlib.util
import math
import struct
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import grpc
import pytest
from conftest import BIN, CLIP, ROOT
from fakes import FakeServer, FakeSong, refuse, sing

import vidmuse
from vidmuse import AsyncClient, Client, _soundtrack
from vidmuse.v1 import music_pb2 as pb

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
VIDEO = b"v" * 1000


def packets(path: Path) -> list[tuple[bytes, float]]:
    """The video's packets, and when each is seen, from the first picture on."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        start = stream.start_time or 0
        base = stream.time_base
        assert base is not None
        return [
            (bytes(one), float((one.pts - start) * base))
            for one in file.demux(stream)
            if one.pts is not None
        ]


def seen(path: Path) -> list[float]:
    return [at for _, at in packets(path)]


def samples(path: Path) -> array.array[float]:
    values = array.array("f")
    with av.open(str(path)) as file:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=32000)
        for frame in file.decode(audio=0):
            for one in resampler.resample(frame):
                values.frombytes(bytes(one.planes[0])[: 4 * one.samples])
    return values


def make_video(
    path: Path, codec: str, *, offset: float = 0.0, tone: bool = False, comment: str = ""
) -> Path:
    """Two seconds of moving grey in two chapters, of which the first may have a tone."""
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.metadata["language"] = "ger"
        file.metadata["title"] = "a title"
        if comment:
            file.metadata["comment"] = comment
        begin = int(offset * 1000)
        file.set_chapters(
            [
                {
                    "id": i,
                    "time_base": Fraction(1, 1000),
                    "start": begin + 1000 * i,
                    "end": begin + 1000 * (i + 1),
                    "metadata": {"title": f"chapter {i}"},
                }
                for i in range(2)
            ]
        )
        sound: Any = file.add_stream("flac", rate=32000, layout="mono") if tone else None
        for i in range(50):
            frame = av.VideoFrame(64, 64, "gray8")
            frame.planes[0].update(bytes([i * 5]) * frame.planes[0].buffer_size)
            frame = frame.reformat(format="yuv420p")
            frame.pts = i + int(offset * 25)
            frame.time_base = Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if tone:
            wave = (int(12000 * math.sin(i / 8)) for i in range(32000))
            one = av.AudioFrame(format="s16", layout="mono", samples=32000)
            one.planes[0].update(array.array("h", wave).tobytes())
            one.sample_rate, one.pts = 32000, int(offset * 32000)
            one.time_base = Fraction(1, 32000)
            file.mux(sound.encode(one))
            file.mux(sound.encode(None))
    return path


@pytest.mark.parametrize("extension", ["mp4", "mov", "mkv"])
def test_the_picture_is_copied_and_the_music_is_under_it(
    extension: str, address: str, tmp_path: Path
) -> None:
    wav, out = tmp_path / "out.wav", tmp_path / f"out.{extension}"
    with Client(address) as client:
        client.generate(CLIP, seed=7).save(wav)
        client.generate(CLIP.read_bytes(), seed=7).save(out)
    assert len(packets(CLIP)) == 175
    assert [one[0] for one in packets(out)] == [one[0] for one in packets(CLIP)]
    assert seen(out) == pytest.approx(seen(CLIP), abs=0.002)
    with av.open(str(out)) as file:
        assert [one.codec_context.name for one in file.streams.audio] == ["aac"]
        assert file.streams.audio[0].codec_context.sample_rate == 32000
    music, encoded = samples(wav), samples(out)
    # AAC pads the last of its packets of 1024 samples; in Matroska the first one too.
    assert len(music) <= len(encoded) <= len(music) + 2048
    lag = 1024 if extension == "mkv" and len(encoded) > len(music) + 1024 else 0
    assert correlation(music, encoded[lag:]) > 0.99
    assert not list(tmp_path.glob("*.part"))


def correlation(one: array.array[float], other: array.array[float]) -> float:
    pairs = list(zip(one, other))
    dot = sum(a * b for a, b in pairs)
    return dot / math.sqrt(sum(a * a for a, _ in pairs) * sum(b * b for _, b in pairs))


def test_the_index_of_an_mp4_stands_in_front(address: str, tmp_path: Path) -> None:
    with Client(address) as client:
        client.generate(CLIP, duration=1).save(tmp_path / "out.mp4")
    data = (tmp_path / "out.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    # The video is longer than the music, and stays whole.
    assert [one[0] for one in packets(tmp_path / "out.mp4")] == [one[0] for one in packets(CLIP)]
    assert 31000 <= len(samples(tmp_path / "out.mp4")) <= 34000


def test_webm_has_opus(address: str, tmp_path: Path) -> None:
    video = make_video(tmp_path / "in.webm", "libvpx-vp9")
    with Client(address) as client:
        client.generate(video, seed=7).save(tmp_path / "out.webm")
        with pytest.raises(vidmuse.InvalidArgumentError, match=r"\.webm"):
            client.generate(CLIP, seed=7).save(tmp_path / "wrong.webm")
    assert not list(tmp_path.glob("wrong*"))
    assert [one[0] for one in packets(tmp_path / "out.webm")] == [one[0] for one in packets(video)]
    with av.open(str(tmp_path / "out.webm")) as file:
        assert file.streams.audio[0].codec_context.name in ("opus", "libopus")
    assert max(map(abs, samples(tmp_path / "out.webm"))) > 0.01


def test_odd_videos(address: str, tmp_path: Path) -> None:
    """Pictures that are stored out of order, and a first one that isn't at 0."""
    video = make_video(tmp_path / "in.mkv", "libx264", offset=3.0)
    with av.open(str(video)) as file:
        assert (file.streams.video[0].start_time or 0) > 0
    assert seen(video) != sorted(seen(video))
    with Client(address) as client:
        client.generate(video, seed=7).save(tmp_path / "out.mp4")
    out = tmp_path / "out.mp4"
    assert len(packets(video)) == 50
    assert seen(out) == pytest.approx(seen(video), abs=0.002)
    with av.open(str(out)) as file:
        picture, music = file.streams.video[0], file.streams.audio[0]
        assert picture.time_base is not None
        assert (picture.start_time or 0) * picture.time_base == pytest.approx(0, abs=0.001)
        assert (music.start_time or 0) == 0
        assert file.metadata["title"] == "a title"
        assert picture.language == "ger"


@pytest.mark.parametrize("offset", [0.0, 3.0])
@pytest.mark.parametrize("original_audio", ["mix", "duck", "drop"])
def test_the_sound_is_the_command_lines(
    original_audio: _soundtrack.OriginalAudio, offset: float, address: str, tmp_path: Path
) -> None:
    video = make_video(tmp_path / "in.mkv", "libx264", offset=offset, tone=True)
    ours, theirs = tmp_path / "ours.mp4", tmp_path / "theirs.mp4"
    with Client(address) as client:
        client.generate(video, seed=7).save(ours, original_audio=original_audio, music_gain_db=6)
    tool = [str(BIN / "vidmuse"), "generate", "--server", address, "--seed", "7"]
    tool += ["--original_audio", original_audio, "--music_gain_db", "6"]
    subprocess.run([*tool, "--video", str(video), "--output", str(theirs)], check=True)
    one, other = samples(ours), samples(theirs)
    # Encoders of other versions begin with another number of samples of silence.
    lag = max(range(-2048, 2049, 1024), key=lambda by: correlation(*shifted(one, other, by)))
    assert correlation(*shifted(one, other, lag)) > 0.99
    assert power(one) == pytest.approx(power(other), rel=0.1)
    with av.open(str(ours)) as file, av.open(str(theirs)) as expected:
        chapters = [(c["start"], c["end"], c["metadata"]["title"]) for c in file.chapters()]
        assert chapters == [(0, 1000, "chapter 0"), (1000, 2000, "chapter 1")]
        assert len(expected.chapters()) == 2
        mixed = original_audio != "drop"
        context = file.streams.audio[0].codec_context
        assert (context.sample_rate, context.layout.name) == (
            (48000, "stereo") if mixed else (32000, "mono")
        )


def shifted(
    one: array.array[float], other: array.array[float], by: int
) -> tuple[array.array[float], array.array[float]]:
    return one[max(by, 0) :], other[max(-by, 0) :]


def power(values: array.array[float]) -> float:
    return sum(value * value for value in values)


def test_music_gives_way_while_the_video_sounds(address: str, tmp_path: Path) -> None:
    video = make_video(tmp_path / "in.mkv", "libx264", tone=True)
    with Client(address) as client:
        for how in ("mix", "duck"):
            client.generate(video, seed=7).save(tmp_path / f"{how}.mkv", original_audio=how)
        client.generate(video, seed=7).save(
            tmp_path / "own.mkv", original_audio="mix", music_gain_db=-60
        )
    mixed, ducked, own = (samples(tmp_path / f"{name}.mkv") for name in ("mix", "duck", "own"))
    during, after = slice(8000, 28000), slice(56000, 62000)

    def music(sound: array.array[float], when: slice) -> float:
        return power(array.array("f", (a - b for a, b in zip(sound[when], own[when]))))

    assert music(ducked, during) < 0.2 * music(mixed, during)
    assert music(ducked, after) > 0.6 * music(mixed, after)


def test_filters_are_those_of_the_cpp_client() -> None:
    text = (ROOT / "client/mux/soundtrack.cc").read_text()
    for name in ("LIMIT", "RESAMPLE", "MIX", "DUCK"):
        assert getattr(_soundtrack, name) in text, name
    assert f"kMixRate = {_soundtrack.MIX_RATE};" in text


def test_sound_options_are_checked_before_the_song(tmp_path: Path) -> None:
    with Client("127.0.0.1:1") as client:
        for path, options, words in (
            ("out.wav", {"original_audio": "mix"}, "need a video"),
            ("out.mp4", {"original_audio": "louder"}, "none of drop, mix, duck"),
            ("out.mp4", {"music_gain_db": 25.0}, "expected -60 to 24"),
        ):
            with pytest.raises(vidmuse.InvalidArgumentError, match=words):
                client.generate(VIDEO).save(tmp_path / path, **options)


def test_a_turned_video_stays_turned(address: str, tmp_path: Path) -> None:
    data = bytearray(CLIP.read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    video = tmp_path / "in.mp4"
    video.write_bytes(data)
    with Client(address) as client:
        client.generate(video, seed=7).save(tmp_path / "out.mp4")
    with av.open(str(video)) as before, av.open(str(tmp_path / "out.mp4")) as after:
        first, second = next(before.decode(video=0)), next(after.decode(video=0))
    assert first.rotation != 0
    assert second.rotation == first.rotation


def test_without_the_extra_an_error_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with FakeServer(sing(FakeSong())) as server, Client(server.address) as client:
        with pytest.raises(vidmuse.UnimplementedError, match=r"vidmuse-client\[mux\]"):
            client.generate(VIDEO).save(tmp_path / "out.mp4")
        assert not server.calls
    assert not list(tmp_path.iterdir())


def test_the_format_of_a_video_file_is_its_own(tmp_path: Path) -> None:
    with (
        Client("127.0.0.1:1") as client,
        pytest.raises(vidmuse.InvalidArgumentError, match="leave `format`"),
    ):
        client.generate(VIDEO, format="mp3").save(tmp_path / "out.mp4")


@pytest.mark.parametrize("api", ["sync", "async"])
def test_a_failed_song_leaves_no_file(api: str, tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    path.write_bytes(b"before")

    async def waiting(address: str) -> None:
        async with AsyncClient(address) as client:
            await client.generate(VIDEO).save(path)

    with FakeServer(sing(FakeSong(), 40, grpc.StatusCode.INTERNAL, "failed")) as server:
        with pytest.raises(vidmuse.VidmuseError, match="INTERNAL: failed"):
            if api == "async":
                asyncio.run(waiting(server.address))
            with Client(server.address) as client:
                client.generate(VIDEO).save(path)
        assert path.read_bytes() == b"before"
        assert [one.name for one in tmp_path.iterdir()] == ["out.wav"]


def test_a_saved_song_starts_over_on_another_kind_of_server(tmp_path: Path) -> None:
    song = FakeSong(format=pb.AUDIO_FORMAT_MP3)
    other = FakeSong(format=pb.AUDIO_FORMAT_MP3, fingerprint="B")
    path = tmp_path / "out.mp3"
    down = refuse(UNAVAILABLE, message="down")
    with FakeServer(sing(song, 40, UNAVAILABLE), down) as first, FakeServer(sing(other)) as second:
        with Client([first.address, second.address], initial_backoff=0.01) as client:
            client.generate(VIDEO).save(path)
        assert first.calls[0].config.format == pb.AUDIO_FORMAT_MP3
    assert path.read_bytes() == other.audio(0, other.frames)
