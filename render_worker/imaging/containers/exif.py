"""A description put into an EXIF block of another program, of which every other byte stays where it is.

An EXIF block is a TIFF file (TIFF 6.0, section 2). Its first directory is copied to the end with the new entry, because
offsets in the block, those in makers' notes too, count from its beginning.
"""

import contextlib
import struct

from render_worker.imaging.containers.errors import UnusualFile
from render_worker.imaging.texts import IMAGE_DESCRIPTION, Texts, description, exif

PREFIX = b"Exif\0\0"  # in JPEG, and from some programs in WebP
BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
ENTRY_BYTES = 12  # tag, type, count, and the value or its offset
ORIENTATION, UPRIGHT = (
    0x0112,
    1,
)  # written, or a reader may take another one from XMP, or from a field of the wrong type
ASCII, SHORT = 2, 3
INLINE_BYTES = 4  # a value of so many bytes or fewer stands in place of its offset


def with_texts(found: list[bytes], texts: Texts, max_bytes: int) -> bytes:
    """Return the block found, with the texts as its description, without the prefix.

    It has nothing but the texts if several were found or none, or if that one is broken or leaves them no room. Raises
    UnusualFile if they exceed `max_bytes` alone.
    """
    block = b""
    if len(found) == 1:
        with contextlib.suppress(UnusualFile, struct.error):
            block = _merged(found[0].removeprefix(PREFIX), texts)
    if not 0 < len(block) <= max_bytes:
        fresh = exif(texts)
        fresh[ORIENTATION] = UPRIGHT
        block = fresh.tobytes().removeprefix(PREFIX)
    if len(block) > max_bytes:
        raise UnusualFile("texts that exceed the block")
    return block


def _merged(block: bytes, texts: Texts) -> bytes:
    """Return a block with the texts as its description. Raises UnusualFile or struct.error if it is broken."""
    order = BYTE_ORDERS.get(block[:4])
    if order is None:
        raise UnusualFile("no byte order")
    entries, following = _directory(block, order)
    body = block + bytes(len(block) % 2)  # a directory begins on a word's boundary
    text = description(texts).encode("ascii").ljust(INLINE_BYTES) + b"\0"
    text_at = len(body) + 2 + ENTRY_BYTES * (len(entries) + 2) + len(following)
    entries[ORIENTATION] = struct.pack(f"{order}HHIHH", ORIENTATION, SHORT, 1, UPRIGHT, 0)
    entries[IMAGE_DESCRIPTION] = struct.pack(f"{order}HHII", IMAGE_DESCRIPTION, ASCII, len(text), text_at)
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + following
    return body[:4] + struct.pack(f"{order}I", len(body)) + body[8:] + directory + text


def _directory(block: bytes, order: str) -> tuple[dict[int, bytes], bytes]:
    """Return the entries of the first directory that stay, by tag, and the offset of the next directory."""
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    (count,) = struct.unpack_from(f"{order}H", block, start)
    end = start + 2 + ENTRY_BYTES * count
    if start < 8 or end + 4 > len(block):
        raise UnusualFile("a directory outside of its block")
    entries = {}
    for at in range(start + 2, end, ENTRY_BYTES):
        (tag,) = struct.unpack_from(f"{order}H", block, at)
        if tag not in (IMAGE_DESCRIPTION, ORIENTATION):
            entries[tag] = block[at : at + ENTRY_BYTES]
    return entries, block[end : end + 4]
