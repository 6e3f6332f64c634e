"""Makes raw videos with known truth for vidmuse_curate (core/curate/curation.md).

    make_raw.py --out DIR --clips N --seed S

Writes DIR/raw.jsonl, which vidmuse_curate takes, and DIR/truth.jsonl, a line a clip:

    {"id": ..., "kind": ..., "drop": the stage that should drop it or null, "twin": id or null}

The same arguments make the same clips. Melodies and pictures are libavfilter's, speech is
espeak-ng's; without it there is no speech, and a line on standard error says so. Each clip lasts
15 to 20 s, so that curation needs --least_seconds 6 --most_seconds 40.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

WORDS = ("the", "rain", "in", "this", "old", "town", "falls", "on", "every", "road", "and", "we")
SCALE = (0, 2, 4, 7, 9, 12, 14, 16)  # semitones above the key: any of them sound together
DROPPED_CATEGORIES = ("interview", "News")
OTHER_CATEGORIES = ("trailer", "vlog", "advertisement", "documentary")


def ffmpeg(*arguments: str) -> None:
    subprocess.run(("ffmpeg", "-v", "error", "-y", *arguments), check=True)


@dataclass
class Clip:
    """A clip to make. Everything that is random about it comes from `random`."""

    folder: Path
    name: str
    seed: int

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.seconds = self.random.uniform(15, 20)

    @property
    def video(self) -> Path:
        return self.folder / f"{self.name}.mp4"

    def part(self, ending: str) -> Path:
        return self.folder / f"{self.name}.{ending}"


def melody(clip: Clip) -> list[str]:
    """FFmpeg's input of a melody over a bass: two to four notes a second, each with a decay."""
    pace = clip.random.uniform(2, 4)
    key = clip.random.uniform(180, 360)
    steps = [clip.random.choice(SCALE) for _ in range(16)]
    # The note of step i is on while floor(pace t) mod 16 is i.
    note = "+".join(
        f"eq(mod(floor({pace:.3f}*t),16),{i})*{key * 2 ** (step / 12):.3f}"
        for i, step in enumerate(steps)
    )
    decay = f"exp(-3*mod({pace:.3f}*t,1))"
    sound = f"0.2*{decay}*(sin(2*PI*t*({note}))+0.5*sin(4*PI*t*({note})))"
    bass = f"0.1*sin(2*PI*t*{key / 2:.3f})"
    return ["-f", "lavfi", "-i", f"aevalsrc='{sound}+{bass}':s=44100:d={clip.seconds:.2f}"]


def speech(clip: Clip) -> list[str]:
    """FFmpeg's input of a voice that speaks from beginning to end."""
    text = " ".join(clip.random.choice(WORDS) for _ in range(int(clip.seconds * 4)))
    voice = clip.random.choice(("en-gb", "en-us", "en-gb-scotland"))
    file = clip.part("speech.wav")
    command = ("espeak-ng", "-v", voice, "-s", str(clip.random.randint(140, 180)))
    subprocess.run((*command, "-w", str(file), text), check=True)
    return ["-i", str(file)]


def motion(clip: Clip) -> str:
    """A picture that moves: cells that live and die, or a zoom into a fractal."""
    if clip.random.random() < 0.5:
        return f"life=seed={clip.random.randint(1, 9999)}:mold=20:ratio=0.4:size=192x108:rate=10"
    x, y = clip.random.uniform(-0.9, -0.6), clip.random.uniform(0.05, 0.3)
    zoom = clip.random.uniform(0.05, 0.3)
    start = f"start_x={x:.4f}:start_y={y:.4f}:start_scale=2:end_scale={zoom:.4f}:end_pts=100"
    return f"mandelbrot=size=192x108:rate=10:maxiter=200:{start}"


def still(clip: Clip) -> str:
    return f"mandelbrot=size=192x108:rate=10:maxiter=200,loop=-1:1:{clip.random.randint(0, 9)}"


def slow_pan(clip: Clip) -> str:
    """A large still that the camera crosses at 2 to 4 pixels a second."""
    pace = clip.random.uniform(2, 4)
    big = "mandelbrot=size=384x216:rate=10:maxiter=200,loop=-1:1:0"
    return f"{big},crop=192:108:'{pace:.2f}*t':40"


def film(clip: Clip, picture: str, sound: list[str], *filters: str) -> None:
    ffmpeg(
        *("-f", "lavfi", "-i", picture, *sound, *filters),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", "-t", f"{clip.seconds:.2f}", "-threads", "1", str(clip.video)),
    )


def speech_over_music(clip: Clip) -> None:
    mix = "[1:a][2:a]amix=inputs=2:duration=first[a]"
    sound = [*melody(clip), *speech(clip)]
    film(clip, motion(clip), sound, "-filter_complex", mix, "-map", "0:v", "-map", "[a]")


def of_length(seconds: tuple[float, float]) -> Callable[[Clip], None]:
    def make(clip: Clip) -> None:
        clip.seconds = clip.random.uniform(*seconds)
        film(clip, motion(clip), melody(clip))

    return make


def broken(clip: Clip) -> None:
    """Cut in its first kilobytes, or bytes of no format."""
    film(clip, motion(clip), melody(clip))
    whole = clip.video.read_bytes()
    cut = clip.random.random() < 0.5
    clip.video.write_bytes(whole[:2000] if cut else clip.random.randbytes(20000))


def without(stream: str) -> Callable[[Clip], None]:
    def make(clip: Clip) -> None:
        whole = clip.part("whole.mp4")
        film(clip, motion(clip), melody(clip))
        clip.video.rename(whole)
        ffmpeg("-i", str(whole), f"-{stream}n", "-c", "copy", str(clip.video))
        whole.unlink()

    return make


def silence(clip: Clip) -> None:
    film(clip, motion(clip), ["-f", "lavfi", "-i", "anullsrc=r=44100:cl=mono"])


# What is made, how often in a hundred clips, and the stage that should drop it.
KINDS: dict[str, tuple[int, str | None, Callable[[Clip], None]]] = {
    "music": (24, None, lambda clip: film(clip, motion(clip), melody(clip))),
    "speech over music": (6, "music", speech_over_music),
    "speech": (8, "music", lambda clip: film(clip, motion(clip), speech(clip))),
    "silence": (4, "music", silence),
    "still": (8, "static", lambda clip: film(clip, still(clip), melody(clip))),
    "slow pan": (6, None, lambda clip: film(clip, slow_pan(clip), melody(clip))),
    "too short": (5, "probe", of_length((2, 5))),
    "too long": (3, "probe", of_length((42, 50))),
    "broken": (5, "probe", broken),
    "no sound": (3, "probe", without("a")),
    "no picture": (3, "probe", without("v")),
    "category": (5, "probe", lambda clip: film(clip, motion(clip), melody(clip))),
}
# Made of a music clip. What the transformed sound and picture are, as flags of FFmpeg.
COPIES: dict[str, tuple[int, list[str]]] = {
    "re-encoded": (5, ["-c:v", "libx264", "-crf", "35", "-c:a", "aac", "-b:a", "64k"]),
    "shifted": (5, ["-ss", "2", "-c:v", "libx264", "-c:a", "aac"]),
    "quieter": (5, ["-af", "volume=-12dB", "-c:v", "libx264", "-c:a", "aac"]),
}
WRONG_PAIRS = 5  # the sound of one music clip under the picture of another


def numbers(clips: int) -> dict[str, int]:
    """How many clips of each kind, in all as many as were asked for: music takes the rest."""
    shares = {name: kind[0] for name, kind in KINDS.items()}
    shares |= {name: copy[0] for name, copy in COPIES.items()} | {"wrong pair": WRONG_PAIRS}
    if not shutil.which("espeak-ng"):
        print("make_raw: no espeak-ng: there is no speech", file=sys.stderr)
        del shares["speech"], shares["speech over music"]
    counts = {name: max(1, round(clips * share / 100)) for name, share in shares.items()}
    counts["music"] += clips - sum(counts.values())
    if counts["music"] < 2:
        raise SystemExit("make_raw: --clips is too small for one clip of each kind")
    return counts


def line_of(name: str, kind: str, drop: str | None, twin: str | None) -> dict[str, str | None]:
    return {"id": name, "kind": kind, "drop": drop, "twin": twin}


def make_originals(folder: Path, counts: dict[str, int], seed: int) -> list[dict[str, str | None]]:
    truth, work = [], []
    for kind, (_, drop, make) in KINDS.items():
        for i in range(counts.get(kind, 0)):
            name = f"{kind.replace(' ', '_')}{i}"
            truth.append(line_of(name, kind, drop, None))
            # A string's seed is the same on every machine.
            own = random.Random(f"{seed} {name}").randint(0, 1 << 30)
            work.append((make, Clip(folder, name, own)))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda item: item[0](item[1]), work))
    for file in folder.glob("*.speech.wav"):
        file.unlink()
    return truth


def make_copies(folder: Path, counts: dict[str, int], seed: int) -> list[dict[str, str | None]]:
    """Makes the clips that are made of music clips, which come before them in the manifest."""
    truth = []
    chooser = random.Random(f"{seed} copies")
    music = [f"music{i}" for i in range(counts["music"])]
    for kind, (_, flags) in COPIES.items():
        for i in range(counts[kind]):
            name, twin = f"{kind}{i}", chooser.choice(music)
            ffmpeg("-i", str(folder / f"{twin}.mp4"), *flags, str(folder / f"{name}.mp4"))
            truth.append(line_of(name, kind, "duplicates", twin))
    for i in range(counts["wrong pair"]):
        name = f"wrong_pair{i}"
        picture = chooser.choice(music)
        clip = Clip(folder, name, chooser.randint(0, 1 << 30))
        streams = ["-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-shortest"]
        first = ["-i", str(folder / f"{picture}.mp4")]
        ffmpeg(*first, *melody(clip), *streams, str(folder / f"{name}.mp4"))
        truth.append(line_of(name, "wrong pair", None, None))
    return truth


def write_lines(path: Path, lines: list[dict[str, str | None]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes raw videos with known truth.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    counts = numbers(args.clips)
    truth = make_originals(args.out, counts, args.seed)
    truth += make_copies(args.out, counts, args.seed)
    chooser = random.Random(f"{args.seed} categories")
    raw: list[dict[str, str | None]] = []
    for line in truth:
        dropped = line["kind"] == "category"
        category = chooser.choice(DROPPED_CATEGORIES if dropped else OTHER_CATEGORIES)
        raw.append({"video_path": f"{line['id']}.mp4", "category": category, "licence": "CC0-1.0"})
    write_lines(args.out / "raw.jsonl", raw)
    write_lines(args.out / "truth.jsonl", truth)


if __name__ == "__main__":
    main()
