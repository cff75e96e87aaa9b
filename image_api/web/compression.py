"""Responses compressed by gzip, if the client takes that."""

from collections.abc import Callable, Mapping

from flask import Response, request


def compressed_response(
    content: Callable[[bool], bytes],
    mimetype: str,
    headers: Mapping[str, str],
    status: int = 200,
    *,
    plain: bool = False,
) -> Response:
    """Return a response with what `content` returns for whether it is to be compressed; it never is with `plain`."""
    zipped = not plain and request.accept_encodings["gzip"] > 0
    response = Response(content(zipped), status, headers, mimetype=mimetype)
    response.vary.add("Accept-Encoding")
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    return response
