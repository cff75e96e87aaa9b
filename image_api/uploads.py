"""Files that clients send: in temporary files without a name, their type told by their first bytes."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

HEAD_BYTES = 32
MAX_FILES = 42  # of one request: its body, and what can be in it
SIGNATURES = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n.{4}IHDR", re.DOTALL),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/webp": re.compile(rb"RIFF.{4}WEBPVP8[ LX]", re.DOTALL),
}
"""How files begin: PNG 5.2 and 11.2.1, JPEG (ITU-T T.81, B.1.1.3), WebP (RFC 9649, 2.4 and 2.5)."""


@dataclass(frozen=True)
class Upload:
    """A file that a client has sent, open for as long as the TemporaryFiles that it is of."""

    file: IO[bytes]
    size: int
    content_type: str | None
    """The type of the picture by its first bytes, whatever the client says; None if it is none that is known."""

    @classmethod
    def of(cls, file: IO[bytes]) -> "Upload":
        """Return an open file as an upload, to be read from its beginning."""
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(HEAD_BYTES)
        file.seek(0)
        known = (name for name, signature in SIGNATURES.items() if signature.match(head))
        return cls(file, size, next(known, None))


class TooManyFiles(Exception):
    """Raised if a request has more than MAX_FILES files."""


class TemporaryFiles:
    """The files of one request. They have no name, so that they are gone with the process, however it ends."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._left = MAX_FILES
        self.close: Callable[[], None] = self._open.close
        """Close the files, and so delete them."""

    def new(self) -> IO[bytes]:
        """Return a new, empty file. Raises OSError if there is no room for it, and TooManyFiles."""
        if not self._left:
            raise TooManyFiles
        self._left -= 1
        return self._open.enter_context(TemporaryFile())
