"""Bodies that are multipart/form-data (RFC 7578), read by Werkzeug's parser within limits."""

import re
from typing import IO

from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser

from image_api.errors import UploadTooLarge
from image_api.uploads import TemporaryFiles, Upload
from image_api.web.picture_data import is_blank, picture_of
from render_worker.contract import InvalidField

MAX_PARTS = 40  # 16 pictures, a mask, and more texts than there are fields
MAX_TEXT_BYTES = 64 * 1024  # of a part's head, and of a text
BUFFER_BYTES = 16 * 1024  # which the parser keeps beside those
MAX_BOUNDARY = 200  # RFC 2046 allows 70
PICTURE_NAME = re.compile(r"(images?)(?:\[[0-9]*\])?|(mask)")
REPLACED = "\ufffd"  # the parser puts it in the place of what is not UTF-8
TOO_LARGE = (
    f"The form must have at most {MAX_PARTS} parts, with heads and texts of at most {MAX_TEXT_BYTES // 1024} KiB."
)
INCOMPLETE = "The body must be a complete form in multipart/form-data, between the boundaries that Content-Type names."

Pairs = list[tuple[str, object]]
"""Names and values as a client gave them: texts, and files as Uploads."""


def multipart_pairs(body: IO[bytes], boundary: str, files: TemporaryFiles) -> Pairs:
    """Return the texts and the files of a form.

    Raises InvalidField if the body is no such form, and UploadTooLarge if it has too many parts or too long ones.
    """
    mark = _mark(boundary)
    if b"--" + mark not in body.read(BUFFER_BYTES):
        raise InvalidField(INCOMPLETE)
    body.seek(0)
    parser = MultiPartParser(
        stream_factory=lambda *_, **__: files.new(),
        max_form_memory_size=MAX_TEXT_BYTES,
        max_form_parts=MAX_PARTS,
        buffer_size=BUFFER_BYTES,
    )
    try:
        texts, sent = parser.parse(body, mark, None)
    except RequestEntityTooLarge:
        raise UploadTooLarge(TOO_LARGE) from None
    except ValueError:
        raise InvalidField(INCOMPLETE) from None
    named_files = [(name, Upload.of(it.stream)) for name, it in sent.items(multi=True) if not _is_untouched(it)]
    pairs = _checked([*texts.items(multi=True), *named_files])
    return [(name, _as_in_json(name, value, files)) for name, value in pairs]


def _as_in_json(name: str, value: object, files: TemporaryFiles) -> object:
    """Return the picture of a text that must be one, and any other value unchanged. Raises InvalidField if it is none.

    An empty text is the same as none at all.
    """
    found = PICTURE_NAME.fullmatch(name) if isinstance(value, str) and not is_blank(value) else None
    return picture_of(found[1] or found[2], value, files) if found else value


def _is_untouched(file: FileStorage) -> bool:
    """Return whether it is what a browser sends for a field without a file: no name and no byte."""
    return not file.filename and file.stream.seek(0, 2) == 0


def _mark(boundary: str) -> bytes:
    if not boundary.isascii() or not 1 <= len(boundary) <= MAX_BOUNDARY:
        raise InvalidField(
            "The Content-Type must name the boundary of the form's parts; most clients set it themselves."
        )
    return boundary.encode()


def _checked(pairs: Pairs) -> Pairs:
    for name, value in pairs:
        if not name:  # None if the part has none
            raise InvalidField("Each part of the form must have a name.")
        if isinstance(value, str) and REPLACED in value:
            named = name if name.isidentifier() else "Each text of the form"
            raise InvalidField(f"{named} must be in UTF-8; the part of a file must have a file name.")
    return pairs
