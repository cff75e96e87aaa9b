"""Other people's scripts and styles for the API's pages: Swagger UI out of its package, ReDoc in `image_api/vendor`.

They are outside the static files, whose digest each page needs, and are read when such a page is first opened.
"""

import gzip
from functools import cache, partial
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from flask import Response, abort

from image_api.native_thread import NativeThread
from image_api.web.compression import compressed_response
from image_api.web.pages.static_files import FOR_EVER, TYPES, relative_url

SWAGGER_UI = "flask-swagger-ui"
REDOC = "redoc-2.5.4"
# ReDoc's own logo, which it loads from the host of its makers: it is replaced by a picture of nothing.
FOREIGN_LOGO, NO_LOGO = b'"https://cdn.redoc.ly/redoc/logo-mini.svg"', b'"data:image/svg+xml,%3Csvg/%3E"'


class Vendored(NamedTuple):
    """A file, and the last two parts of its URL."""

    folder: Path
    version: str
    name: str

    @property
    def url(self) -> str:
        """Return its URL, relative to the page of the current request."""
        return relative_url(f"vendor/{self.version}/{self.name}")


def swagger_ui(name: str) -> Vendored:
    """Return a file of Swagger UI."""
    return Vendored(Path(str(files("flask_swagger_ui"))) / "dist", f"{SWAGGER_UI}-{version(SWAGGER_UI)}", name)


def redoc(name: str) -> Vendored:
    """Return a file of ReDoc."""
    return Vendored(Path(str(files("image_api"))) / "vendor" / REDOC, REDOC, name)


def vendored_file(version: str, name: str) -> Response:
    """Return a file, compressed if the client takes that. Aborts with 404 if there is none."""
    found = _known().get((version, name)) or abort(404)
    return compressed_response(partial(_content, found), TYPES[Path(name).suffix], {"Cache-Control": FOR_EVER})


@cache
def _known() -> dict[tuple[str, str], Vendored]:
    """Return the files that pages load: a package has more."""
    all_files = (swagger_ui("swagger-ui-bundle.js"), swagger_ui("swagger-ui.css"), redoc("redoc.standalone.js"))
    return {(each.version, each.name): each for each in all_files}


@cache
def _thread() -> NativeThread:
    """Return the thread that compresses: 1.7 MB take 50 ms of a core, in which gevent's hub would stand still."""
    return NativeThread()


def _content(file: Vendored, zipped: bool) -> bytes:
    content: bytes = _thread().call(_compressed, file)
    return content if zipped else _thread().call(gzip.decompress, content)


@cache
def _compressed(file: Vendored) -> bytes:
    content = (file.folder / file.name).read_bytes()
    return gzip.compress(content.replace(FOREIGN_LOGO, NO_LOGO), compresslevel=6, mtime=0)
