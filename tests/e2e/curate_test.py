"""vidmuse_curate from raw videos to manifests: what it decides, that it may be killed, and shards.

curate_test.py BUILD_DIR
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2]
SECONDS = 8
RESULTS = (
    *("clips.jsonl", "pretrain.jsonl", "finetune.jsonl", "benchmark.jsonl"),
    *("V2M.txt", "V2M-20k.txt", "V2M-bench.txt", "report.html"),
)
PATIENCE = 120.0


def ffmpeg(*arguments: str) -> None:
    subprocess.run(("ffmpeg", "-v", "error", "-y", *arguments), check=True)


def video(path: Path, picture: str, sound: str, seconds: int = SECONDS) -> None:
    """A video of a picture and a sound, which are libavfilter's sources."""
    ffmpeg(
        *("-f", "lavfi", "-i", f"{picture}:size=192x108:rate=10"),
        *("-f", "lavfi", "-i", sound),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", "-t", str(seconds), str(path)),
    )


def make_raw(folder: Path) -> dict[str, str]:
    """Writes videos and raw.jsonl. Returns why each clip should be dropped; "" if it shouldn't."""
    tone = "aevalsrc='0.3*sin({}*t*(1+floor(2*t)))'"
    truth = {}
    for i in range(4):
        video(folder / f"good{i}.mp4", "life=seed=7:mold=20", tone.format(900 + 400 * i))
        truth[f"good{i}"] = ""
    video(folder / "still.mp4", "color=c=orange", tone.format(700))
    truth["still"] = "static: mean similarity"
    video(folder / "short.mp4", "life=seed=7:mold=20", tone.format(800), seconds=3)
    truth["short"] = "probe: seconds 3"
    ffmpeg("-i", str(folder / "good0.mp4"), "-an", "-c", "copy", str(folder / "mute.mp4"))
    truth["mute"] = "probe: it has no audio"
    ffmpeg("-i", str(folder / "good0.mp4"), "-vn", "-c", "copy", str(folder / "blind.mp4"))
    truth["blind"] = "probe: it has no video"
    (folder / "cut.mp4").write_bytes((folder / "good1.mp4").read_bytes()[:2000])
    truth["cut"] = "probe: it has no video"
    (folder / "copy.mp4").write_bytes((folder / "good2.mp4").read_bytes())
    truth["copy"] = "duplicates: sounds like good2"
    (folder / "talk.mp4").write_bytes((folder / "good3.mp4").read_bytes())
    truth["talk"] = "probe: category interview"
    lines = [{"video_path": f"{name}.mp4", "licence": "CC BY 4.0"} for name in truth]
    lines[-1]["category"] = "Interview"
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "raw.jsonl").write_text(text)
    return truth


class Curation:
    """The program, with thresholds that suit small clips and networks of hash weights."""

    def __init__(self, build: str, raw: Path, extractors: Path) -> None:
        self._program = f"{build}/vidmuse_curate"
        self.thresholds = (
            *("--manifest", str(raw / "raw.jsonl")),
            *("--extractors", str(extractors), "--least_seconds", "5"),
            *("--drop_duplicates", "--least_music_share", "0", "--finetune_clips", "2"),
        )
        self._flags = (*self.thresholds, "--workers", "2")

    def start(self, out: Path, *flags: str, verb: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        return subprocess.Popen(
            (self._program, *verb, *self._flags, "--out", str(out), *flags),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, out: Path, *flags: str, verb: tuple[str, ...] = ()) -> tuple[int, str]:
        process = self.start(out, *flags, verb=verb)
        text, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, text

    def results(self, out: Path, *flags: str) -> dict[str, bytes]:
        code, text = self.run(out, *flags)
        assert code == 0, text
        # Paths of separated sounds hold the folder's own name.
        return {
            name: (out / name).read_bytes().replace(str(out).encode(), b"OUT") for name in RESULTS
        }


def lines_of(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def check_decisions(results: dict[str, bytes], truth: dict[str, str]) -> None:
    clips = {clip["id"]: clip for clip in lines_of(results["clips.jsonl"])}
    assert list(clips) == list(truth)
    for name, reason in truth.items():
        assert clips[name]["kept"] == (reason == ""), clips[name]["reason"]
        assert clips[name]["reason"].startswith(reason), clips[name]["reason"]
        assert clips[name]["source"]["licence"] == "CC BY 4.0"
    kept = [name for name, reason in truth.items() if not reason]
    assert results["V2M.txt"].decode().split() == kept
    best = sorted(kept, key=lambda name: -float(clips[name]["align"]["imagebind"]))[:2]
    assert results["V2M-20k.txt"].decode().split() == best
    for clip in lines_of(results["pretrain.jsonl"]):
        assert abs(clip["duration"] - SECONDS) < 0.2
        assert clip["sample_rate"] > 0
        assert clip["path"].startswith("OUT/stages/separate/")


def check_kills(curation: Curation, folder: Path, want: dict[str, bytes]) -> None:
    """Kills runs when ever more measurements are there, and lets the last one end."""
    out = folder / "killed"
    kills = 0
    for least in (1, 4, 9, 14, 20, 26):
        process = curation.start(out)
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and len(list(out.glob("stages/*/*/*"))) < least:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
    assert kills >= 3, kills
    assert curation.results(out) == want


def check_shards(curation: Curation, folder: Path, want: dict[str, bytes]) -> None:
    out = folder / "shards"
    for shard in range(3):
        code, text = curation.run(out, "--shard", f"{shard}/3")
        assert code == 0, text
        assert not (out / "clips.jsonl").exists()
    assert curation.results(out) == want


def check_faults(curation: Curation, raw: Path, folder: Path, want: dict[str, bytes]) -> None:
    """A file that isn't there yet, and a folder that can't be written, cost only a later run."""
    out = folder / "faults"
    missing = raw / "good1.mp4"
    away = missing.rename(raw / "away.mp4")
    code, text = curation.run(out)
    assert code == 1, text
    assert "1 clips couldn't be measured" in text, text
    assert "good1.mp4" in text, text
    away.rename(missing)
    assert curation.results(out) == want
    blocked = folder / "blocked"
    blocked.write_text("a file, not a folder")
    code, text = curation.run(blocked)
    assert code == 1, text
    assert "blocked" in text, text


def check_reviews(curation: Curation, folder: Path) -> None:
    decisions = folder / "decisions.jsonl"
    decision = {"id": "good3", "reviewer": "Ada", "decision": "keep"}
    decisions.write_text(json.dumps(decision) + "\n")
    results = curation.results(folder / "whole", "--decisions", str(decisions))
    assert results["V2M-bench.txt"] == b"good3\n"
    assert b"good3" not in results["V2M.txt"]
    assert b"1 reviewers" in results["report.html"]
    code, text = curation.run(folder / "whole", "--decisions", str(decisions), verb=("review",))
    assert code == 0, text
    assert "1 reviewers" in text, text
    page = (folder / "whole/review.html").read_text()
    assert '"id":"good0"' in page
    assert '"id":"still"' not in page


def check_training(build: str, folder: Path) -> None:
    """The manifest goes into the trainer as it is."""
    done = subprocess.run(
        (
            *(
                f"{build}/vidmuse_train",
                "codec",
                "--manifest",
                str(folder / "whole/pretrain.jsonl"),
            ),
            *("--work_dir", str(folder / "work"), "--out", str(folder / "model")),
            *("--steps", "1", "--batch", "2", "--seconds", "2"),
        ),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "model").is_dir()


def main() -> None:
    build = sys.argv[1]
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        raw, extractors = folder / "raw", folder / "extractors"
        raw.mkdir()
        truth = make_raw(raw)
        maker = (f"{build}/tests/vidmuse_make_extractors", "--out", str(extractors))
        subprocess.run(maker, check=True)
        curation = Curation(build, raw, extractors)
        want = curation.results(folder / "whole")
        check_decisions(want, truth)
        check_kills(curation, folder, want)
        check_shards(curation, folder, want)
        check_faults(curation, raw, folder, want)
        check_training(build, folder)
        check_reviews(curation, folder)


if __name__ == "__main__":
    main()
