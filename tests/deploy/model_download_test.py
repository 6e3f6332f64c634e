"""Runs the init container's script against a server of HTTP here."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

FILES = {"state_dict.bin": os.urandom(300_000), "codec/weights.bin": os.urandom(1000)}


class Store(BaseHTTPRequestHandler):
    """Gives FILES, from any byte on. `cut` breaks the first answer off in its middle."""

    seen: list[tuple[str, str | None, str | None]]
    cut = False

    def do_GET(self) -> None:
        name = self.path.removeprefix("/small/")
        begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.seen.append((name, self.headers.get("Range"), self.headers.get("Authorization")))
        if name not in FILES:
            self.send_error(404)
            return
        body = FILES[name]
        first = int(begin[1]) if begin else 0
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - first))
        self.end_headers()
        if type(self).cut:
            type(self).cut = False
            self.wfile.write(body[first : len(body) // 2])
            self.close_connection = True
            return
        self.wfile.write(body[first:])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def store() -> Iterator[ThreadingHTTPServer]:
    Store.seen = []
    Store.cut = False
    with ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Pod:
    """The folders that the container would have, and its script."""

    def __init__(self, source: Path, work: Path, store: ThreadingHTTPServer) -> None:
        script = source / "deploy/kubernetes/components/model-download/download.sh"
        (work / "download").mkdir()
        self._script = shutil.copy(script, work / "download")
        self._url = f"http://127.0.0.1:{store.server_address[1]}/small/"
        self.model = work / "model"
        self.model.mkdir()
        self.sums = work / "download/sha256sums"
        self.promise(FILES)

    def promise(self, files: dict[str, bytes]) -> None:
        lines = (f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in files.items())
        self.sums.write_text("".join(lines))

    def run(self, **more: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": os.environ["PATH"], "MODEL_URL": self._url, **more}
        command = ["sh", self._script, str(self.model)]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.model.rglob("*") if path.is_file())
        return {str(path.relative_to(self.model)): path.read_bytes() for path in found}


@pytest.fixture
def pod(source: Path, tmp_path: Path, store: ThreadingHTTPServer) -> Pod:
    return Pod(source, tmp_path, store)


def test_files_come_once(pod: Pod) -> None:
    done = pod.run()
    assert done.returncode == 0, done.stderr
    assert pod.files() == FILES
    assert len(Store.seen) == 2
    assert pod.run().returncode == 0
    assert len(Store.seen) == 2


def test_what_was_broken_off_goes_on(pod: Pod) -> None:
    Store.cut = True
    assert pod.run().returncode == 1
    assert list(pod.files()) == ["state_dict.bin.part"]
    assert pod.run().returncode == 0
    assert Store.seen[1][:2] == ("state_dict.bin", f"bytes={300_000 // 2}-")
    assert pod.files() == FILES


def test_another_file_than_was_promised_is_not_taken(pod: Pod) -> None:
    pod.promise({"state_dict.bin": b"another"})
    done = pod.run()
    assert done.returncode == 1
    assert "SHA-256" in done.stderr
    assert pod.files() == {}


def test_a_missing_file_ends_it(pod: Pod) -> None:
    pod.promise({"other.bin": b""})
    done = pod.run()
    assert done.returncode == 1
    assert "404" in done.stderr


@pytest.mark.parametrize("name", ["../state_dict.bin", "/etc/state_dict.bin", ""])
def test_names_stay_in_the_folder(pod: Pod, name: str) -> None:
    pod.promise({name: b""})
    assert pod.run().returncode == 1
    assert Store.seen == []


def test_requests_to_s3_are_signed(pod: Pod, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text("AKIAEXAMPLE:secret\n")
    done = pod.run(S3_REGION="eu-central-1", S3_CREDENTIALS=str(credentials))
    assert done.returncode == 0, done.stderr
    assert pod.files() == FILES
    for _, _, signature in Store.seen:
        assert signature is not None
        scope = r"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/\d{8}/eu-central-1/s3/aws4_request, .*"
        assert re.fullmatch(scope, signature)
