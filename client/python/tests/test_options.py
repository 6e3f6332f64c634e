"""What is checked before anything is sent."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, get_args

import pytest

import vidmuse
from vidmuse import Client
from vidmuse._connection import is_this_machine
from vidmuse._options import FIELDS, FormatName, make_config
from vidmuse._retry import read_trailers
from vidmuse._video import open_video
from vidmuse.v1 import music_pb2 as pb

# Fields that the client sets itself.
OWN_FIELDS = {
    "video_bytes",
    "return_tokens",
    "resume.received_bytes",
    "resume.variants.received_bytes",
}


def leaves(descriptor: Any, prefix: str = "") -> set[str]:
    paths = set()
    for field in descriptor.fields:
        if field.message_type is None:
            paths.add(prefix + field.name)
        else:
            paths |= leaves(field.message_type, f"{prefix}{field.name}.")
    return paths


def test_every_field_of_the_config_is_an_option() -> None:
    assert leaves(pb.GenerateMusicConfig.DESCRIPTOR) == set(FIELDS.values()) | OWN_FIELDS


def test_options_become_a_config() -> None:
    config = make_config(
        {
            "seed": 2**64 - 1,
            "greedy": True,
            "temperature": 0.5,
            "format": "ogg",
            "loudness": "streaming",
            "alignment": "time",
            "duration": 3,
            "resume": b"1234",
            "prompt_audio": b"tune",
        }
    )
    assert config == pb.GenerateMusicConfig(
        sampling=pb.SamplingConfig(seed=2**64 - 1, greedy=True, temperature=0.5),
        format=pb.AUDIO_FORMAT_OGG_VORBIS,
        loudness=pb.LOUDNESS_STREAMING,
        alignment=pb.ALIGNMENT_TIME,
        max_duration_seconds=3,
        resume=pb.ResumeFrom(tokens=b"1234"),
        prompt_audio=b"tune",
    )
    numbers = [make_config({"format": name}).format for name in get_args(FormatName)]
    assert numbers == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"seed": -1}, vidmuse.InvalidArgumentError, "seed"),
        ({"top_k": 2**32}, vidmuse.InvalidArgumentError, "top_k"),
        ({"format": "aac"}, vidmuse.InvalidArgumentError, "none of wav, pcm_s16le"),
        ({"format": "unspecified"}, vidmuse.InvalidArgumentError, "none of"),
        ({"loudness": "loud"}, vidmuse.InvalidArgumentError, "reference, streaming, none"),
        ({"alignment": "space"}, vidmuse.InvalidArgumentError, "reference, time"),
        ({"format": 3}, TypeError, "format"),
        ({"seed": "7"}, TypeError, "seed"),
        ({"sed": 7}, TypeError, "unknown option 'sed'"),
        ({"request_id": "a b"}, vidmuse.InvalidArgumentError, "request_id"),
        ({"deadline": 0}, vidmuse.InvalidArgumentError, "deadline"),
    ],
)
def test_wrong_options(options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with Client("127.0.0.1:1") as client, pytest.raises(kind, match=message):
        client.generate(b"video", **options)


def test_videos(tmp_path: Path) -> None:
    path = tmp_path / "in.mp4"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        file.seek(2)
        for video, size, part in (
            (str(path), 10, b"34"),
            (path, 10, b"34"),
            (b"0123456789", 10, b"34"),
            (memoryview(b"0123456789"), 10, b"34"),
            (io.BytesIO(b"0123456789"), 10, b"34"),
            (file, 8, b"56"),
        ):
            source = open_video(video)
            assert (source.size, source.read_at(3, 2)) == (size, part)
            source.close()
        assert not file.closed


def test_a_stream_that_cannot_be_read_twice_is_kept() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as into:
        into.write(b"0123456789")
    with os.fdopen(reader, "rb") as stream:
        source = open_video(stream)
    assert (source.size, source.read_at(3, 2), source.read_at(0, 1)) == (10, b"34", b"0")


def test_what_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_video(tmp_path / "nothing.mp4")
    with pytest.raises(vidmuse.InvalidArgumentError, match="not a regular file"):
        open_video(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(vidmuse.InvalidArgumentError, match="not a regular file"):
        open_video(tmp_path / "pipe")
    with pytest.raises(TypeError, match="as text"):
        open_video(io.StringIO("text"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not int"):
        open_video(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("target", "is_local"),
    [
        ("127.0.0.1:50051", True),
        ("127.9.9.9:1", True),
        ("localhost:50051", True),
        ("LOCALHOST", True),
        ("[::1]:50051", True),
        ("::1", True),
        ("unix:/run/vidmuse", True),
        ("unix-abstract:vidmuse", True),
        ("ipv4:127.0.0.1:1,127.0.0.2:1", True),
        ("ipv4:127.0.0.1:1,10.0.0.1:1", False),
        ("dns:///localhost:50051", True),
        ("dns://127.0.0.1/host:50051", False),
        ("host:50051", False),
        ("10.0.0.1:50051", False),
        ("[::2]:50051", False),
        ("localhost.example:50051", False),
    ],
)
def test_addresses(target: str, is_local: bool) -> None:
    assert is_this_machine(target) == is_local


def test_a_key_never_goes_in_plain_text(tmp_path: Path) -> None:
    with pytest.raises(vidmuse.InvalidArgumentError, match="plain text") as caught:
        Client(["127.0.0.1:1", "host:50051"], api_key="secret")
    assert "secret" not in str(caught.value)
    with pytest.raises(vidmuse.InvalidArgumentError, match="visible ASCII"):
        Client("127.0.0.1:1", api_key="se cret")
    (tmp_path / "key").write_text(" \n")
    with pytest.raises(vidmuse.InvalidArgumentError, match="holds no key"):
        Client("127.0.0.1:1", api_key_file=tmp_path / "key")
    (tmp_path / "key").write_text("secret\n")
    Client("127.0.0.1:1", api_key_file=tmp_path / "key").close()
    Client("host:50051", api_key="secret", tls=True).close()
    Client("host:50051", api_key="secret", allow_plaintext_api_key=True).close()


@pytest.mark.parametrize(
    "options",
    [
        {"server": []},
        {"server": "a:1,,b:1"},
        {"tls_ca": "ca.pem"},
        {"tls": True, "tls_cert": "cert.pem"},
        {"max_retries": -1},
        {"initial_backoff": 0},
        {"initial_backoff": 2.0, "max_backoff": 1.0},
    ],
)
def test_wrong_clients(options: dict[str, Any]) -> None:
    with pytest.raises(vidmuse.InvalidArgumentError):
        Client(**options)


@pytest.mark.parametrize(
    ("text", "forbids", "pushback"),
    [
        ("250", False, 0.25),
        ("0", False, 0.0),
        ("-1", True, None),
        ("soon", True, None),
        ("1_0", True, None),
        ("", True, None),
        ("9223372036854775807", False, 3600.0),
        ("9223372036854775808", True, None),
    ],
)
def test_pushback(text: str, forbids: bool, pushback: float | None) -> None:
    trailers = read_trailers((("grpc-retry-pushback-ms", text),))
    assert (trailers.any, trailers.forbids_retry, trailers.pushback) == (True, forbids, pushback)
    assert not read_trailers(()).any
