"""What a .safetensors file says of its tensors, read without them.

The format: https://huggingface.co/docs/safetensors. A file is 8 bytes with the header's length, the header, which is
JSON, and the tensors' bytes without a hole.
"""

import json
import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MAX_HEADER_BYTES = 100_000_000  # the format's own limit
MAX_SIDE = 2**48  # of a tensor: more than any memory has, and less than what would take long to multiply
MAX_DIMENSIONS = 16
BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}


class HeaderUnreadable(ValueError):
    """Raised if a file is no whole .safetensors file; the message is what follows its name, as `is cut off`."""


@dataclass(frozen=True)
class Tensor:
    """A tensor as the header has it."""

    dtype: str
    shape: tuple[int, ...]
    offsets: tuple[int, int]
    """Where its bytes begin and end, counted from the header's end."""

    @property
    def numbers(self) -> int:
        """Return how many numbers it has."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Return how many bytes of the file are its own."""
        return math.ceil(self.numbers * BITS[self.dtype] / 8)


@dataclass(frozen=True)
class Header:
    """The header of a file."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    """What the program that wrote it says about it; nothing of it is checked."""

    @property
    def parameters(self) -> int:
        """Return how many numbers all tensors have."""
        return sum(tensor.numbers for tensor in self.tensors.values())


def read_header(path: Path) -> Header:
    """Return the header of a file.

    Raises HeaderUnreadable if it is none, cannot be read, or is not as long as its header says.
    """
    try:
        with path.open("rb") as file:
            return parse_header(file, os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise HeaderUnreadable(f"cannot be read ({error.strerror or type(error).__name__})") from error


def parse_header(file: BinaryIO, size: int) -> Header:
    """Return the header of a file of `size` bytes, as `read_header` does."""
    text = _header_bytes(file, size)
    return _checked(_parsed(text), size - 8 - len(text))


def _header_bytes(file: BinaryIO, size: int) -> bytes:
    """Return the header's bytes."""
    start = file.read(8)
    if len(start) < 8:
        raise HeaderUnreadable("is no .safetensors file")
    (length,) = struct.unpack("<Q", start)
    if length > MAX_HEADER_BYTES:
        raise HeaderUnreadable("is no .safetensors file")
    text = file.read(length) if length <= size - 8 else b""
    if len(text) < length:
        raise HeaderUnreadable("is cut off within its header")
    return text


def _parsed(text: bytes) -> dict[str, Any]:
    """Return the header's JSON object."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HeaderUnreadable("has a header that is no JSON") from error
    if not isinstance(header, dict):
        raise HeaderUnreadable("has a header that is no JSON object")
    return header


def _checked(header: dict[str, Any], data_bytes: int) -> Header:
    """Return the header if its tensors fill the `data_bytes` behind it, each in its place."""
    metadata = header.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict):
        raise HeaderUnreadable("has metadata that is no JSON object")
    tensors = {name: _tensor(name, entry) for name, entry in header.items()}
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda it: it[1].offsets):
        if tensor.offsets != (end, end + tensor.size_bytes):
            raise HeaderUnreadable(f"has {_quoted(name)} in a wrong place")
        end = tensor.offsets[1]
    if end > data_bytes:
        raise HeaderUnreadable(f"is cut off: {data_bytes:,} of {end:,} bytes of its tensors are there")
    if end < data_bytes:
        raise HeaderUnreadable("goes on behind its tensors")
    return Header(tensors, {str(key): str(value) for key, value in metadata.items()})


def _tensor(name: str, entry: object) -> Tensor:
    """Return a tensor of the header."""
    if not isinstance(entry, dict):
        raise HeaderUnreadable(f"has no place for {_quoted(name)}")
    dtype, shape, offsets = entry.get("dtype"), _numbers(entry.get("shape")), _numbers(entry.get("data_offsets"))
    if not isinstance(dtype, str) or dtype not in BITS:
        raise HeaderUnreadable(f"has an unknown kind of numbers for {_quoted(name)}")
    if shape is None:
        raise HeaderUnreadable(f"has no shape for {_quoted(name)}")
    if offsets is None or len(offsets) != 2:
        raise HeaderUnreadable(f"has no place for {_quoted(name)}")
    return Tensor(dtype, shape, (offsets[0], offsets[1]))


def _numbers(value: object) -> tuple[int, ...] | None:
    """Return a short list of integers from 0 to MAX_SIDE; None if the value is none."""
    if not isinstance(value, list) or len(value) > MAX_DIMENSIONS:
        return None
    return tuple(value) if all(type(it) is int and 0 <= it <= MAX_SIDE for it in value) else None


def _quoted(name: str) -> str:
    """Return a tensor's name as a sentence may have it."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:100])
