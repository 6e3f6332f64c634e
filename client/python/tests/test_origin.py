"""What files say of their music's origin, and C2PA's signed manifests."""

from __future__ import annotations

import datetime
import importlib.util
import json
from pathlib import Path
from typing import Any

import av
import pytest
from conftest import CLIP
from test_save import make_video, packets

import vidmuse
from vidmuse import Client, _origin
from vidmuse.v1 import music_pb2 as pb

STARTED = pb.GenerationStarted(server_version="1.2", model="m", seed=7, origin_text="ours")
NEEDS_C2PA = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("c2pa", "cryptography")),
    reason="the extra c2pa is not installed",
)


def tags(path: Path) -> dict[str, str]:
    with av.open(str(path)) as file:
        found = {**file.metadata, **(file.streams[0].metadata if path.suffix == ".ogg" else {})}
        return {name.upper(): text for name, text in found.items()}


@pytest.mark.parametrize("extension", ["mp4", "mov", "mkv", "webm"])
def test_a_video_tells_where_its_music_is_from(
    extension: str, address: str, tmp_path: Path
) -> None:
    codec = "libvpx-vp9" if extension == "webm" else "libx264"
    video = make_video(tmp_path / "in.mkv", codec, comment="mine")
    out = tmp_path / f"out.{extension}"
    with Client(address) as client:
        started = client.generate(video, seed=7).save(out).started
    assert started is not None
    assert started.server_version
    found = tags(out)
    assert found["COMMENT"] == f"mine\n{_origin.comment(started)}"
    assert found["TITLE"] == "a title"
    if extension in ("mkv", "webm"):
        assert _origin.fields(started).items() <= found.items()
    else:
        assert out.read_bytes().endswith(_origin.xmp_box(started))
    assert [one[0] for one in packets(out)] == [one[0] for one in packets(video)]


@pytest.mark.parametrize("extension", ["wav", "flac", "mp3", "ogg"])
def test_an_audio_file_tells_where_it_is_from(extension: str, address: str, tmp_path: Path) -> None:
    out = tmp_path / f"out.{extension}"
    with Client(address) as client:
        started = client.generate(CLIP, seed=7).save(out).started
    assert started is not None
    assert tags(out)["COMMENT"] == _origin.comment(started, is_video=False)


def test_each_variant_has_its_own_seed(address: str, tmp_path: Path) -> None:
    for extension in ("wav", "mp4"):
        with Client(address) as client:
            song = client.generate(CLIP, seed=7, variants=2).save(tmp_path / f"out.{extension}")
        assert song.started is not None
        for number, seed in enumerate(song.started.seeds, 1):
            comment = tags(tmp_path / f"out-{number}.{extension}")["COMMENT"]
            assert f", seed {seed} (IPTC" in comment


class Authority:
    """A certificate authority of its own, and a signer's chain and key, in PEM."""

    def __init__(self) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID

        now = datetime.datetime.now(datetime.timezone.utc)
        pem = serialization.Encoding.PEM

        def build(name: str, issuer: str, key: Any, signer: Any, *, is_root: bool) -> bytes:
            def named(common: str) -> x509.Name:
                return x509.Name(
                    [
                        x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "vidmuse tests"),
                        x509.NameAttribute(x509.NameOID.COMMON_NAME, common),
                    ]
                )

            use = x509.KeyUsage(
                digital_signature=not is_root,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=is_root,
                crl_sign=is_root,
                encipher_only=False,
                decipher_only=False,
            )
            builder = (
                x509.CertificateBuilder()
                .subject_name(named(name))
                .issuer_name(named(issuer))
                .public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(days=1))
                .not_valid_after(now + datetime.timedelta(days=30))
                .add_extension(x509.BasicConstraints(is_root, None), critical=True)
                .add_extension(use, critical=True)
                .add_extension(
                    x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
                )
                .add_extension(
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                    critical=False,
                )
            )
            if not is_root:
                purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
                builder = builder.add_extension(purpose, critical=False)
            return builder.sign(signer, hashes.SHA256()).public_bytes(pem)

        root_key = ec.generate_private_key(ec.SECP256R1())
        key = ec.generate_private_key(ec.SECP256R1())
        self.root = build("root", "root", root_key, root_key, is_root=True)
        self.chain = build("signer", "root", key, root_key, is_root=False) + self.root
        self.key = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def validated(path: Path, authority: Authority) -> tuple[str, dict[str, Any]]:
    """What the library finds, and the file's manifest."""
    import c2pa

    trust = {"trust": {"trust_anchors": authority.root.decode()}, "verify": {"verify_trust": True}}
    settings = c2pa.Settings.from_json(json.dumps(trust))
    with c2pa.Reader(str(path), context=c2pa.Context(settings=settings)) as reader:
        manifest = reader.get_active_manifest()
        assert isinstance(manifest, dict)
        return reader.get_validation_state(), manifest


@NEEDS_C2PA
@pytest.mark.parametrize("extension", ["wav", "mp3", "flac", "mp4", "mov"])
def test_a_signed_file_is_trusted_until_it_is_changed(
    extension: str, address: str, tmp_path: Path, authority: Authority
) -> None:
    from vidmuse import c2pa

    out = tmp_path / f"out.{extension}"
    with Client(address) as client:
        song = client.generate(CLIP, seed=7).save(out)
    assert song.started is not None
    before = tags(out)
    c2pa.sign_file(out, song.started, certificate=authority.chain, private_key=authority.key)
    state, manifest = validated(out, authority)
    assert state == "Trusted"
    (actions,) = [one for one in manifest["assertions"] if one["label"].startswith("c2pa.actions")]
    (action,) = actions["data"]["actions"]
    is_video = extension in ("mp4", "mov")
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"] == (
        _origin.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA
        if is_video
        else _origin.TRAINED_ALGORITHMIC_MEDIA
    )
    assert action["description"] == _origin.comment(song.started, is_video=is_video)
    assert manifest["claim_generator_info"][0]["name"] == "vidmuse"
    assert tags(out)["COMMENT"] == before["COMMENT"]
    if is_video:
        assert _origin.xmp_box(song.started) in out.read_bytes()
        assert [one[0] for one in packets(out)] == [one[0] for one in packets(CLIP)]
    assert [one.name for one in tmp_path.iterdir()] == [out.name]
    data = bytearray(out.read_bytes())
    data[len(data) * 3 // 4] ^= 1
    out.write_bytes(data)
    assert validated(out, authority)[0] == "Invalid"


@NEEDS_C2PA
def test_what_cant_be_signed_stays_as_it_is(tmp_path: Path, authority: Authority) -> None:
    from vidmuse import c2pa

    keys: dict[str, Any] = {"certificate": authority.chain, "private_key": authority.key}
    song = tmp_path / "song.wav"
    song.write_bytes(b"no sound")
    with pytest.raises(vidmuse.InvalidArgumentError, match=r"song\.wav can't be signed"):
        c2pa.sign_file(song, STARTED, **keys)
    with pytest.raises(vidmuse.InvalidArgumentError):
        c2pa.sign_file(song, STARTED, certificate=b"none", private_key=b"none")
    with pytest.raises(vidmuse.InvalidArgumentError, match=r"\.flac"):
        c2pa.sign_file(tmp_path / "song.ogg", STARTED, **keys)
    with pytest.raises(vidmuse.InvalidArgumentError, match="variants"):
        c2pa.sign_file(song, STARTED, variant=1, **keys)
    with pytest.raises(vidmuse.InvalidArgumentError, match="not started"):
        c2pa.sign_file(song, None, **keys)
    with pytest.raises(FileNotFoundError):
        c2pa.sign_file(tmp_path / "none.wav", STARTED, **keys)
    with pytest.raises(FileNotFoundError):
        c2pa.sign_file(song, STARTED, certificate=tmp_path / "none.pem", private_key=b"")
    assert song.read_bytes() == b"no sound"
    assert [one.name for one in tmp_path.iterdir()] == ["song.wav"]


def test_without_the_extra_an_error_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vidmuse import c2pa

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(vidmuse.UnimplementedError, match=r"vidmuse-client\[c2pa\]"):
        c2pa.sign_file(tmp_path / "out.wav", STARTED, certificate=b"", private_key=b"")
