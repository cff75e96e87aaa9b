"""What bounds a WebP: libwebp, which keeps each of its chunks, gets no file of millions."""

from collections.abc import Iterator

from render_worker.imaging.limits import bounded

MAGIC = b"RIFF"
HEADER_BYTES = 12


def check_webp(data: bytes) -> None:
    """Raise TooManyParts if the file has far more chunks than any picture needs."""
    for _ in bounded(_chunks(data)):
        pass


def _chunks(data: bytes) -> Iterator[int]:
    """Yield where each chunk starts."""
    at = HEADER_BYTES
    while at < len(data):
        yield at
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
