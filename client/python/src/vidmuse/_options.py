"""The options of a song, and how they become a config."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict, get_type_hints

from .errors import invalid
from .v1 import music_pb2 as pb

FormatName = Literal["wav", "pcm_s16le", "pcm_f32le", "flac", "mp3", "ogg"]
LoudnessName = Literal["reference", "streaming", "none"]
AlignmentName = Literal["reference", "time"]


class SongOptions(TypedDict, total=False):
    """What is wanted; every option has a default. music.proto has the ranges, which the server
    checks. The text after each type is the option's field in GenerateMusicConfig."""

    # How tokens are drawn.
    seed: Annotated[int, "sampling.seed"]
    greedy: Annotated[bool, "sampling.greedy"]
    temperature: Annotated[float, "sampling.temperature"]
    top_k: Annotated[int, "sampling.top_k"]
    top_p: Annotated[float, "sampling.top_p"]
    cfg_coef: Annotated[float, "sampling.cfg_coef"]
    # At most this many seconds of music.
    duration: Annotated[float, "max_duration_seconds"]
    # Seconds of a 30 s window that the next one begins with.
    window_overlap: Annotated[float, "window_overlap_seconds"]
    # Which pictures the music follows; "time": those on screen, at any frame rate.
    alignment: Annotated[AlignmentName, "alignment"]
    # So many songs for the video, 1 to 8, each with a seed of its own (`started.seeds`).
    variants: Annotated[int, "variants"]
    # A sound file's bytes: the tune that the song begins with, 0.5 to 10 s.
    prompt_audio: Annotated[bytes, "prompt_audio"]
    format: Annotated[FormatName, "format"]
    loudness: Annotated[LoudnessName, "loudness"]
    # Longest piece that the server sends at once, in seconds.
    chunk: Annotated[float, "max_chunk_seconds"]
    # Length of the video, if known: a limit that it breaks is refused before the upload.
    video_seconds: Annotated[float, "video_seconds"]
    # An earlier song's `tokens`, to go on after them; give that song's seed too. With a
    # fingerprint, only servers that have it go on.
    resume: Annotated[bytes, "resume.tokens"]
    # The same for several variants: each one's tokens.
    resume_variants: Annotated[list[bytes], "resume.variants.tokens"]
    resume_fingerprint: Annotated[str, "resume.fingerprint"]


FIELDS: dict[str, str] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(SongOptions, include_extras=True).items()
}

# Names that are shorter than the enumeration's.
_SHORT_NAMES = {"ogg": "ogg_vorbis"}


def make_config(options: SongOptions) -> pb.GenerateMusicConfig:
    """Raises INVALID_ARGUMENT for a value that a field can't hold, TypeError for an unknown
    option or a value of the wrong type. An option that is None counts as not given."""
    config = pb.GenerateMusicConfig()
    for name, value in options.items():
        if name not in FIELDS:
            raise TypeError(f"unknown option {name!r}: the options are {', '.join(FIELDS)}")
        if value is not None:
            _set(config, name, value)
    return config


def _set(config: pb.GenerateMusicConfig, name: str, value: Any) -> None:
    *parents, field = FIELDS[name].split(".")
    message: Any = config
    for parent in parents:
        message = getattr(message, parent)
    if name == "resume_variants":
        for tokens in value:
            message.add(tokens=tokens)
        return
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    if enum is not None:
        value = _enum_value(name, enum, value)
    try:
        setattr(message, field, value)
    except ValueError as error:
        raise invalid(f"{name}: {error}") from None
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None


def _enum_value(name: str, enum: Any, value: Any) -> int:
    if not isinstance(value, str):
        raise TypeError(f"{name} is a string, not {value!r}")
    unspecified: str = enum.values[0].name
    prefix = unspecified[: -len("UNSPECIFIED")]
    found = enum.values_by_name.get(prefix + _SHORT_NAMES.get(value, value).upper())
    if found is None or found.number == 0:
        short = {full: short for short, full in _SHORT_NAMES.items()}
        names = [one.name[len(prefix) :].lower() for one in enum.values[1:]]
        known = ", ".join(short.get(one, one) for one in names)
        raise invalid(f"{name}: {value!r} is none of {known}")
    number: int = found.number
    return number
