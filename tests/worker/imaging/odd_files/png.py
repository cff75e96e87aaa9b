"""PNG files, written chunk by chunk: of every depth, and with what other programs put into them."""

import struct
import zlib
from collections.abc import Iterable, Sequence

Chunk = tuple[bytes, bytes]

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # colour types
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
MAGIC = b"\x89PNG\r\n\x1a\n"

Rows = Sequence[Sequence[Sequence[int]]]
"""Of pixels, of samples."""


def png(
    rows: Rows,
    color_type: int,
    depth: int = 8,
    *,
    before: Iterable[Chunk] = (),
    after: Iterable[Chunk] = (),
    interlaced: bool = False,
    piece: int = 1 << 20,
) -> bytes:
    """Return a file. `before`: chunks before the first IDAT; `piece`: bytes of each IDAT."""
    size = struct.pack(">II", len(rows[0]), len(rows))
    data = zlib.compress(_interlaced(rows, depth) if interlaced else _lines(rows, depth))
    pieces = [(b"IDAT", data[at : at + piece]) for at in range(0, len(data), piece)]
    head = (b"IHDR", size + bytes((depth, color_type, 0, 0, interlaced)))
    return MAGIC + b"".join(chunk(*it) for it in (head, *before, *pieces, *after, (b"IEND", b"")))


def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    """Return a chunk; with another checksum than its own if `crc` is given."""
    return (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)
    )


def with_chunk(file: bytes, added: bytes) -> bytes:
    """Return the file with bytes before its first IDAT."""
    at = file.index(b"IDAT") - 4
    return file[:at] + added + file[at:]


def pixel_data(rows: Rows) -> bytes:
    """Return what stands in the IDAT or fdAT of a picture of eight bits."""
    return zlib.compress(_lines(rows, 8))


def gamma(value: float) -> Chunk:
    return b"gAMA", struct.pack(">I", round(value * 100000))


def chromaticities(*values: float) -> Chunk:
    """`values`: x and y of white, red, green and blue."""
    return b"cHRM", struct.pack(">8I", *(round(value * 100000) for value in values))


def icc(profile: bytes) -> Chunk:
    return b"iCCP", b"odd\0\0" + zlib.compress(profile)


def frame_control(number: int, size: tuple[int, int], at: tuple[int, int] = (0, 0)) -> Chunk:
    """A frame of an animation that stays for a minute, longer than a test looks at it."""
    return b"fcTL", struct.pack(">5IHHBB", number, *size, *at, 60, 1, 0, 0)


def _lines(rows: Rows, depth: int) -> bytes:
    return b"".join(b"\0" + _packed([sample for pixel in row for sample in pixel], depth) for row in rows)


def _interlaced(rows: Rows, depth: int) -> bytes:
    passes = ([row[x::across] for row in rows[y::down]] for x, y, across, down in ADAM7)
    return b"".join(_lines(it, depth) for it in passes if it and it[0])


def _packed(samples: list[int], depth: int) -> bytes:
    if depth == 16:
        return struct.pack(f">{len(samples)}H", *samples)
    bits = "".join(f"{sample:0{depth}b}" for sample in samples)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")
