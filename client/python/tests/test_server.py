"""Songs from a real server."""

from __future__ import annotations

import asyncio
import hashlib
import io
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from conftest import BIN, CLIP, DATA, PATIENCE, Server
from fakes import read

import vidmuse
from vidmuse import AsyncClient, Client
from vidmuse.v1 import music_pb2 as pb

# Seven windows: long enough to be killed in the middle.
LONG = DATA / "golden" / "videos" / "zoom_63s.mp4"
STREAMED: dict[str, Any] = {"seed": 1, "loudness": "none", "chunk": 0.2}


@pytest.fixture(params=["sync", "async"])
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_the_server_runs(address: str) -> None:
    with Client(address) as client:
        info = client.model_info()
        assert info.name == "demo"
        assert client.models() == [info]
        assert client.health() == client.health("readiness") == "SERVING"
        with pytest.raises(vidmuse.VidmuseError) as caught:
            client.health("nonsense")
        assert caught.value.code == grpc.StatusCode.NOT_FOUND
        assert address in caught.value.message

    async def waiting() -> None:
        async with AsyncClient(address) as client:
            assert await client.model_info() == info
            assert await client.models() == [info]
            assert await client.health("liveness") == "SERVING"

    asyncio.run(waiting())
    with Client(["127.0.0.1:1", address]) as client:
        assert client.model_info() == info
        with pytest.raises(vidmuse.UnavailableError, match=r"127\.0\.0\.1:1"):
            client.health()


def test_the_file_is_the_command_lines(address: str, tmp_path: Path) -> None:
    flags = ("--server", address, "--video", str(CLIP), "--seed", "7")
    expected = {}
    for extension in ("wav", "flac"):
        path = tmp_path / f"cli.{extension}"
        command = [str(BIN / "vidmuse"), "generate", *flags, "--output", str(path)]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
        expected[extension] = path.read_bytes()
    with Client(address) as client:
        song = client.generate(CLIP, seed=7).save(tmp_path / "own.wav")
        client.generate(CLIP.read_bytes(), seed=7).save(str(tmp_path / "own.FLAC"))
        with CLIP.open("rb") as video:
            loop = b"".join(chunk.data for chunk in client.generate(video, seed=7))
    assert (tmp_path / "own.wav").read_bytes() == expected["wav"] == loop
    assert (tmp_path / "own.FLAC").read_bytes() == expected["flac"]
    assert song.started is not None and song.finished is not None
    assert song.started.seed == 7
    assert song.finished.total_samples == song.started.total_samples
    assert len(song.tokens) == 8 * song.started.total_frames
    assert song.uploaded_bytes == CLIP.stat().st_size

    async def waiting() -> None:
        async with AsyncClient(address) as client:
            await client.generate(io.BytesIO(CLIP.read_bytes()), seed=7).save(tmp_path / "a.wav")

    asyncio.run(waiting())
    assert (tmp_path / "a.wav").read_bytes() == expected["wav"]
    assert not list(tmp_path.glob("*.part"))


def test_every_option_is_taken(api: str, address: str) -> None:
    stages = []
    result = read(
        api,
        [address],
        CLIP,
        progress=lambda progress: stages.append(progress.stage),
        seed=3,
        greedy=True,
        temperature=0.5,
        top_k=10,
        top_p=0.5,
        cfg_coef=2.0,
        duration=2,
        window_overlap=1.0,
        alignment="time",
        format="pcm_f32le",
        loudness="streaming",
        chunk=0.5,
        video_seconds=7.0,
        deadline=PATIENCE,
    )
    assert result.error is None
    (started,) = result.of(pb.GenerationStarted)
    assert started.sampling.top_k == 10
    assert started.total_samples == 2 * started.sample_rate
    assert len(result.audio) == 4 * started.total_samples
    chunks = result.of(vidmuse.Chunk)
    assert max(chunk.num_samples for chunk in chunks) <= started.sample_rate // 2
    assert sum(len(chunk.tokens) for chunk in chunks) == 8 * started.total_frames
    assert pb.GENERATION_STAGE_GENERATE in stages


def test_a_bad_video(api: str, address: str) -> None:
    result = read(api, [address], b"this is no video" * 10_000)
    assert isinstance(result.error, vidmuse.InvalidArgumentError)
    assert result.error.message
    result = read(api, [address], CLIP, temperature=11.0)
    assert isinstance(result.error, vidmuse.InvalidArgumentError)
    assert "temperature" in result.error.message


def test_a_deadline_that_is_too_short(api: str, address: str) -> None:
    result = read(api, [address], LONG, deadline=0.2)
    assert isinstance(result.error, vidmuse.DeadlineExceededError)


def test_songs_at_once_with_asyncio(address: str) -> None:
    async def one(client: AsyncClient) -> bytes:
        song = client.generate(CLIP, seed=7, duration=2)
        return b"".join([chunk.data async for chunk in song])

    async def waiting() -> None:
        async with AsyncClient(address) as client:
            songs = await asyncio.gather(*(one(client) for _ in range(4)))
        assert songs[0]
        assert songs == [songs[0]] * 4

    asyncio.run(waiting())


def test_cancel_in_mid_stream_reaches_the_server(server: Server) -> None:
    with Client(server.address) as client:
        song = client.generate(LONG, **STREAMED)
        with pytest.raises(vidmuse.CancelledError):
            for chunk in song:
                if chunk.data:
                    song.cancel()
        server.wait_for("vidmuse_requests_running", 0)

        # Leaving the loop does the same.
        for chunk in client.generate(LONG, **STREAMED):
            if chunk.data:
                break
        server.wait_for("vidmuse_requests_running", 0)

        # So does closing the client from elsewhere.
        reader = client.generate(LONG, **STREAMED)
        threading.Timer(0.3, client.close).start()
        with pytest.raises(vidmuse.CancelledError):
            for _ in reader:
                pass
        server.wait_for("vidmuse_requests_running", 0)


def test_a_slow_reader_gets_the_same_song(address: str) -> None:
    options: dict[str, Any] = {"seed": 5, "loudness": "none", "format": "pcm_f32le", "chunk": 0.25}
    expected = read("sync", [address], CLIP, **options).audio
    audio = b""
    with Client(address) as client:
        for chunk in client.generate(CLIP, **options):
            audio += chunk.data
            time.sleep(0.01)
    assert audio == expected


def test_tokens_of_an_earlier_song_go_on(address: str) -> None:
    options: dict[str, Any] = {"seed": 5, "format": "pcm_s16le", "loudness": "none"}
    with Client(address) as client:
        first = client.generate(CLIP, **options)
        expected = b"".join(chunk.data for chunk in first)
        assert first.started is not None
        held = first.tokens[: 8 * 100]
        again = client.generate(
            CLIP, resume=held, resume_fingerprint=first.started.fingerprint, **options
        )
        assert b"".join(chunk.data for chunk in again) == expected
        other = client.generate(CLIP, resume=held, resume_fingerprint="another", **options)
        with pytest.raises(vidmuse.FailedPreconditionError):
            list(other)


def make_certificates(folder: Path) -> None:
    """An authority, and certificates of it for the server (127.0.0.1) and for a client."""

    def openssl(*arguments: str) -> None:
        command = ["openssl", *arguments]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=PATIENCE)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("server", "client"):
        openssl(
            "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}"
        )
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile", "names"),
            *("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
        )


def test_variants_are_files_of_their_own(address: str, tmp_path: Path) -> None:
    with Client(address) as client:
        both = client.generate(CLIP, seed=3, duration=2, variants=2).save(tmp_path / "song.wav")
        assert both.started is not None
        seeds = list(both.started.seeds)
        assert len(set(seeds)) == 2
        for number, seed in enumerate(seeds, 1):
            alone = client.generate(CLIP, seed=seed, duration=2).save(tmp_path / "alone.wav")
            one = (tmp_path / f"song-{number}.wav").read_bytes()
            assert one == (tmp_path / "alone.wav").read_bytes()
            assert both.variant_tokens[number - 1] == alone.tokens
        again = client.generate(
            CLIP, seed=3, duration=2, variants=2, resume_variants=both.variant_tokens
        ).save(tmp_path / "again.wav")
        assert again.finished is not None
    for number in (1, 2):
        one = (tmp_path / f"song-{number}.wav").read_bytes()
        assert one == (tmp_path / f"again-{number}.wav").read_bytes()


def test_tls_and_a_key(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    (tmp_path / "hashes").write_text(hashlib.sha256(b"secret").hexdigest() + " tester\n")
    one = Server(
        *("--tls_cert", str(tmp_path / "server.pem"), "--tls_key", str(tmp_path / "server.key")),
        *("--tls_client_ca", str(tmp_path / "ca.pem")),
        *("--api_keys_file", str(tmp_path / "hashes")),
    )
    own: dict[str, Any] = {"tls_cert": tmp_path / "client.pem", "tls_key": tmp_path / "client.key"}
    trusting: dict[str, Any] = {"tls": True, "tls_ca": tmp_path / "ca.pem", "max_retries": 0}
    try:
        with Client(one.address, api_key="secret", **trusting, **own) as client:
            assert client.model_info().name == "demo"
            assert list(client.generate(CLIP, duration=1))
        with Client(one.address, api_key="wrong", **trusting, **own) as client:
            with pytest.raises(vidmuse.UnauthenticatedError):
                list(client.generate(CLIP, duration=1))
            assert client.health() == "SERVING"
        with (
            Client(one.address, api_key="secret", **trusting) as client,
            pytest.raises(vidmuse.UnavailableError),
        ):
            list(client.generate(CLIP, duration=1))
        with (
            Client(one.address, tls=True, api_key="secret", max_retries=0, **own) as client,
            pytest.raises(vidmuse.UnavailableError),
        ):
            list(client.generate(CLIP, duration=1))
    finally:
        one.stop()


def test_a_full_queue_says_when_to_come_back() -> None:
    one = Server("--max_batch", "1", "--max_queued_requests", "1")
    try:
        with Client(one.address) as client:
            blocking = [client.generate(LONG, **STREAMED) for _ in range(2)]
            readers = [iter(song) for song in blocking]
            next(readers[0])
            waiting = threading.Thread(target=lambda: _drop(readers[1]))
            waiting.start()
            one.wait_for("vidmuse_requests_waiting", 1)
            refused = client.generate(CLIP).events()
            event = next(refused)
            assert isinstance(event, vidmuse.Retrying)
            assert event.error.code == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert event.delay > 0  # as long as the server says, so this doesn't wait for it
            refused.close()
            with (
                Client(one.address, max_busy_wait=0) as impatient,
                pytest.raises(vidmuse.ResourceExhaustedError),
            ):
                list(impatient.generate(CLIP))
            for song in blocking:
                song.cancel()
            waiting.join()
    finally:
        one.stop()


def _drop(reader: Any) -> None:
    try:
        for _ in reader:
            pass
    except vidmuse.CancelledError:
        pass


@pytest.mark.parametrize(("api", "audio"), [("sync", "mp3"), ("async", "wav")])
def test_a_killed_server_costs_nothing_but_time(api: str, audio: str, address: str) -> None:
    options = {**STREAMED, "format": audio, "duration": 12}
    expected = read("sync", [address], LONG, **options)
    assert expected.error is None
    killed = Server()
    addresses = [killed.address, address]

    def blocking() -> bytes:
        got = b""
        with Client(addresses) as client:
            song = client.generate(LONG, **options)
            for chunk in song:
                got += chunk.data
                if len(got) > 10_000:
                    killed.kill()
        assert song.retries >= 1
        return got

    async def waiting() -> bytes:
        got = b""
        async with AsyncClient(addresses) as client:
            song = client.generate(LONG, **options)
            async for chunk in song:
                got += chunk.data
                if len(got) > 10_000:
                    killed.kill()
        assert song.retries >= 1
        return got

    assert (blocking() if api == "sync" else asyncio.run(waiting())) == expected.audio
