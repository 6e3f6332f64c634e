"""Puts what tests/gpu/run.sh left in a folder into gpu.json there, and prints it as a table.

Exit code 1: a part failed.
"""

import json
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]
PARTS = (
    "probe",
    "tests",
    "faults",
    "goldens",
    "self_test",
    "song",
    "make_model",
    "song_small",
    "bench_8",
    "bench_64",
)


def read_part(folder: Path, name: str) -> Json:
    """The exit code of a part, and what it said."""

    def text(suffix: str) -> str:
        path = folder / f"{name}.{suffix}"
        return path.read_text(errors="replace") if path.exists() else ""

    code = text("rc").strip()
    part: Json = {"exit_code": int(code) if code else None}
    if name.startswith("bench"):
        try:
            part["result"] = json.loads(text("log"))
        except json.JSONDecodeError:
            part["output"] = text("log")[-4000:]
    else:
        part["lines"] = [
            line
            for line in text("log").splitlines()
            if line.startswith(
                ("[  ", "[---", "cpu:", "cuda", "fp", "bf16", "audio", "song")
            )
            and "[ RUN" not in line
        ]
    if part["exit_code"] != 0:
        part["errors"] = text("err")[-4000:]
    return part


def model_rows(model: Json) -> list[str]:
    """The lines of one measured model."""
    name = (
        f"{model['precision']}, {model['slots']} slots, graphs {'on' if model['graphs'] else 'off'},"
        f" kernels {'on' if model['kernels'] else 'off'}"
    )
    if "error" in model:
        return [f"{name}: {model['error']}"]
    rows = [
        f"{name}: loaded in {model['load_s']:.1f} s, {model['memory']['taken_gb']:.2f} GB; {model['notice']}"
    ]
    for step in model["step"]:
        rows.append(
            f"  step of {step['requests']:>2}: {step['median_ms']:8.3f} ms"
            f"  at best {step.get('limit_ms', 0):.3f}, {step['gb_s']:.0f} GB/s"
        )
    for stage, times in model["stages"].items():
        rows.append(
            f"  {stage}: {times['median_ms']:.2f} ms, first {times['first_ms']:.1f},"
            f" at best {times.get('limit_ms', 0):.2f}"
        )
    if "first_audio" in model:
        rows.append(
            f"  first audio, s: {model['first_audio']['none_s']:.3f},"
            f" at a steady loudness {model['first_audio']['streaming_s']:.3f}"
        )
    return rows


def main() -> int:
    folder = Path(sys.argv[1])
    parts = {name: read_part(folder, name) for name in PARTS}
    card = next(
        (part["result"]["card"] for part in parts.values() if "result" in part),
        "unknown",
    )
    (folder / "gpu.json").write_text(
        json.dumps({"card": card, "parts": parts}, indent=1) + "\n"
    )
    print(card)
    for part in parts.values():
        for model in part.get("result", {}).get("models", []):
            print("\n".join(model_rows(model)))
    failed = [name for name, part in parts.items() if part["exit_code"] != 0]
    print(f"failed: {', '.join(failed)}" if failed else "all parts passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
