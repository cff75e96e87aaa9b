"""The current request itself, and its `g`, in place of Flask's proxies for them.

A proxy looks its object up again for each attribute, which takes as long as ten attributes of the object itself. What
runs before or after every response looks it up once.
"""

from typing import Any

from flask import Request, g, request


def current_request() -> Request:
    """Return the request that this greenlet or thread answers. Raises RuntimeError outside of one."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]
    return found


def current_globals() -> Any:
    """Return the `g` of the request that is answered. Raises RuntimeError outside of one."""
    return g._get_current_object()
