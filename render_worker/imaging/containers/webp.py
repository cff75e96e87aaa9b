"""A WebP's chunks (RFC 9649, section 2), and EXIF among them."""

import struct
from collections.abc import Iterator

from render_worker.imaging.containers import exif
from render_worker.imaging.containers.errors import UnusualFile
from render_worker.imaging.limits import bounded, is_heavy
from render_worker.imaging.texts import Texts

HEADER_BYTES = 12  # RIFF, the size of what follows, WEBP
EXTENSION_BYTES = 10
ALPHA, EXIF, ANIMATION = 0x10, 0x08, 0x02  # flags of an extended file
PICTURE = (b"VP8X", b"ALPH", b"VP8 ", b"VP8L")
LOSSY_START = b"\x9d\x01\x2a"  # of a key frame, before its width and height of 14 bits each (RFC 6386, 9.1)
LOSSLESS_START = b"\x2f"  # before width and height less one of 14 bits each, and whether alpha is used (RFC 9649, 3.4)
SIDE_MASK = 0x3FFF
MAX_CHUNK_BYTES = 2**24  # far more than any reader expects of EXIF, and far less than the format allows

Chunk = tuple[bytes, bytes]
"""Its type and its data."""


def with_texts(file: bytes, texts: Texts) -> bytes:
    """Return the file, extended if it is a simple one, with the texts in EXIF.

    Raises UnusualFile, TooManyParts, struct.error or IndexError if it cannot have them.
    """
    chunks = list(bounded(_chunks(file)))
    if not chunks or chunks[0][0] not in (b"VP8X", b"VP8 ", b"VP8L"):
        raise UnusualFile("no picture")
    if chunks[0][0] != b"VP8X":
        chunks = [_extension(*chunks[0]), chunks[0]]  # nothing behind the picture counts in a simple file
    flags = chunks[0][1][0]
    if flags & ANIMATION or len(chunks[0][1]) != EXTENSION_BYTES:
        raise UnusualFile("more than a picture")
    pixels = sum(len(data) for kind, data in chunks if kind in PICTURE)
    if is_heavy(sum(len(data) for _, data in chunks) - pixels, pixels):
        raise UnusualFile("metadata that outweigh the picture")
    extension = b"VP8X", bytes([flags | EXIF]) + chunks[0][1][1:]
    others = [chunk for chunk in chunks[1:] if chunk[0] != b"EXIF"]
    position = next((at for at, (kind, _) in enumerate(others) if kind == b"XMP "), len(others))
    found = [data for kind, data in chunks if kind == b"EXIF"]
    others.insert(position, (b"EXIF", exif.with_texts(found, texts, MAX_CHUNK_BYTES)))
    body = b"WEBP" + b"".join(_written(*chunk) for chunk in (extension, *others))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunks(file: bytes) -> Iterator[Chunk]:
    """Yield the chunks as far as the file's own end. Raises UnusualFile or struct.error if one is broken."""
    start, size, kind = struct.unpack_from("<4sI4s", file)
    end = size + 8
    if (start, kind) != (b"RIFF", b"WEBP") or end > len(file):
        raise UnusualFile("no WebP")
    at = HEADER_BYTES
    while at < end:
        kind, size = struct.unpack_from("<4sI", file, at)
        data = file[at + 8 : at + 8 + size]
        if at + 8 + size > end:
            raise UnusualFile("a chunk without its end")
        yield kind, data
        at += 8 + size + size % 2


def _extension(kind: bytes, data: bytes) -> Chunk:
    """Return the header of an extended file for the picture of a simple one."""
    if kind == b"VP8 " and data[3:6] == LOSSY_START:
        width, height = (side & SIDE_MASK for side in struct.unpack_from("<HH", data, 6))
        flags = 0
    elif kind == b"VP8L" and data[:1] == LOSSLESS_START:
        (bits,) = struct.unpack_from("<I", data, 1)
        width, height = (bits & SIDE_MASK) + 1, (bits >> 14 & SIDE_MASK) + 1
        flags = ALPHA if bits >> 28 & 1 else 0
    else:
        raise UnusualFile("no picture")
    if not width or not height:
        raise UnusualFile("an empty picture")
    return b"VP8X", struct.pack("<I", flags) + b"".join((side - 1).to_bytes(3, "little") for side in (width, height))


def _written(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
