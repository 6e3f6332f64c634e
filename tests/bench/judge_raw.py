"""Runs vidmuse_curate on a raw set with known truth (make_raw.py), and says how well it judged.

    judge_raw.py --build BUILD --raw DIR [--workers N]

The first table has precision and recall of each stage's rules that need no network, the second one
what became of each kind of clip. The third one has the time of every stage, for a part of the
clips. The networks there have weights from hash functions (tests/vidmuse_make_extractors) and small
sizes: they judge nothing, and their times say nothing of the published networks.
"""

from __future__ import annotations

import argparse
import collections
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# Clips of make_raw.py last 15 to 20 s.
LENGTHS = ("--least_seconds", "6", "--most_seconds", "40")
TIMED_PART = "0/6"  # of the clips
JUDGED = ("probe", "static", "duplicates")


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def curate(args: argparse.Namespace, out: Path, *flags: str) -> str:
    """Runs the program, and returns what it told."""
    command = [f"{args.build}/vidmuse_curate", "--manifest", f"{args.raw}/raw.jsonl"]
    command += ["--out", str(out), "--workers", str(args.workers), *LENGTHS, *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"judge_raw: {done.stderr[-2000:]}")
    return done.stderr


def is_right(clip: dict[str, Any], truth: dict[str, Any], twins: dict[str, str]) -> bool:
    """Whether the stage that dropped the clip should; a duplicate's other must be its other."""
    stage, _, reason = clip["reason"].partition(": ")
    if stage != truth["drop"]:
        return False
    if stage != "duplicates":
        return True
    same = reason.removeprefix("sounds like ")
    return bool(twins.get(same, same) == twins[clip["id"]])


def print_stages(clips: dict[str, dict[str, Any]], truth: list[dict[str, Any]]) -> None:
    twins = {line["id"]: line["twin"] for line in truth if line["twin"]}
    print("stage       should drop  dropped  rightly  precision  recall")
    for stage in JUDGED:
        wanted = [line for line in truth if line["drop"] == stage]
        dropped = [line for line in truth if clips[line["id"]]["reason"].startswith(f"{stage}:")]
        right = sum(is_right(clips[line["id"]], line, twins) for line in dropped)
        precision = right / len(dropped) if dropped else 1.0
        recall = right / len(wanted) if wanted else 1.0
        print(
            f"{stage:10}  {len(wanted):11}  {len(dropped):7}  {right:7}  {precision:9.3f}"
            f"  {recall:6.3f}"
        )


def print_kinds(clips: dict[str, dict[str, Any]], truth: list[dict[str, Any]]) -> None:
    print("\nkind               clips  what became of them")
    kinds: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for line in truth:
        clip = clips[line["id"]]
        stage = clip["reason"].partition(":")[0]
        kinds[line["kind"]]["kept" if clip["kept"] else f"dropped by {stage}"] += 1
    for kind, fates in kinds.items():
        words = ", ".join(f"{number} {fate}" for fate, number in sorted(fates.items()))
        print(f"{kind:18} {fates.total():5}  {words}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Judges vidmuse_curate by a set of known truth.")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    truth = read_lines(args.raw / "truth.jsonl")
    with tempfile.TemporaryDirectory() as path:
        out, networks = Path(path) / "out", Path(path) / "networks"
        stages = ",".join((*JUDGED, "split"))
        curate(args, out, "--stages", stages, "--drop_duplicates")
        clips = {clip["id"]: clip for clip in read_lines(out / "clips.jsonl")}
        print_stages(clips, truth)
        print_kinds(clips, truth)
        maker = (f"{args.build}/tests/vidmuse_make_extractors", "--out", str(networks))
        subprocess.run(maker, check=True)
        timed = Path(path) / "timed"
        flags = ("--extractors", str(networks), "--least_music_share", "0", "--shard", TIMED_PART)
        told = curate(args, timed, *flags)
        print("\ntime of the stages; networks of hash weights and small sizes")
        print("\n".join(line for line in told.splitlines() if "an hour of one worker" in line))


if __name__ == "__main__":
    main()
