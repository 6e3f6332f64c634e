#!/usr/bin/env python3
"""Runs clang-tidy, with the checks of .clang-tidy, over core/, server/ and client/ in about a minute.

tests/tidy.py [FOLDER...]    only files under these folders, e.g. core/engine

Sources of one library are read as one, because most of the time goes into headers of other projects. Where
names of two sources collide in that, the later source is read alone.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/tidy"
TIDY = ROOT / ".deps/tools/bin/clang-tidy"
FINDING = re.compile(r"^(/[^:\n]+):\d+:\d+: (?:error|warning): .*\[([a-z][^\]\n]*)\]$", re.MULTILINE)
NOT_COMPILED = re.compile(r"^(/[^:\n]+):\d+:\d+: error: .*\[clang-diagnostic-error[^\]]*\]$", re.MULTILINE)


def configure() -> None:
    subprocess.run([ROOT / "tests/tools.sh"], check=True)
    preset = ["cmake", "--preset", "clang", "-B", str(BUILD), "-DVIDMUSE_TESTS=OFF", "-DVIDMUSE_NVCC="]
    subprocess.run(preset, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    listing = subprocess.check_output(["ninja", "-C", str(BUILD), "-t", "targets", "all"], text=True)
    generated = re.findall(r"^(proto/\S+\.pb\.h): ", listing, re.MULTILINE)
    subprocess.run(["ninja", "-C", str(BUILD), *generated], check=True, stdout=subprocess.DEVNULL)


def libraries(folders: list[str]) -> dict[tuple[str, ...], list[Path]]:
    """Sources by the flags that they are compiled with."""
    found: dict[tuple[str, ...], list[Path]] = defaultdict(list)
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        source = Path(entry["file"])
        if any(source.is_relative_to(ROOT / folder) for folder in folders):
            command = shlex.split(entry["command"])
            flags = command[next(i for i, word in enumerate(command) if word.endswith("clang++")) + 1 :]
            output = Path(flags[flags.index("-o") + 1])
            target = str(output).split(".dir/")[0]
            found[(target, *flags[: flags.index("-o")])].append(source)
    return found


def tidy(flags: tuple[str, ...], sources: list[Path], unit: Path) -> str:
    if len(sources) == 1:
        unit = sources[0]
    else:
        unit.write_text("".join(f'#include "{source}"\n' for source in sources))
    command = [str(TIDY), "--quiet", f"--config-file={ROOT}/.clang-tidy", str(unit), "--", "clang++", *flags]
    result = subprocess.run(command, cwd=BUILD, text=True, capture_output=True, check=False)
    if result.returncode and not FINDING.search(result.stdout):
        raise RuntimeError(f"clang-tidy failed on {unit}: {result.stdout}{result.stderr}")
    return result.stdout


def check(job: tuple[tuple[str, ...], list[Path]]) -> str:
    (target, *flags), sources = job
    unit = BUILD / (f"tidy_{target}_{len(sources)}".replace("/", "_") + ".cc")
    output = tidy(tuple(flags), sources, unit)
    if len(sources) == 1 or not NOT_COMPILED.search(output):
        return output
    blamed = {Path(name) for name in NOT_COMPILED.findall(output)}
    together = [source for source in sources if source not in blamed]
    alone = [[source] for source in sources if source in blamed]
    if not alone:
        together, alone = [], [[source] for source in sources]
    parts = ([together] if together else []) + alone
    return "".join(check(((target, *flags), part)) for part in parts)


def main() -> int:
    configure()
    jobs = list(libraries(sys.argv[1:] or ["core", "server", "client"]).items())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        output = "".join(pool.map(check, jobs))
    print(output, end="")
    findings = set(FINDING.findall(output))
    count = sum(len(sources) for _, sources in jobs)
    files = len({file for file, _ in findings})
    print(f"clang-tidy: {count} sources, findings in {files} files")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
