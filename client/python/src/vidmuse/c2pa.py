"""Signs files with C2PA: a manifest says where the music is from, and shows later changes.

Needs the extra `c2pa`.

from vidmuse import Client, c2pa

with Client("127.0.0.1:50051") as client:
    song = client.generate("in.mp4").save("out.mp4")
c2pa.sign_file("out.mp4", song.started, certificate="chain.pem", private_key="key.pem")
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from pathlib import Path
from typing import Any, Union

import grpc

from . import _origin
from ._mux import CONTAINERS
from .errors import invalid, make_error
from .v1 import music_pb2 as pb

# PEM as bytes, or the path of a file that holds it.
Pem = Union[bytes, str, "os.PathLike[str]"]

EXTENSIONS = (".wav", ".mp3", ".flac", ".mp4", ".m4v", ".mov")


def sign_file(
    path: str | os.PathLike[str],
    started: pb.GenerationStarted | None,
    *,
    certificate: Pem,
    private_key: Pem,
    algorithm: str = "es256",
    timestamp_authority: str | None = None,
    variant: int = 0,
) -> None:
    """Adds a signed manifest to a file that `song.save` has written. It replaces the file.

    `started` is the song's, and `variant` tells which of its variants the file is, from 0 on.
    `certificate` is the signer's chain, its own certificate first; `algorithm` is the key's (es256,
    es384, es512, ps256, ps384, ps512 or ed25519). With the address of a `timestamp_authority` (RFC
    3161) the signature outlives the certificate; it is asked over the network. The file is a .wav,
    .mp3, .flac, .mp4, .m4v or .mov.

    Raises vidmuse.InvalidArgumentError if the file, the certificate or the key won't do, and
    vidmuse.UnimplementedError without the extra.
    """
    if importlib.util.find_spec("c2pa") is None:
        raise make_error(
            grpc.StatusCode.UNIMPLEMENTED,
            "to sign files, install the extra: pip install 'vidmuse-client[c2pa]'",
        )
    if started is None:
        raise invalid("the song has not started")
    if variant > 0:
        if variant >= len(started.seeds):
            raise invalid(f"the song has {len(started.seeds)} variants, none is number {variant}")
        started = _origin.of_variant(started, variant)
    target = Path(path)
    if target.suffix.lower() not in EXTENSIONS:
        raise invalid(f"{target.name} can't be signed: {', '.join(EXTENSIONS)} files can")
    target.stat()  # raises what is wrong with it
    # The library goes by the extension.
    part = target.with_name(target.name + ".part" + target.suffix)
    try:
        _sign(
            target,
            part,
            manifest(started, target),
            (algorithm, _pem(certificate), _pem(private_key), timestamp_authority),
        )
        part.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def manifest(started: pb.GenerationStarted, path: Path) -> dict[str, Any]:
    """The manifest's definition, as the library takes it."""
    is_video = path.suffix.lower() in CONTAINERS
    agent = {"name": "vidmuse", "version": started.server_version or "unknown"}
    action = {
        "action": "c2pa.created",
        "digitalSourceType": _origin.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA
        if is_video
        else _origin.TRAINED_ALGORITHMIC_MEDIA,
        "softwareAgent": agent,
        "description": _origin.comment(started, is_video=is_video),
    }
    return {
        "title": path.name,
        "claim_generator_info": [agent],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }


def _pem(given: Pem) -> bytes:
    return given if isinstance(given, bytes) else Path(given).read_bytes()


def _sign(
    source: Path,
    target: Path,
    definition: dict[str, Any],
    key: tuple[str, bytes, bytes, str | None],
) -> None:
    import c2pa

    try:
        with (
            c2pa.Signer.from_info(c2pa.C2paSignerInfo(*key)) as signer,
            c2pa.Builder(definition) as builder,
        ):
            builder.sign_file(source, target, signer)
    except c2pa.C2paError as error:
        raise invalid(f"{source.name} can't be signed: {error}") from error
