"""An HTTP server whose response to every request is what a test sets, or none."""

import contextlib
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import wait
from typing import Self

HANG_SECONDS = 20


class PatientServer(ThreadingHTTPServer):
    """A server with a long accept queue: the library's own has room for five connections and drops the rest."""

    request_queue_size = 128
    daemon_threads = True


class ScriptedServer:
    """A server that responds with `status`, `headers` and `body`, or not at all if `hang`; it records each request."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.heads: list[dict[str, str]] = []
        """The headers of each request, by names in small letters."""
        self.bodies: list[bytes] = []
        self.authorized = False
        """Whether any request had an Authorization header."""
        self.hung_up = threading.Event()
        """Set when a client that got no response has disconnected."""
        self.say(200)

    def say_to(self, method: str, status: int) -> None:
        """Set the status of the responses to that method, until the next `say`."""
        self.statuses[method] = status

    def say(self, status: int, body: bytes = b"", hang: bool = False, **headers: str) -> None:
        """Set the response of all further requests; an underscore in a header's name is a hyphen."""
        self.statuses: dict[str, int] = {}
        self.status, self.body, self.hang = status, body, hang
        self.headers = {name.replace("_", "-"): text for name, text in headers.items()}
        self.asked.clear()
        self.heads.clear()
        self.bodies.clear()
        self.hung_up.clear()

    def __enter__(self) -> Self:
        self._server = PatientServer(("127.0.0.1", 0), partial(_Handler, self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, script: ScriptedServer, *arguments: object) -> None:
        self._script = script
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._script.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self._script.asked.append((self.command, self.path))
        self._script.heads.append({name.lower(): text for name, text in self.headers.items()})
        self._script.authorized |= "Authorization" in self.headers
        if self._script.hang:
            if wait([self.connection], HANG_SECONDS):  # the request is complete: only a disconnect makes it readable
                self._script.hung_up.set()
            return
        self.send_response(self._script.statuses.get(self.command, self._script.status))
        for name, text in {**self._script.headers, "Content-Length": str(len(self._script.body))}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(OSError):
                self.wfile.write(self._script.body)

    do_PUT = do_POST = do_HEAD = do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        """Stay silent."""
