"""What a file may have beside its pixels: far more than any that is made, and little enough for a small machine."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

MAX_PARTS = 2**14  # chunks or segments; a PNG of 20 MiB in the usual pieces of 8 KiB has 2,560
MAX_SCANS = 100  # of a progressive JPEG, each of which costs as if it were the whole picture; encoders write ten or so
MAX_METADATA = 2**18  # bytes, if the picture itself has fewer

T = TypeVar("T")


class TooManyParts(ValueError):
    """Raised if a file has so many parts that reading them costs far more than its picture does."""


def bounded(parts: Iterable[T]) -> Iterator[T]:
    """Yield the parts. Raises TooManyParts if there are too many."""
    for count, part in enumerate(parts):
        if count == MAX_PARTS:
            raise TooManyParts
        yield part


def is_heavy(metadata: int, picture: int) -> bool:
    """Return whether a file has more bytes of metadata than there is a reason for, beside those of its picture."""
    return metadata > max(MAX_METADATA, picture)
