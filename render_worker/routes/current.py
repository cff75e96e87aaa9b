"""What the views know of the current request: the worker's services, whether its client is trusted, and its body."""

from flask import abort, current_app, request

from render_worker import KEY
from render_worker.contract import MAX_BODY_BYTES
from render_worker.services import Services


def current_services() -> Services:
    """Return the services of the worker that handles the request."""
    found: Services = current_app.extensions[KEY]
    return found


def is_trusted() -> bool:
    """Return whether the client has the token, or none is set and only this machine reaches the worker."""
    return current_services().trusts(request.headers.get("Authorization"))


def sent_body() -> bytes:
    """Return the request's body; a chunked one states its length nowhere, so it is measured."""
    found = request.get_data()
    if len(found) > MAX_BODY_BYTES:
        abort(413)
    return found
