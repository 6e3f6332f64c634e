"""Runs deploy/quickstart.sh --web as a user does: it prints an address, and Ctrl-C stops it all.

quickstart_web_test.py
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PATIENCE = 120.0


def programs(script: int) -> dict[str, int]:
    """The script's running programs, by name."""
    children = Path(f"/proc/{script}/task/{script}/children").read_text().split()
    return {Path(f"/proc/{pid}/comm").read_text().strip(): int(pid) for pid in children}


def check() -> None:
    script = subprocess.Popen(
        [str(SOURCE / "deploy/quickstart.sh"), "--web"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert script.stdout is not None
        lines: list[str] = []
        for line in script.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        found = re.search(r"at (http://127\.0\.0\.1:[0-9]+/)", "".join(lines))
        assert found, lines
        with urllib.request.urlopen(found[1] + "readyz", timeout=PATIENCE) as answer:
            assert answer.read() == b"ready\n"
        assert script.poll() is None
        started = programs(script.pid)
        assert set(started) == {"vidmuse_server", "vidmuse_gateway"}, started
        os.killpg(script.pid, signal.SIGINT)  # what a terminal does
        assert script.wait(PATIENCE) == 0
        assert script.stdout.read() == "quickstart: stopping\n"
        assert (SOURCE / "build/quickstart/server.log").read_text().count('"draining"') == 1
        for pid in started.values():
            assert not Path(f"/proc/{pid}").exists()
    finally:
        if script.poll() is None:
            os.killpg(script.pid, signal.SIGTERM)
            script.wait(PATIENCE)


def main() -> None:
    check()
    # Another program has the gateway's usual port.
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 8080))
            other.listen()
        except OSError:
            return  # it was so the first time
        check()


if __name__ == "__main__":
    main()
