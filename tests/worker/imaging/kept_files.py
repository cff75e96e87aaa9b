"""Files as engines send them, and how their parts are read without any of the product's code."""

import io
import json
import random
import struct
import warnings
import zlib

from PIL import Image

from render_worker.imaging import to_picture
from render_worker.sizes import SizePlan

SIZE = (96, 64)
TEXTS = {"prompt": "ต้นไม้ 🌲\nby night", "seed": "5", "negative_prompt": None}
KNOWN = {"prompt": "ต้นไม้ 🌲\nby night", "seed": "5"}
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF/></x:xmpmeta>"


def photo(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """Return a picture that no lossy format keeps by chance, always the same."""
    small = random.Random(5).randbytes(12 * 8 * 3)
    base = Image.frombytes("RGB", (12, 8), small).resize(size)
    base.putalpha(Image.linear_gradient("L").resize(size))
    return base.convert(mode)


def saved(kind: str, mode: str = "RGB", size: tuple[int, int] = SIZE, **options: object) -> bytes:
    """Return a file of that picture."""
    out = io.BytesIO()
    photo(mode, size).save(out, kind, **options)
    return out.getvalue()


def exif_with(tags: dict[int, object], camera: dict[int, object] | None = None, order: str = "II") -> bytes:
    """Return an EXIF block as another program writes it."""
    exif = Image.Exif()
    exif.endian = "<" if order == "II" else ">"
    for tag, value in tags.items():
        exif[tag] = value
    if camera:
        exif[0x8769] = camera
    return exif.tobytes()


def stored(data: bytes, output_format: str, texts: dict[str, str | None] = TEXTS, quality: int | None = None) -> bytes:
    """Return the file that is stored of an engine's file."""
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
        size = image.size
    return to_picture(data, SizePlan(size), texts, output_format, quality).data


def opened(data: bytes) -> Image.Image:
    """Return the decoded picture."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def recipe_in(data: bytes) -> dict[str, str]:
    """Return the texts of ours as Pillow reads them."""
    image = opened(data)
    if image.format == "PNG":
        return {name: image.text[name] for name in TEXTS if name in image.text}
    return json.loads(image.getexif()[0x010E])


def same_pixels(one: bytes, other: bytes) -> bool:
    """Return whether two files show the same, pixel for pixel, in the same mode."""
    first, second = opened(one), opened(other)
    return (first.mode, first.size, first.tobytes()) == (second.mode, second.size, second.tobytes())


def segments(jpeg: bytes) -> list[tuple[int, bytes]]:
    """Return a JPEG's segments before its first scan, each with its marker."""
    found, at = [], 2
    while jpeg[at + 1] != 0xDA:
        (length,) = struct.unpack(">H", jpeg[at + 2 : at + 4])
        found.append((jpeg[at + 1], jpeg[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


def scans(jpeg: bytes) -> bytes:
    """Return all of a JPEG from its first scan to its end."""
    end = sum(len(data) + 4 for _, data in segments(jpeg)) + 2
    return jpeg[end : jpeg.rindex(b"\xff\xd9") + 2]


def segment(marker: int, data: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def with_segments(jpeg: bytes, *added: bytes) -> bytes:
    """Return a JPEG with these segments behind its JFIF header."""
    end = 4 + struct.unpack(">H", jpeg[4:6])[0]
    return jpeg[:end] + b"".join(added) + jpeg[end:]


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Return a PNG's chunks, of which the checksums are right."""
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert png[at + 8 + length : at + 12 + length] == struct.pack(">I", zlib.crc32(kind + data))
        found.append((kind, data))
        at += 12 + length
    return found


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(png: bytes, *added: bytes, before: bytes = b"IDAT") -> bytes:
    """Return a PNG with these chunks before its first one of a kind."""
    at = png.index(before) - 4
    return png[:at] + b"".join(added) + png[at:]


def webp_chunks(webp: bytes) -> list[tuple[bytes, bytes]]:
    """Return a WebP's chunks; its own size is right."""
    assert struct.unpack("<I", webp[4:8]) == (len(webp) - 8,)
    found, at = [], 12
    while at < len(webp):
        (length,) = struct.unpack("<I", webp[at + 4 : at + 8])
        found.append((webp[at : at + 4], webp[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return found


def of_kind(found: list[tuple[bytes, bytes]], *kinds: bytes) -> list[bytes]:
    """Return the data of the chunks of some kinds."""
    return [data for kind, data in found if kind in kinds]


def entries(exif: bytes) -> dict[int, bytes]:
    """Return the entries of an EXIF block's first directory as they stand, which are sorted."""
    order = "<" if exif[6:8] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", exif, 10)
    (count,) = struct.unpack_from(order + "H", exif, 6 + start)
    rows = [exif[at : at + 12] for at in range(8 + start, 8 + start + 12 * count, 12)]
    tags = [struct.unpack(order + "H", row[:2])[0] for row in rows]
    assert tags == sorted(set(tags))
    return dict(zip(tags, rows, strict=True))
