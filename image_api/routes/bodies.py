"""How a request's JSON body is taken in."""

from flask import abort, request

from render_worker.contract import MAX_BODY_BYTES, InvalidField


def json_body() -> bytes:
    """The body of a POST that takes everything from it. A chunked one says its length nowhere: its end is looked at."""
    if request.query_string:
        raise InvalidField("POST takes its parameters in the JSON body, not in the address.")
    body = request.get_data()
    if len(body) > MAX_BODY_BYTES:
        abort(413)
    return body
