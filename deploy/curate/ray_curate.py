"""Runs vidmuse_curate on a Ray cluster: many machines measure, then one makes the lists.

    ray_curate.py --shards 256 --cores 8 -- --manifest raw.jsonl --out DIR --extractors NETWORKS

Behind `--` are vidmuse_curate's own flags, less --workers and --shard, which are given here. Paths
are the nodes': the manifest, its videos, NETWORKS and DIR lie in a folder that all of them share,
and the program is on each node. The result has the same bytes as that of one machine.

It runs on Ray's tasks, where curators of text and pictures often take Ray Data. Ray Data moves
blocks of rows between operators, and here nothing moves: a clip's stages run one after another in
one process, which loads the networks once, and what they measure is in the shared folder at once.
What is left to Ray is what its tasks do: placing by cores and memory, trying again elsewhere, and
knowing of dead workers and nodes.

A task measures one shard, which is every N-th clip by its identifier's hash. At most --in_flight
tasks are with Ray at a time. A shard whose worker or node died, or whose program failed, is
measured again, up to --retries times; what was measured already isn't measured twice. If a shard
still fails, the others are measured to their end, no lists are made and the exit code is 1: start
it again with the same flags.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import RayError

# What a program may take, by which Ray places it: ImageBind's weights, and a worker's share.
WEIGHTS_BYTES = 3 << 30
WORKER_BYTES = 1 << 29
TOLD_BYTES = 2000  # of a program's standard error, its end


class CurateError(Exception):
    """The program ended with another code than 0."""


def run_curate(command: list[str]) -> str:
    """Runs the program to its end, and returns the end of what it told.

    The kernel ends it with the worker that started it, so that a shard which is measured again
    is measured by one program alone.
    """
    done = subprocess.run(
        ["setpriv", "--pdeathsig", "KILL", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    told = (done.stdout + done.stderr)[-TOLD_BYTES:].decode(errors="replace").strip()
    if done.returncode != 0:
        raise CurateError(f"exit code {done.returncode}: {told}")
    return told


def remote_run(args: argparse.Namespace) -> Callable[[list[str]], Any]:
    """Gives run_curate as a task that Ray places, and starts again when it fails."""
    task = ray.remote(
        num_cpus=args.cores,
        memory=WEIGHTS_BYTES + args.cores * WORKER_BYTES,
        max_retries=args.retries,
        retry_exceptions=True,
        scheduling_strategy="SPREAD",
    )(run_curate)
    return lambda command: task.remote(command)


def measure(start: Callable[[list[str]], Any], args: argparse.Namespace) -> int:
    """Measures all shards, a bounded number at a time. Returns how many of them failed."""
    running: dict[Any, int] = {}
    failed = 0
    shards = iter(range(args.shards))
    while True:
        while len(running) < args.in_flight and (shard := next(shards, None)) is not None:
            command = [*command_of(args), "--shard", f"{shard}/{args.shards}"]
            running[start(command)] = shard
        if not running:
            return failed
        done, _ = ray.wait(list(running), num_returns=1)
        shard = running.pop(done[0])
        try:
            ray.get(done[0])
            tell(f"shard {shard} of {args.shards} is measured")
        except RayError as error:
            failed += 1
            tell(f"shard {shard} of {args.shards} failed: {error}")


def command_of(args: argparse.Namespace) -> list[str]:
    return [args.program, *args.flags, "--workers", str(args.cores)]


def tell(text: str) -> None:
    print(f"ray_curate: {text}", file=sys.stderr, flush=True)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return number


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Runs vidmuse_curate on a Ray cluster.",
        usage="%(prog)s --shards N [options] -- FLAGS OF vidmuse_curate",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--shards", type=positive, required=True, help="parts; some 4 or more for each node"
    )
    parser.add_argument(
        "--address", default="auto", help="of the Ray cluster (default: the one around)"
    )
    parser.add_argument(
        "--program", default="vidmuse_curate", help="where the nodes have it (default: in PATH)"
    )
    parser.add_argument("--cores", type=positive, default=1, help="of a task (default: 1)")
    parser.add_argument("--in_flight", type=positive, default=64, help="tasks (default: 64)")
    parser.add_argument("--retries", type=positive, default=3, help="of a shard (default: 3)")
    split = arguments.index("--") if "--" in arguments else len(arguments)
    args = parser.parse_args(arguments[:split])
    args.flags = arguments[split + 1 :]
    for flag in args.flags:
        if flag.split("=")[0] in ("--shard", "--workers"):
            parser.error(f"{flag} is given by --shards and --cores")
    return args


def main() -> int:
    args = parse(sys.argv[1:])
    ray.init(address=args.address, log_to_driver=False)
    start = remote_run(args)
    failed = measure(start, args)
    if failed:
        tell(f"{failed} of {args.shards} shards failed: start it again")
        return 1
    try:
        print(ray.get(start(command_of(args))))
    except RayError as error:
        tell(f"the lists failed: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
