"""The current request itself, in place of Flask's proxy for it.

The proxy looks the request up again for each attribute, which takes as long as ten attributes of the request itself.
What runs before or after every response looks it up once.
"""

from flask import Request, request


def current_request() -> Request:
    """Return the request that this greenlet or thread answers. Raises RuntimeError outside of one."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]
    return found
