"""The pages' static files, at URLs with a digest of all of them: a browser keeps them for ever, and none is mixed.

Scripts import each other by relative URLs, so one digest in the path of the first holds for all. The app's are linked
into one.
"""

import gzip
import hashlib
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

from flask import Response, abort, request

from image_api.web.compression import compressed_response
from image_api.web.pages.linked_files import LINKED, linked

FOLDER = Path(str(files("image_api"))) / "static"
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/vnd.microsoft.icon",
    ".webmanifest": "application/manifest+json",
}
FOR_EVER = "public, max-age=31536000, immutable"
OTHER_VERSION = "no-cache"  # asked for by a page of before an update


@cache
def digest() -> str:
    """Return the digest of all files."""
    content = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            content.update(path.relative_to(FOLDER).as_posix().encode() + b"\0" + path.read_bytes())
    return content.hexdigest()[:16]


def static_url(name: str) -> str:
    """Return a file's URL, relative to the page of the current request."""
    return relative_url(f"static/{digest()}/{name}")


def relative_url(path: str) -> str:
    """Return a path's URL, relative to the page of the current request: it holds below any prefix of a proxy."""
    return "../" * request.path.count("/", 1) + path


def relative_root() -> str:
    """Return the service's own address, relative to the page of the current request."""
    return relative_url("") or "./"


def static_file(version: str, name: str) -> Response:
    """Return a file, compressed if the client takes that. Aborts with 404 if there is none."""
    if name not in _names():
        abort(404)
    headers = {"Cache-Control": FOR_EVER if version == digest() else OTHER_VERSION}
    is_picture = name.endswith((".png", ".ico"))
    return compressed_response(partial(_content, name), TYPES[Path(name).suffix], headers, plain=is_picture)


@cache
def _names() -> frozenset[str]:
    files_there = (path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.suffix in TYPES)
    return frozenset((*files_there, *LINKED))


@cache
def _content(name: str, zipped: bool) -> bytes:
    data = linked(name, _text).encode() if name in LINKED else (FOLDER / name).read_bytes()
    return gzip.compress(data, mtime=0) if zipped else data


def _text(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")
