"""A limit of time for work that waits in the middle of a library."""

import contextlib
from collections.abc import Iterator

import gevent
from gevent.monkey import is_module_patched


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError if the context lasts longer. Without gevent's patches it has no limit: threads have none."""
    if not is_module_patched("threading"):
        yield
        return
    with gevent.Timeout(seconds, TimeoutError("it took too long")):
        yield
