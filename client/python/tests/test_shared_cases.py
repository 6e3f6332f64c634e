"""Cases that the clients of all languages decide alike: tests/data/client/README.md."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from conftest import DATA
from google.protobuf import json_format

from vidmuse import VidmuseError, _origin
from vidmuse._resume_plan import ResumePlan
from vidmuse._retry import RetryOptions, RetryPolicy, Trailers, from_status
from vidmuse._stream_state import ResumeMode, StreamState
from vidmuse.v1 import music_pb2 as pb

RETRIES = json.loads((DATA / "client" / "retry_cases.json").read_text())
ORIGINS = json.loads((DATA / "client" / "origin_cases.json").read_text(encoding="utf-8"))
RESUMES = json.loads((DATA / "client" / "resume_cases.json").read_text())


def status_of(one: dict[str, Any]) -> VidmuseError:
    return from_status(grpc.StatusCode[one["code"]], one.get("message", "failed"))


@pytest.mark.parametrize("one", RETRIES["statuses"])
def test_statuses(one: dict[str, Any]) -> None:
    assert status_of(one).code.name == one["becomes"]


@pytest.mark.parametrize("one", RETRIES["policies"], ids=lambda one: str(one["name"]))
def test_retry_policies(one: dict[str, Any]) -> None:
    options = dict(one.get("options", {}))
    retries = options.pop("max_retries", 5)
    seconds = {name[: -len("_ms")]: value / 1000 for name, value in options.items()}
    policy = RetryPolicy(RetryOptions(max_retries=retries, **seconds))
    for failure in one["failures"]:
        if failure.get("progress"):
            policy.on_progress()
        pushback = failure.get("pushback_ms")
        trailers = Trailers(
            any=failure.get("trailers", False),
            forbids_retry=failure.get("forbids_retry", False),
            pushback=None if pushback is None else pushback / 1000,
        )
        wait = policy.on_failure(status_of(failure), trailers)
        if failure["wait_ms"] is None:
            assert wait is None, failure
        else:
            least, most = failure["wait_ms"]
            assert wait is not None, failure
            assert least / 1000 <= wait <= most / 1000, failure


@pytest.mark.parametrize("one", ORIGINS["cases"])
def test_marks_of_origin(one: dict[str, Any]) -> None:
    started = json_format.ParseDict(one["started"], pb.GenerationStarted())
    assert _origin.comment(started) == one["comment"]
    xmp = _origin.xmp(started)
    assert xmp == one.get("xmp", xmp)
    assert all(part in xmp for part in one.get("xmp_has", []))
    assert _origin.fields(started) == one.get("fields", _origin.fields(started))


def tokens(given: dict[str, Any]) -> bytes:
    frames: int = given.get("frames", 0)
    return bytes([given.get("fill", 0)]) * (8 * frames)


class Song:
    """One song with its plan."""

    def __init__(self, one: dict[str, Any]) -> None:
        given = one.get("given", {})
        resume = pb.ResumeFrom(tokens=tokens(given), fingerprint=given.get("fingerprint", ""))
        for variant in given.get("variants", []):
            resume.variants.add(tokens=tokens(variant))
        self.state = StreamState(resume, one.get("variants", 1))
        self.plan = ResumePlan(
            addresses=one.get("addresses", 1),
            exact_only=one.get("exact_only", False),
            can_restart=one.get("can_restart", False),
        )

    def do(self, step: dict[str, Any]) -> None:
        what = step["do"]
        if what == "started":
            message = {**RESUMES["song"], **step.get("with", {})}
            self.state.on_started(json_format.ParseDict(message, pb.GenerationStarted()))
        elif what == "chunk":
            self.state.on_chunk(
                pb.AudioChunk(
                    variant=step.get("variant", 0),
                    data=step.get("head", "").encode().ljust(step["bytes"], b"\0"),
                    first_sample=step.get("first_sample", 0),
                    num_samples=step.get("num_samples", 0),
                    tokens=tokens(step),
                    first_frame=step.get("first_frame", 0),
                )
            )
        elif what == "finished":
            self.state.on_finished(pb.GenerationFinished(total_samples=step["total_samples"]))
        elif what == "other_fingerprint":
            self.plan.on_other_fingerprint(self.state)
        elif what == "failure":
            self.plan.on_failure(self.state)
        elif what == "settle":
            self.plan.settle(self.state)
        elif what == "begin_attempt":
            self.state.begin_attempt()
        elif what == "restart":
            self.state.restart()
        elif what == "plan_started":
            self.plan.on_started()
        else:
            assert what == "check"

    def check(self, step: dict[str, Any]) -> None:
        actual = {
            "mode": self.plan.mode.value,
            "searching": self.plan.searching,
            "can_splice": self.state.can_splice,
            "has_new": self.state.has_new,
            "fingerprint": self.state.required_fingerprint,
            "received_samples": self.state.received_samples(),
            "held_frames": self.state.held_frames(),
        }
        assert actual == {name: step.get(name, value) for name, value in actual.items()}
        if "config" in step:
            self.check_config(step["config"])

    def check_config(self, expected: dict[str, Any]) -> None:
        config = pb.GenerateMusicConfig()
        self.state.fill_config(ResumeMode(expected["mode"]), config)
        assert config.sampling.HasField("seed") == ("seed" in expected)
        assert config.sampling.seed == expected.get("seed", 0)
        assert config.sampling.top_k == expected.get("top_k", 0)
        assert config.HasField("resume") == ("received_bytes" in expected or "variants" in expected)
        assert config.resume.received_bytes == expected.get("received_bytes", 0)
        assert config.resume.fingerprint == expected.get("fingerprint", "")
        assert config.resume.tokens == tokens(expected)
        assert [(one.tokens, one.received_bytes) for one in config.resume.variants] == [
            (tokens(one), one["received_bytes"]) for one in expected.get("variants", [])
        ]


@pytest.mark.parametrize("one", RESUMES["cases"], ids=lambda one: str(one["name"]))
def test_resumes(one: dict[str, Any]) -> None:
    song = Song(one)
    for step in one["steps"]:
        for _ in range(step.get("times", 1)):
            try:
                song.do(step)
                outcome = "OK"
            except VidmuseError as error:
                outcome = error.code.name
            assert outcome == step.get("is", "OK"), step
        song.check(step)
