"""Checks the gateway's /openapi.json, and that the gateway does what it says, by schemathesis.

gateway_schema_test.py BUILD_DIR
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import openapi_spec_validator
from programs import gateway, server

HOOKS = Path(__file__).with_name("gateway_schema_hooks.py").resolve()


def main(build: str) -> int:
    with tempfile.TemporaryDirectory() as work:
        subprocess.run(
            [f"{build}/vidmuse_make_model", "--out", f"{work}/model", "--clip_mlp", "192"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with server(build, f"{work}/model") as songs, gateway(build, songs.ports[0]) as http:
            url = f"http://127.0.0.1:{http.ports[0]}/openapi.json"
            with urllib.request.urlopen(url) as answer:
                openapi_spec_validator.validate(json.load(answer))
            tools = Path(sys.executable).parent
            return subprocess.run(
                [
                    *(f"{tools}/schemathesis", "--no-color", "run", url, "--checks", "all"),
                    *("--phases", "coverage,fuzzing", "--max-examples", "20"),
                    *("--generation-deterministic", "--continue-on-failure", "--warnings", "off"),
                ],
                cwd=work,
                env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS)},
                check=False,
            ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
