"""Compiles the service's proto files into the wheel, and carries them in the sdist."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTOS = ("vidmuse/v1/music.proto", "grpc/health/v1/health.proto")
PACKAGE = "vidmuse/v1"


class ProtoHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the descriptors of PROTOS and the type stub of the messages to what is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        # An sdist carries the files; in the repository they stand once, for all languages.
        carried = root / "proto"
        protos = carried if carried.is_dir() else root.parents[1] / "proto"
        if not (protos / PROTOS[0]).is_file():
            raise RuntimeError(
                f"{protos} has no {PROTOS[0]}: build in a clone, with pip 21.3 or later, which "
                "doesn't copy this folder away from it"
            )
        if self.target_name == "sdist":
            for name in PROTOS:
                build_data["force_include"][str(protos / name)] = f"proto/{name}"
            return
        if version == "editable":
            compile_protos(protos, root / "src")
            return
        out = Path(tempfile.mkdtemp(prefix="vidmuse-protos-"))
        atexit.register(shutil.rmtree, out, ignore_errors=True)
        for file in compile_protos(protos, out):
            build_data["force_include"][str(file)] = str(file.relative_to(out))


def compile_protos(protos: Path, out: Path) -> list[Path]:
    """Writes a descriptor set and a type stub under `out` and returns their paths."""
    from grpc_tools import protoc

    descriptors = out / PACKAGE / "descriptors.binpb"
    descriptors.parent.mkdir(parents=True, exist_ok=True)
    common = ["protoc", f"-I{protos}"]
    runs = (
        [*common, f"--descriptor_set_out={descriptors}", *PROTOS],
        [*common, f"--pyi_out={out}", PROTOS[0]],
    )
    for arguments in runs:
        if protoc.main(arguments) != 0:
            raise RuntimeError(f"failed: {' '.join(arguments)}")
    return [descriptors, out / PACKAGE / "music_pb2.pyi"]
