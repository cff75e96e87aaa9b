"""A PNG's chunks (W3C, Portable Network Graphics, third edition, section 5), and texts among them."""

import struct
import zlib
from collections.abc import Iterable, Iterator

from render_worker.imaging.containers import exif
from render_worker.imaging.containers.errors import UnusualFile
from render_worker.imaging.limits import bounded, is_heavy
from render_worker.imaging.texts import Texts, known

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
METHODS = (b"\0\0\0", b"\0\0\1")  # of compression, filters and interlacing; Pillow ignores others
ANIMATION, EXIF = b"acTL", b"eXIf"
MAX_EXIF_BYTES = 2**24  # far more than any reader expects
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
COMPRESSED = (b"zTXt", b"iTXt", b"iCCP")
MAX_KEYWORD_BYTES = 79
MAX_COMPRESSED_TEXT = 2**20  # bytes of all compressed chunks, uncompressed: Pillow reads no chunk that has more
STORED = b"\x78\x01"  # how deflated data begin at the two fastest levels

Chunk = tuple[bytes, bytes | memoryview]
"""Its type and its data, which are not copied: they may have many megabytes."""


def with_texts(file: bytes, texts: Texts) -> bytes:
    """Return the file with the texts as chunks, before its pixels so that they are found without reading those.

    Raises UnusualFile, TooManyParts or struct.error if it cannot have them, or if it is far larger than it needs to be.
    """
    chunks = list(bounded(_chunks(file)))
    _check(chunks)
    kept = [_with_ours(kind, data, texts) for kind, data in chunks if kind not in TEXTS or _keyword(data) not in texts]
    position = next(at for at, (kind, _) in enumerate(kept) if kind == b"IDAT")
    kept[position:position] = [text_chunk(keyword, text) for keyword, text in known(texts).items()]
    return file_of(kept)


def file_of(chunks: Iterable[Chunk]) -> bytes:
    """Return the file that the chunks make."""
    return b"".join([SIGNATURE, *(part for chunk in chunks for part in _parts(*chunk))])


def text_chunk(keyword: str, text: str) -> Chunk:
    """Return a chunk of uncompressed text in no certain language."""
    return b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()


def _with_ours(kind: bytes, data: bytes | memoryview, texts: Texts) -> Chunk:
    """Return a chunk as it is; EXIF with our description in place of its own."""
    return kind, exif.with_texts([bytes(data)], texts, MAX_EXIF_BYTES) if kind == EXIF else data


def _chunks(file: bytes) -> Iterator[Chunk]:
    """Yield the chunks as far as the picture's end. Raises UnusualFile or struct.error if one is broken."""
    if not file.startswith(SIGNATURE):
        raise UnusualFile("no PNG")
    view, at, kind = memoryview(file), len(SIGNATURE), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", file, at)
        data = view[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", file, at + 8 + length)
        if checksum != zlib.crc32(data, zlib.crc32(kind)):
            raise UnusualFile("a wrong checksum")
        yield kind, data
        at += 12 + length


def _check(chunks: list[Chunk]) -> None:
    """Raise UnusualFile if a reader could stumble over the file, or if it is far larger than it needs to be."""
    kinds = [kind for kind, _ in chunks]
    if ANIMATION in kinds or not all(kind in CRITICAL or (kind.isalpha() and kind[:1].islower()) for kind in kinds):
        raise UnusualFile("more than a picture")
    if b"IDAT" not in kinds:
        raise UnusualFile("no pixels")
    if chunks[0][1][10:] not in METHODS:
        raise UnusualFile("a method that no reader knows")
    pixels = chunks[kinds.index(b"IDAT")][1]
    if pixels[:2] == STORED and not pixels[2] & 0b110:  # the first block's type
        raise UnusualFile("pixels that are not compressed")
    _check_metadata(chunks)


def _check_metadata(chunks: list[Chunk]) -> None:
    """Raise UnusualFile if what stands beside the pixels is more than they, or more than readers take."""
    picture = sum(len(data) for kind, data in chunks if kind == b"IDAT")
    if is_heavy(sum(len(data) for _, data in chunks) - picture, picture):
        raise UnusualFile("metadata that outweigh the picture")
    room = MAX_COMPRESSED_TEXT
    for chunk in chunks:
        room -= _uncompressed_bytes(*chunk)
        if room < 0:
            raise UnusualFile("texts that readers refuse")


def _uncompressed_bytes(kind: bytes, data: bytes | memoryview) -> int:
    """Return what a chunk of compressed text, or of a colour profile, becomes: one byte more than allowed at most."""
    if kind not in COMPRESSED:
        return 0
    rest = bytes(data).partition(b"\0")[2]
    if kind == b"iTXt" and rest[:1] != b"\1":
        return 0
    # Behind iTXt's flag and method stand the language and the keyword in it.
    compressed = rest[2:].split(b"\0", 2)[-1] if kind == b"iTXt" else rest[1:]
    try:
        return len(zlib.decompressobj().decompress(compressed, MAX_COMPRESSED_TEXT + 1))
    except zlib.error:
        raise UnusualFile("a text that cannot be read") from None


def _keyword(data: bytes | memoryview) -> str:
    return bytes(data[: MAX_KEYWORD_BYTES + 1]).partition(b"\0")[0].decode("latin-1")


def _parts(kind: bytes, data: bytes | memoryview) -> tuple[bytes, bytes | memoryview, bytes]:
    """Return what a chunk is written as."""
    return struct.pack(">I4s", len(data), kind), data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
