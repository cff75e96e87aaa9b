"""Pictures as texts of a request: data URLs, or base64."""

import base64
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from image_api.uploads import TemporaryFiles, Upload
from render_worker.contract import InvalidField

SLICE_BYTES = 256 * 1024  # the interpreter's lock is free in between
GROUP_LETTERS = 4  # of base64
PADDING = b"===="
ESCAPE_BYTES = 6  # of the longest, like \u002B
FROM_BASE64URL = bytes.maketrans(b"-_", b"+/")
MAX_PREFIX = 1000
DATA_URL = re.compile(rb"data:[\w.+/-]*(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)
SPACES = b" \t\r\n\f\v"  # between lines of base64; dropped in one pass: split() would make an object of each piece
ONLY_DATA = (
    "must be a PNG, JPEG or WebP picture in the request itself, as a file of a form, a data URL or base64: this service"
    " fetches no address and keeps no files."
)


def is_blank(value: object) -> bool:
    """Return whether a value is as left out: none, or a text of spaces."""
    return not (value.strip() if isinstance(value, str) else value)


def picture_of(name: str, value: object, files: TemporaryFiles) -> Upload:
    """Return the picture of a field. Raises InvalidField if the value is no text, or one of something else."""
    try:
        if isinstance(value, str):
            return decoded(value.encode(), files)
    except ValueError:
        pass
    raise InvalidField(f"{name} {ONLY_DATA}")


def decoded(text: bytes, files: TemporaryFiles, escapes: Mapping[bytes, bytes] = MappingProxyType({})) -> Upload:
    """Return a picture of base64, a data URL or not. Raises ValueError if the text is neither."""
    file = files.new()
    rest = b""
    for piece in _pieces(text):
        for escape, meaning in escapes.items():
            piece = piece.replace(escape, meaning)
        rest += piece.translate(FROM_BASE64URL, SPACES)
        whole = len(rest) - len(rest) % GROUP_LETTERS
        file.write(base64.b64decode(rest[:whole], validate=True))
        rest = rest[whole:]
    file.write(base64.b64decode(rest + PADDING[len(rest) :], validate=True) if rest else b"")
    return Upload.of(file)


def _pieces(text: bytes) -> Iterator[bytes]:
    """Yield a text without the head of a data URL, in pieces that end with no part of an escape."""
    prefix = DATA_URL.match(text[:MAX_PREFIX])
    rest = b""
    for start in range(prefix.end() if prefix else 0, len(text), SLICE_BYTES):
        piece = rest + text[start : start + SLICE_BYTES]
        cut = piece.rfind(b"\\", 1 - ESCAPE_BYTES)
        rest = piece[cut:] if cut >= 0 else b""
        yield piece.removesuffix(rest)
    yield rest
