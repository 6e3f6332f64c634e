"""What schemathesis can't read in the gateway's description: videos, and what goes together."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext
from schemathesis.core.parameters import ParameterLocation

DATA = Path(__file__).parents[1] / "data"
CLIP = (DATA / "e2e/still_1s.mkv").read_bytes()
CLIP_FOR_MP4 = (DATA / "golden/videos/pattern_4s.mp4").read_bytes()
# A form's fields that generated text would make invalid, and settings of answers that are events.
FILES = ("video", "prompt", "resume")
OF_EVENTS = ("tokens", "variants")
VIDEOS = ("mp4", "m4v", "mov", "mkv", "webm")

schemathesis.openapi.media_type("video/mp4", st.just(CLIP))


def is_valid(case: Case[Any], location: ParameterLocation) -> bool:
    """Whether that part of the request is as the description asks for."""
    part = case.meta.components.get(location) if case.meta else None
    return part is not None and part.mode.is_positive


def make_consistent(settings: dict[str, Any]) -> None:
    """Valid settings that a server accepts together, for a song that takes little time."""
    settings["duration"] = 1
    for name in OF_EVENTS:
        settings.pop(name, None)
    # WebM can't hold the pictures of either clip.
    if settings.get("format") == "webm":
        settings["format"] = "mp4"
    if settings.get("format") not in VIDEOS:
        settings.pop("original_audio", None)
        settings.pop("music_gain_db", None)


def give_time(settings: object) -> None:
    """So that no song comes too late, which is an error of 500 and more."""
    if isinstance(settings, dict):
        with contextlib.suppress(TypeError, ValueError):
            if float(settings.get("deadline", "none")) > 0:
                settings["deadline"] = 600


def text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    # A body of any type is taken for a video. One type is enough here: schemathesis makes JSON of
    # any.
    del raw_schema["paths"]["/v1/music"]["post"]["requestBody"]["content"]["*/*"]


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    if case.path != "/v1/music" or case.method != "POST":
        return
    give_time(case.query)
    give_time(case.body)
    settings: dict[str, Any] = {}
    if is_valid(case, ParameterLocation.QUERY) and isinstance(case.query, dict):
        make_consistent(case.query)
        settings.update(case.query)
    # The body goes past schemathesis, which takes bytes for a violation of any schema.
    if is_valid(case, ParameterLocation.BODY):
        form = case.body if isinstance(case.body, dict) else {}
        make_consistent(form)
        settings.update(form)
        clip = CLIP_FOR_MP4 if settings.get("format") in VIDEOS else CLIP
        if case.media_type == "multipart/form-data":
            kwargs["data"] = {
                name: text(value) for name, value in form.items() if name not in FILES
            }
            kwargs["files"] = {"video": clip}
        else:
            kwargs["data"] = clip
