"""Pictures in JSON bodies: data URLs or base64, alone or in objects, as OpenAI's and other clients send them."""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import IO, Any, Self

from image_api.errors import UploadTooLarge
from image_api.uploads import TemporaryFiles, Upload
from image_api.web.multipart import Pairs
from render_worker.contract import Fields, InvalidField

MAX_VALUES = 50_000  # 16 MB of "[],[],…" would be a gigabyte of lists
TOO_MANY_VALUES = f"The body must have at most {MAX_VALUES:,} commas and brackets."
DATA_URL = re.compile(r"data:[\w.+/-]*(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)
ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)
PICTURE_NAMES = ("image", "images", "mask")
ONLY_DATA = "must be in the request, as a data URL or in base64: this service fetches no address and keeps no files."


class _Pairs(Fields):
    """Any JSON object, read as all are here, with its values unchecked."""

    pairs: list[tuple[str, Any]]

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, object]]) -> Self:
        return cls.model_construct(pairs=list(pairs))  # type: ignore[return-value]  # pydantic's plugin forgets Self


def json_pairs(body: IO[bytes], files: TemporaryFiles) -> Pairs:
    """Return the fields of a JSON object, its pictures as lists of Uploads.

    Raises InvalidField if it is none, or a picture is no data, and UploadTooLarge if it has too many values.
    """
    text = body.read()
    if sum(text.count(it) for it in (b",", b"[", b"{")) > MAX_VALUES:
        raise UploadTooLarge(TOO_MANY_VALUES)
    pairs = _Pairs.parse_json(text).pairs
    return [(name, _pictures(name, it, files) if name in PICTURE_NAMES and it else it) for name, it in pairs]


def _pictures(name: str, value: object, files: TemporaryFiles) -> list[Upload]:
    each = value if isinstance(value, list) and not _is_object(value) else [value]
    return [_picture(name, it, files) for it in each]


def _picture(name: str, value: object, files: TemporaryFiles) -> Upload:
    """Return the picture of a text, or of an object like {"image_url": …} or {"image_url": {"url": …}}."""
    while _is_object(value):
        fields = dict(value)  # type: ignore[call-overload]
        value = next((fields[it] for it in ("image_url", "url", "b64_json") if fields.get(it)), None)
    if not isinstance(value, str) or ADDRESS.match(value):
        raise InvalidField(f"{name} {ONLY_DATA}")
    try:
        data = base64.b64decode("".join(DATA_URL.sub("", value, count=1).split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidField(f"{name} {ONLY_DATA}") from None
    file = files.new()
    file.write(data)
    return Upload.of(file)


def _is_object(value: object) -> bool:
    """Return whether a value was a JSON object, which is read as its pairs."""
    return isinstance(value, list) and bool(value) and all(isinstance(it, tuple) for it in value)
