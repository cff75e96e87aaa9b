"""Pictures as texts of a request: data URLs, or base64."""

import base64
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from image_api.uploads import TemporaryFiles, Upload
from render_worker.contract import InvalidField

SLICE_BYTES = 256 * 1024  # the interpreter's lock is free in between
GROUP_LETTERS = 4  # of base64
MAX_PREFIX = 1000
DATA_URL = re.compile(rb"data:[\w.+/-]*(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)
SPACES = b" \t\r\n\f\v"  # between lines of base64; dropped in one pass: split() would make an object of each piece
ONLY_DATA = (
    "must be a PNG, JPEG or WebP picture in the request itself, as a file of a form, a data URL or base64: this service"
    " fetches no address and keeps no files."
)


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
        rest += piece.translate(None, SPACES)
        whole = len(rest) - len(rest) % GROUP_LETTERS
        file.write(base64.b64decode(rest[:whole], validate=True))
        rest = rest[whole:]
    if rest:
        raise ValueError("no whole groups")
    return Upload.of(file)


def _pieces(text: bytes) -> Iterator[bytes]:
    """Yield a text without the head of a data URL, in pieces that end with no half of an escape."""
    prefix = DATA_URL.match(text[:MAX_PREFIX])
    start = prefix.end() if prefix else 0
    while start < len(text):
        end = start + SLICE_BYTES
        end += text[end - 1 : end] == b"\\"
        yield text[start:end]
        start = end
