"""Retries, resumes and refusals against servers that fail on purpose, with both clients."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

import grpc
import pytest
from fakes import FakeServer, FakeSong, hang, read, refuse, sing

import vidmuse
from vidmuse import AsyncClient, Client
from vidmuse.v1 import music_pb2 as pb

VIDEO = bytes(range(256)) * 2800  # 716800 bytes: three pieces
SONG = FakeSong()
OTHER = FakeSong(fingerprint="B")
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
BREAKS = sing(SONG, 40, UNAVAILABLE, "broken")
DOWN = refuse(UNAVAILABLE, message="down")

pytestmark = pytest.mark.parametrize("api", ["sync", "async"])


def whole(song: FakeSong) -> bytes:
    return song.audio(0, song.frames)


def test_a_song(api: str) -> None:
    with FakeServer(sing(SONG)) as server:
        result = read(api, [server.address], VIDEO, seed=7, request_id="r-1", traceparent="00-1")
    assert result.error is None
    assert result.audio == whole(SONG)
    assert len(result.of(pb.GenerationStarted)) == len(result.of(pb.GenerationFinished)) == 1
    (call,) = server.calls
    assert call.video == VIDEO
    assert call.config.return_tokens
    assert call.config.video_bytes == len(VIDEO)
    assert call.config.sampling.seed == 7
    assert call.metadata["x-request-id"] == "r-1"
    assert call.metadata["x-vidmuse-attempt"] == "1"
    assert call.metadata["traceparent"] == "00-1"
    assert "authorization" not in call.metadata


def test_the_current_span_of_opentelemetry_is_the_parent(
    api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    propagate = types.ModuleType("opentelemetry.propagate")
    current = {"traceparent": "00-2", "tracestate": "a=1", "baggage": "b=2"}
    propagate.inject = lambda carrier: carrier.update(current)  # type: ignore[attr-defined]
    package = types.ModuleType("opentelemetry")
    package.propagate = propagate  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "opentelemetry", package)
    monkeypatch.setitem(sys.modules, "opentelemetry.propagate", propagate)
    with FakeServer(sing(SONG)) as server:
        assert read(api, [server.address], VIDEO).error is None
    metadata = server.calls[0].metadata
    assert metadata["traceparent"] == "00-2"
    assert metadata["tracestate"] == "a=1"
    assert "baggage" not in metadata
    with FakeServer(sing(SONG)) as server:
        assert read(api, [server.address], VIDEO, traceparent="00-1").error is None
    assert server.calls[0].metadata["traceparent"] == "00-1"


def test_a_broken_song_goes_on_at_the_next_server(api: str) -> None:
    with FakeServer(BREAKS) as first, FakeServer(sing(SONG)) as second:
        result = read(api, [first.address, second.address], VIDEO)
    assert result.error is None
    assert result.audio == whole(SONG)
    (call,) = second.calls
    assert call.config.resume.tokens == SONG.tokens(0, 40)
    assert call.config.resume.received_bytes == len(SONG.audio(0, 38))
    assert call.config.resume.fingerprint == "A"
    assert call.config.sampling.top_k == 50
    assert call.metadata["x-request-id"] == first.calls[0].metadata["x-request-id"]
    assert call.metadata["x-vidmuse-attempt"] == "2"
    (retrying,) = result.of(vidmuse.Retrying)
    assert retrying.error.code == UNAVAILABLE
    assert len(result.of(pb.GenerationStarted)) == 1


def test_a_server_that_cannot_be_reached_is_passed_over(api: str) -> None:
    with FakeServer(sing(SONG)) as server:
        result = read(api, ["127.0.0.1:1", server.address], VIDEO)
    assert result.error is None
    assert result.audio == whole(SONG)


def test_a_server_that_came_back_is_found_without_a_retry(api: str) -> None:
    def blocking(address: str) -> None:
        with Client(address, max_retries=0) as client:
            with pytest.raises(vidmuse.UnavailableError):
                list(client.generate(VIDEO))
            with FakeServer(sing(SONG), port=int(address.split(":")[1])):
                assert list(client.generate(VIDEO))

    async def waiting(address: str) -> None:
        async with AsyncClient(address, max_retries=0) as client:
            with pytest.raises(vidmuse.UnavailableError):
                [chunk async for chunk in client.generate(VIDEO)]
            with FakeServer(sing(SONG), port=int(address.split(":")[1])):
                assert [chunk async for chunk in client.generate(VIDEO)]

    with FakeServer(sing(SONG)) as server:
        address = server.address
    blocking(address) if api == "sync" else asyncio.run(waiting(address))


def test_retries_are_bounded(api: str) -> None:
    result = read(api, ["127.0.0.1:1"], VIDEO, client={"max_retries": 1})
    assert isinstance(result.error, vidmuse.UnavailableError)
    assert len(result.of(vidmuse.Retrying)) == 1


@pytest.mark.parametrize("audio", [pb.AUDIO_FORMAT_PCM_S16LE, pb.AUDIO_FORMAT_FLAC])
def test_the_server_with_the_same_fingerprint_goes_on(api: str, audio: pb.AudioFormat) -> None:
    song = FakeSong(format=audio)
    other = FakeSong(format=audio, fingerprint="B")
    with (
        FakeServer(sing(song, 40, UNAVAILABLE)) as first,
        FakeServer(sing(other)) as second,
        FakeServer(sing(song)) as third,
    ):
        result = read(api, [first.address, second.address, third.address], VIDEO)
    assert result.error is None
    assert result.audio == whole(song)
    assert second.calls[0].video == b""
    assert not result.of(vidmuse.Spliced)


def test_raw_samples_are_spliced_where_no_server_has_it(api: str) -> None:
    with FakeServer(BREAKS, DOWN) as first, FakeServer(sing(OTHER)) as second:
        result = read(api, [first.address, second.address], VIDEO)
    assert result.error is None
    assert result.audio == SONG.audio(0, 38) + OTHER.audio(38, 100)
    assert result.of(vidmuse.Spliced) == [
        vidmuse.Spliced(
            first_sample=38 * 640, first_frame=40, first_fingerprint="A", second_fingerprint="B"
        )
    ]


def test_the_search_is_bounded_behind_one_address_too(api: str) -> None:
    with FakeServer(BREAKS, sing(OTHER)) as server:
        result = read(api, [server.address], VIDEO)
    assert result.error is None
    assert len(server.calls) == 1 + 8 + 1


def test_what_can_start_over_starts_over(api: str) -> None:
    with FakeServer(BREAKS, DOWN) as first, FakeServer(sing(OTHER)) as second:
        result = read(api, [first.address, second.address], VIDEO, can_restart=True)
    assert result.error is None
    restarted = [type(event) for event in result.events].index(vidmuse.Restarted)
    result.events = result.events[restarted:]
    assert result.audio == whole(OTHER)
    assert len(result.of(pb.GenerationStarted)) == 1
    assert not second.calls[-1].config.HasField("resume")
    assert second.calls[-1].config.sampling.seed == SONG.seed


def test_packets_that_cannot_start_over_fail(api: str) -> None:
    song = FakeSong(format=pb.AUDIO_FORMAT_FLAC)
    other = FakeSong(format=pb.AUDIO_FORMAT_FLAC, fingerprint="B")
    breaks = sing(song, 40, UNAVAILABLE)
    with FakeServer(breaks, DOWN) as first, FakeServer(sing(other)) as second:
        result = read(api, [first.address, second.address], VIDEO)
    assert isinstance(result.error, vidmuse.FailedPreconditionError)
    assert "the song has to start over" in result.error.message
    assert result.audio == song.audio(0, 38)


def test_a_busy_server_is_asked_again_when_it_says_so(api: str) -> None:
    busy = refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "150", "the queue is full")
    begin = time.monotonic()
    with FakeServer(busy, busy, sing(SONG)) as server:
        result = read(api, [server.address], VIDEO)
    assert result.error is None
    assert result.audio == whole(SONG)
    assert [event.delay for event in result.of(vidmuse.Retrying)] == [0.15, 0.15]
    assert time.monotonic() - begin >= 0.3


@pytest.mark.parametrize("pushback", [None, "-1", "soon"])
def test_a_busy_server_that_names_no_time_is_final(api: str, pushback: str | None) -> None:
    busy = refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, pushback, "the queue is full")
    with FakeServer(busy) as server:
        result = read(api, [server.address], VIDEO)
    assert isinstance(result.error, vidmuse.ResourceExhaustedError)
    assert result.error.message == "the queue is full"
    assert len(server.calls) == 1


def test_pieces_become_as_short_as_the_server_wants_them(api: str) -> None:
    with FakeServer(sing(SONG), max_message_bytes=10_000) as server:
        result = read(api, [server.address], VIDEO)
    assert result.error is None
    assert result.audio == whole(SONG)
    assert server.calls[-1].video == VIDEO


def test_a_call_that_a_proxy_cuts_off_is_retried(api: str) -> None:
    cut = sing(SONG, 40, grpc.StatusCode.CANCELLED, "upstream went away")
    with FakeServer(cut, sing(SONG)) as server:
        result = read(api, [server.address], VIDEO)
    assert result.error is None
    assert result.audio == whole(SONG)
    assert result.of(vidmuse.Retrying)[0].error.code == UNAVAILABLE


def test_a_stream_without_its_end_is_no_song(api: str) -> None:
    with FakeServer(sing(SONG, 40)) as server:
        result = read(api, [server.address], VIDEO)
    assert isinstance(result.error, vidmuse.DataLossError)
    assert "without `finished`" in result.error.message


def test_messages_that_do_not_fit_end_the_call(api: str) -> None:
    def script(call: Any) -> Any:
        call.read_video()
        yield SONG.started()
        yield pb.GenerateMusicResponse(chunk=SONG.chunk(50, 60))

    with FakeServer(script) as server:
        result = read(api, [server.address], VIDEO)
    assert isinstance(result.error, vidmuse.DataLossError)
    assert len(server.calls) == 1


def test_the_deadline_is_for_the_whole_call(api: str) -> None:
    ended = threading.Event()
    with FakeServer(hang(SONG, ended)) as server:
        result = read(api, [server.address], VIDEO, deadline=0.3)
        assert ended.wait(10)
    assert isinstance(result.error, vidmuse.DeadlineExceededError)
    result = read(api, ["127.0.0.1:1"], VIDEO, deadline=0.3, client={"initial_backoff": 1.0})
    assert isinstance(result.error, vidmuse.UnavailableError)


def test_cancel_ends_the_call(api: str) -> None:
    ended = threading.Event()

    def blocking(address: str) -> None:
        with Client(address) as client:
            song = client.generate(VIDEO)
            with pytest.raises(vidmuse.CancelledError):
                for event in song.events():
                    assert isinstance(event, pb.GenerationStarted)
                    threading.Thread(target=song.cancel).start()

    async def waiting(address: str) -> None:
        async with AsyncClient(address) as client:
            song = client.generate(VIDEO)
            with pytest.raises(vidmuse.CancelledError):
                async for event in song.events():
                    assert isinstance(event, pb.GenerationStarted)
                    asyncio.get_running_loop().call_later(0.01, song.cancel)

    with FakeServer(hang(SONG, ended)) as server:
        blocking(server.address) if api == "sync" else asyncio.run(waiting(server.address))
        assert ended.wait(10)


def test_cancel_ends_the_wait_between_attempts(api: str) -> None:
    def blocking(address: str) -> None:
        with Client(address, initial_backoff=60, max_backoff=60) as client:
            song = client.generate(VIDEO)
            with pytest.raises(vidmuse.CancelledError):
                for event in song.events():
                    assert isinstance(event, vidmuse.Retrying)
                    threading.Timer(0.05, song.cancel).start()

    async def waiting(address: str) -> None:
        async with AsyncClient(address, initial_backoff=60, max_backoff=60) as client:
            song = client.generate(VIDEO)
            with pytest.raises(vidmuse.CancelledError):
                async for event in song.events():
                    assert isinstance(event, vidmuse.Retrying)
                    asyncio.get_running_loop().call_later(0.05, song.cancel)

    begin = time.monotonic()
    with FakeServer(DOWN) as server:
        blocking(server.address) if api == "sync" else asyncio.run(waiting(server.address))
    assert time.monotonic() - begin < 20


def test_a_cancelled_task_stays_cancelled(api: str) -> None:
    if api == "sync":
        return  # only asyncio has tasks
    ended = threading.Event()

    async def cancelled(address: str) -> None:
        async with AsyncClient(address) as client:

            async def reading(started: asyncio.Event) -> None:
                async for event in client.generate(VIDEO).events():
                    assert isinstance(event, pb.GenerationStarted)
                    started.set()

            started = asyncio.Event()
            task = asyncio.create_task(reading(started))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(ended.wait, 10)

    with FakeServer(hang(SONG, ended)) as server:
        asyncio.run(cancelled(server.address))


def test_a_reader_that_stops_early_ends_the_call(api: str) -> None:
    ended = threading.Event()

    def script(call: Any) -> Any:
        call.context.add_callback(ended.set)
        call.read_video()
        yield from SONG.send(pb.ResumeFrom(), 40)
        ended.wait(30)

    def blocking(address: str) -> None:
        with Client(address) as client:
            for _ in client.generate(VIDEO):
                break
            assert ended.wait(10)

    async def waiting(address: str) -> None:
        async with AsyncClient(address) as client:
            async for _ in client.generate(VIDEO):
                break
            assert await asyncio.to_thread(ended.wait, 10)

    with FakeServer(script) as server:
        blocking(server.address) if api == "sync" else asyncio.run(waiting(server.address))


def test_a_slow_reader_slows_the_server(api: str) -> None:
    """Nothing piles up here while nobody reads."""
    pieces = 200
    sent = []

    def script(call: Any) -> Any:
        call.read_video()
        yield FakeSong(format=pb.AUDIO_FORMAT_FLAC).started()
        for _ in range(pieces):
            sent.append(1 << 20)
            yield pb.GenerateMusicResponse(chunk=pb.AudioChunk(data=bytes(1 << 20)))

    def blocking(address: str) -> None:
        with Client(address) as client:
            for _ in client.generate(VIDEO):
                time.sleep(1)  # nothing tells that no more is coming
                break

    async def waiting(address: str) -> None:
        async with AsyncClient(address) as client:
            async for _ in client.generate(VIDEO):
                await asyncio.sleep(1)
                break

    with FakeServer(script) as server:
        blocking(server.address) if api == "sync" else asyncio.run(waiting(server.address))
    assert 0 < len(sent) < pieces // 4


def test_a_video_that_shrinks_is_an_error_here(api: str, tmp_path: Path) -> None:
    path = tmp_path / "in.mp4"
    path.write_bytes(VIDEO)

    def script(call: Any) -> Any:
        call.read_video()
        yield from SONG.send(pb.ResumeFrom(), 40)

    def shrink(progress: pb.GenerationProgress) -> None:
        path.write_bytes(b"")

    def first(call: Any) -> Any:
        yield pb.GenerateMusicResponse(progress=pb.GenerationProgress())
        call.context.abort(UNAVAILABLE, "again")

    with FakeServer(first, script) as server:
        result = read(api, [server.address], path, progress=shrink)
    assert isinstance(result.error, vidmuse.DataLossError), result.error
    assert "shrank" in result.error.message


def test_a_key_goes_with_every_call(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDMUSE_API_KEY", "secret")
    with FakeServer(sing(SONG)) as server:
        assert read(api, [server.address], VIDEO).error is None
        assert read(api, [server.address], VIDEO, client={"api_key": "own"}).error is None
        assert read(api, [server.address], VIDEO, client={"api_key": ""}).error is None
    sent = [call.metadata.get("authorization") for call in server.calls]
    assert sent == ["Bearer secret", "Bearer own", None]


def test_a_song_is_read_once(api: str) -> None:
    async def waiting(address: str) -> None:
        async with AsyncClient(address) as client:
            song = client.generate(VIDEO)
            assert [chunk async for chunk in song]
            with pytest.raises(vidmuse.InvalidArgumentError):
                [chunk async for chunk in song]

    with FakeServer(sing(SONG)) as server:
        if api == "async":
            asyncio.run(waiting(server.address))
            return
        with Client(server.address) as client:
            song = client.generate(VIDEO)
            assert list(song)
            assert song.tokens == SONG.tokens(0, 100)
            with pytest.raises(vidmuse.InvalidArgumentError):
                list(song)
