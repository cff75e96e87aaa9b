"""Pictures in JSON bodies: data URLs or base64, alone or in objects, as OpenAI's and other clients send them.

Long texts are decoded straight from the body's bytes into files, and only the rest is parsed: of 16 MB a JSON parser
would make several hundred of memory.
"""

import re
import secrets
from collections.abc import Iterable
from typing import IO, Any, Self

from image_api.errors import UploadTooLarge
from image_api.uploads import TemporaryFiles, Upload
from image_api.web.multipart import Pairs
from image_api.web.picture_data import decoded, is_blank, picture_of
from render_worker.contract import Fields

LONG_TEXT = re.compile(rb'"([^"]{8192,}+)"')  # begins with a literal and never backtracks: 16 MB take some 10 ms
MAX_REST_BYTES = 256 * 1024  # 17 pictures that are shorter than that, and the other fields
MAX_QUOTES = 10_000  # the search for long texts stops at each of them
# PHP escapes slashes, .NET the plus sign and more; lines of base64 end in line breaks.
ESCAPED = {"/": "/", "n": "", "r": "", "t": "", "u002b": "+", "u002f": "/", "u003d": "=", "u002B": "+", "u002F": "/"}
ESCAPES = {f"\\{letters}".encode(): meaning.encode() for letters, meaning in {**ESCAPED, "u003D": "="}.items()}
PICTURE_NAMES = ("image", "images", "mask")
PICTURE_KEYS = ("image_url", "url", "b64_json")
TOO_LARGE = (
    f"The body is larger than {MAX_REST_BYTES // 1024} KiB without what is a picture in base64, or a data URL of it."
)


class _Pairs(Fields):
    """Any JSON object, read as all are here, with its values unchecked."""

    pairs: list[tuple[str, Any]]

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, object]]) -> Self:
        return cls.model_construct(pairs=list(pairs))  # type: ignore[return-value]  # pydantic's plugin forgets Self


class _Pictures:
    """The pictures of one body."""

    def __init__(self, files: TemporaryFiles) -> None:
        self._files = files
        self._lifted: dict[str, Upload] = {}

    def lift(self, long_text: re.Match[bytes]) -> bytes:
        """Return what stands for a long text of the body; the text itself unless it is base64.

        That is an object, with an unguessable name: no field of text accepts one.
        """
        if long_text.string[long_text.start() - 1 : long_text.start()] == b"\\":
            return long_text[0]  # in the middle of a text
        try:
            picture = decoded(long_text[1], self._files, ESCAPES)
        except ValueError:
            return long_text[0]
        name = secrets.token_hex()
        self._lifted[name] = picture
        return b'{"%s":0}' % name.encode()

    def of(self, name: str, value: object) -> list[Upload]:
        """Return the pictures of a field. Raises InvalidField if one is none."""
        each = value if isinstance(value, list) and not _is_object(value) else [value]
        return [self._one(name, it) for it in each]

    def _one(self, name: str, value: object) -> Upload:
        while _is_object(value):
            fields: dict[str, object] = dict(value)  # type: ignore[call-overload]
            if lifted := self._lifted.keys() & fields.keys():
                return self._lifted[lifted.pop()]
            value = next((fields[it] for it in PICTURE_KEYS if fields.get(it)), None)
        return picture_of(name, value, self._files)


def json_pairs(body: IO[bytes], files: TemporaryFiles) -> Pairs:
    """Return the fields of a JSON object, its pictures as lists of Uploads.

    Raises InvalidField if it is none, or a picture is no data, and UploadTooLarge if there is much besides pictures.
    """
    pictures = _Pictures(files)
    text = body.read()
    rest = LONG_TEXT.sub(pictures.lift, text) if text.count(b'"') <= MAX_QUOTES else text
    if len(rest) > MAX_REST_BYTES:
        raise UploadTooLarge(TOO_LARGE)
    pairs = _Pairs.parse_json(rest).pairs
    return [(name, pictures.of(name, it) if name in PICTURE_NAMES and not is_blank(it) else it) for name, it in pairs]


def _is_object(value: object) -> bool:
    """Return whether a value was a JSON object, which is read as its pairs."""
    return isinstance(value, list) and bool(value) and all(isinstance(it, tuple) for it in value)
