"""What gunicorn serves while the application is being loaded, which takes seconds at a tenth of a core."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from render_worker.serving.error_responses import REFUSAL
from render_worker.serving.security_headers import STRICTEST_POLICY

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]


class StartingApplication:
    """The WSGI application before the real one is there: /health says so, and every other request waits for it."""

    def __init__(self, health: Callable[[], str], headers: Iterable[tuple[str, str]] = ()) -> None:
        """`health` returns the JSON of /health meanwhile; `headers` are those of the service's every response."""
        self._health = health
        self._headers = headers
        self._loaded = threading.Event()
        self._application: Any = None

    @property
    def is_loaded(self) -> bool:
        """Return whether the real application responds."""
        return self._loaded.is_set()

    def become(self, application: Any) -> None:
        """Pass what waits, and whatever comes, to the real application."""
        self._application = application
        self._loaded.set()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a platform's health check at once, and otherwise as the real application, once it is loaded."""
        if not self.is_loaded and is_health_check(environ):
            return self.respond("200 OK", self._health(), start_response)
        self._loaded.wait()
        found: Iterable[bytes] = self._application(environ, start_response)
        return found

    def respond(
        self, status: str, text: str, start_response: StartResponse, more: Iterable[tuple[str, str]] = ()
    ) -> Iterable[bytes]:
        """Respond with a JSON text; `more`: further headers."""
        body = text.encode() + b"\n"
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": STRICTEST_POLICY,
        }
        start_response(status, [*headers.items(), *self._headers, *more])
        return [body]


def is_health_check(environ: Environ) -> bool:
    """Return whether it is GET /health, and neither refused nor of another site's page, which needs CORS headers."""
    return (
        environ["REQUEST_METHOD"] == "GET"
        and environ["PATH_INFO"] == "/health"
        and not environ.keys() & {REFUSAL, "HTTP_ORIGIN"}
    )
