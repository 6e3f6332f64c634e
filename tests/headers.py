#!/usr/bin/env python3
"""Fails for each header of core/, server/ and client/ that doesn't compile by itself.

tests/headers.py BUILD_DIR LIBTORCH_DIR

Headers are compiled with no other source, and without the build's precompiled headers. A header that itself
includes a heavy header of another project, even through ours, starts from that one compiled once, which
hides nothing. Headers under core/include must reach neither Torch, FFmpeg, gRPC nor Protobuf.
"""

import functools
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
TORCH = ("ATen/", "c10/", "torch/")
FOREIGN_TO_CORE = (*TORCH, "libav", "libsw", "grpc", "google/", "vidmuse/v1/")
# These aren't headers but text, which a source includes between definitions that it needs.
TEXT = ("core/model/cpu/kernels/impl.h", "core/model/gpu/kernels/linear_launch_impl.h")
HEAVY = ("torch/torch.h", "ATen/ATen.h", "grpcpp/grpcpp.h", "absl/status/statusor.h")


@functools.cache
def included(header: Path) -> tuple[str, ...]:
    return tuple(INCLUDE.findall(header.read_text()))


@functools.cache
def reached(header: Path) -> frozenset[str]:
    """Headers of other projects that this one includes, directly or through ours."""
    found: set[str] = set()
    seen = {header}
    todo = [header]
    while todo:
        for name in included(todo.pop()):
            ours = next((p for p in (ROOT / name, ROOT / "core/include" / name) if p.is_file()), None)
            if not ours:
                found.add(name)
            elif ours not in seen:
                seen.add(ours)
                todo.append(ours)
    return frozenset(found)


class Compiler:
    def __init__(self, build: Path, torch: Path, folder: Path) -> None:
        self.folder = folder
        self.base = ["clang++", "-std=c++20", "-pthread", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}"]
        self.base += [f"-I{ROOT}/core/include", "-isystem", f"{build}/proto"]
        self.cuda = ["-isystem", f"{torch}/../nvidia/cu13/include"]
        self.torch = ["-idirafter", f"{torch}/include", "-idirafter", f"{torch}/include/torch/csrc/api/include"]

    def flags(self, headers: frozenset[str]) -> list[str]:
        cuda = self.cuda if "cuda_runtime_api.h" in headers else []
        return self.base + cuda + (self.torch if any(h.startswith(TORCH) for h in headers) else [])

    def precompile(self, heavy: str) -> None:
        text = f"#include <{heavy}>\n"
        command = [*self.flags(frozenset({heavy})), "-x", "c++-header", "-", "-o", self.precompiled(heavy)]
        subprocess.run(command, input=text, text=True, check=True)

    def precompiled(self, heavy: str) -> str:
        return str(self.folder / (heavy.replace("/", "_") + ".pch"))

    def check(self, header: Path) -> str:
        """Returns the compiler's errors, or an empty string."""
        headers = reached(header)
        flags = self.flags(headers)
        heavy = next((h for h in HEAVY if h in headers), None)
        if heavy:
            flags += ["-include-pch", self.precompiled(heavy)]
        text = f'#include "{header.relative_to(ROOT)}"\n'
        result = subprocess.run(
            [*flags, "-x", "c++", "-fsyntax-only", "-"], input=text, text=True, capture_output=True, check=False
        )
        return result.stderr if result.returncode else ""


def main() -> int:
    build, torch = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    headers = sorted(h for part in ("core", "server", "client") for h in (ROOT / part).rglob("*.h")
                     if str(h.relative_to(ROOT)) not in TEXT)
    failed = 0
    for header in (ROOT / "core/include").rglob("*.h"):
        for name in sorted(h for h in reached(header) if h.startswith(FOREIGN_TO_CORE)):
            print(f"{header.relative_to(ROOT)} reaches {name}", file=sys.stderr)
            failed += 1
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        compiler = Compiler(build, torch, Path(folder))
        list(pool.map(compiler.precompile, [h for h in HEAVY if any(h in reached(x) for x in headers)]))
        for header, errors in zip(headers, pool.map(compiler.check, headers), strict=True):
            if errors:
                print(f"{header.relative_to(ROOT)} doesn't compile by itself:\n{errors}", file=sys.stderr)
                failed += 1
    print(f"{len(headers)} headers, {failed} faults")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
