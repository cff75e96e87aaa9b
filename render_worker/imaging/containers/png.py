"""A PNG's chunks (W3C, Portable Network Graphics, third edition, section 5), and texts among them."""

import struct
import zlib
from collections.abc import Iterator

from render_worker.imaging.containers import exif
from render_worker.imaging.containers.errors import UnusualFile
from render_worker.imaging.texts import Texts, known

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
ANIMATION, EXIF = b"acTL", b"eXIf"
MAX_EXIF_BYTES = 2**24  # far more than any reader expects
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
MAX_COMPRESSED_TEXT = 2**20  # bytes of all compressed chunks, uncompressed: Pillow reads no chunk that has more
STORED = b"\x78\x01"  # how deflated data begin at the two fastest levels

Chunk = tuple[bytes, bytes]
"""Its type and its data."""


def with_texts(file: bytes, texts: Texts) -> bytes:
    """Return the file with the texts as chunks, before its pixels so that they are found without reading those.

    Raises UnusualFile or struct.error if it cannot have them, or if it is far larger than it needs to be.
    """
    chunks = list(_chunks(file))
    _check(chunks)
    kept = [_with_ours(kind, data, texts) for kind, data in chunks if kind not in TEXTS or _keyword(data) not in texts]
    position = next(at for at, (kind, _) in enumerate(kept) if kind == b"IDAT")
    kept[position:position] = [_text(keyword, text) for keyword, text in known(texts).items()]
    return SIGNATURE + b"".join(_written(*chunk) for chunk in kept)


def _with_ours(kind: bytes, data: bytes, texts: Texts) -> Chunk:
    """Return a chunk as it is; EXIF with our description in place of its own."""
    return kind, exif.with_texts([data], texts, MAX_EXIF_BYTES) if kind == EXIF else data


def _chunks(file: bytes) -> Iterator[Chunk]:
    """Yield the chunks as far as the picture's end. Raises UnusualFile or struct.error if one is broken."""
    if not file.startswith(SIGNATURE):
        raise UnusualFile("no PNG")
    at, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", file, at)
        data = file[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", file, at + 8 + length)
        if checksum != zlib.crc32(data, zlib.crc32(kind)):
            raise UnusualFile("a wrong checksum")
        yield kind, data
        at += 12 + length


def _check(chunks: list[Chunk]) -> None:
    """Raise UnusualFile if a reader could stumble over the file, or if its pixels are not compressed at all."""
    kinds = [kind for kind, _ in chunks]
    if ANIMATION in kinds or not all(kind in CRITICAL or (kind.isalpha() and kind[:1].islower()) for kind in kinds):
        raise UnusualFile("more than a picture")
    if b"IDAT" not in kinds:
        raise UnusualFile("no pixels")
    pixels = chunks[kinds.index(b"IDAT")][1]
    if pixels.startswith(STORED) and not pixels[2] & 0b110:  # the first block's type
        raise UnusualFile("pixels that are not compressed")
    room = MAX_COMPRESSED_TEXT
    for chunk in chunks:
        room -= _uncompressed_bytes(*chunk)
        if room < 0:
            raise UnusualFile("texts that readers refuse")


def _uncompressed_bytes(kind: bytes, data: bytes) -> int:
    """Return what a chunk of compressed text, or of a colour profile, becomes: one byte more than allowed at most."""
    rest = data.partition(b"\0")[2]
    if kind == b"iTXt" and rest[:1] == b"\1":
        compressed = rest[2:].split(b"\0", 2)[-1]  # behind the language and the keyword in it
    elif kind in (b"zTXt", b"iCCP"):
        compressed = rest[1:]
    else:
        return 0
    try:
        return len(zlib.decompressobj().decompress(compressed, MAX_COMPRESSED_TEXT + 1))
    except zlib.error:
        raise UnusualFile("a text that cannot be read") from None


def _keyword(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("latin-1")


def _text(keyword: str, text: str) -> Chunk:
    """Return a chunk of uncompressed text in no certain language."""
    return b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()


def _written(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
