"""What files say of their music's origin, as core/base/origin_mark.cc in C++.

The server marks audio files itself. Here are the marks of videos, which a client makes.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from .v1 import music_pb2 as pb

# IPTC's terms for the source of a medium (cv.iptc.org/newscodes/digitalsourcetype).
TRAINED_ALGORITHMIC_MEDIA = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
# Of a file that has media of another source, too.
COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
)
_MAX_MODEL_BYTES = 128
_XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def of_variant(started: pb.GenerationStarted, variant: int) -> pb.GenerationStarted:
    """`started` with the seed of one of the song's variants."""
    one = pb.GenerationStarted()
    one.CopyFrom(started)
    if variant > 0:
        one.seed = started.seeds[variant]
    return one


def software(started: pb.GenerationStarted) -> str:
    return f"vidmuse {started.server_version}".rstrip()


def model(started: pb.GenerationStarted) -> str:
    """The model's name with "?" for everything that isn't text, and not too long."""
    text = "".join(one if _is_text(ord(one)) else "?" for one in started.model)
    return text.encode()[:_MAX_MODEL_BYTES].decode(errors="ignore")


def _is_text(character: int) -> bool:
    control = character < 0x20 or 0x7F <= character < 0xA0
    return not control and character not in (0x2028, 0x2029) and character & 0xFFFE != 0xFFFE


def comment(started: pb.GenerationStarted, *, is_video: bool = True) -> str:
    """For people, with every fact, and the operator's text after it."""
    what, of = ("The music of this video", " of the music") if is_video else ("This", "")
    text = f" {started.origin_text}" if started.origin_text else ""
    return (
        f"{what} is AI-generated: made by {software(started)} with the trained model "
        f"{model(started)}, seed {started.seed} (IPTC digital source type{of}: "
        f"trainedAlgorithmicMedia).{text}"
    )


def fields(started: pb.GenerationStarted) -> dict[str, str]:
    """For tags of free names."""
    return {
        "DIGITALSOURCETYPE": COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA,
        "GENERATOR": software(started),
        "MODEL": model(started),
        "SEED": str(started.seed),
    }


def xmp(started: pb.GenerationStarted) -> str:
    """An XMP packet (ISO 16684-1)."""
    name = escape(model(started))
    version = escape(started.server_version)
    properties = {
        "Iptc4xmpExt:DigitalSourceType": COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA,
        "Iptc4xmpExt:AISystemUsed": f"vidmuse, model {name}",
        **({"Iptc4xmpExt:AISystemVersionUsed": version} if version else {}),
        "dc:description": '<rdf:Alt><rdf:li xml:lang="x-default">'
        f"{escape(comment(started))}</rdf:li></rdf:Alt>",
        "vidmuse:Model": name,
        "vidmuse:Seed": str(started.seed),
    }
    lines = "".join(f"   <{name}>{value}</{name}>\n" for name, value in properties.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        ' <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '  <rdf:Description rdf:about=""\n'
        '    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"\n'
        '    xmlns:dc="http://purl.org/dc/elements/1.1/"\n'
        '    xmlns:xmp="http://ns.adobe.com/xap/1.0/"\n'
        '    xmlns:vidmuse="urn:vidmuse:origin:">\n'
        f"{lines}"
        "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n"
        '<?xpacket end="w"?>'
    )


def xmp_box(started: pb.GenerationStarted) -> bytes:
    """The box that holds the XMP in MP4 and MOV files (ISO 16684-3), to be appended to them."""
    box = b"uuid" + _XMP_BOX + xmp(started).encode()
    return (4 + len(box)).to_bytes(4, "big") + box
