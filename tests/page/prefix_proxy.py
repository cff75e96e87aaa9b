"""A reverse proxy that serves the service below a prefix, and passes each piece of a response on as it comes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

SECONDS = 60
HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive"}


@contextmanager
def behind_prefix(service: str, prefix: str) -> Iterator[str]:
    """Run the proxy; yield its address with the prefix. Other paths than those below it are its own, and 404."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, urlsplit(service).netloc, prefix))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, upstream: str, prefix: str, *arguments: object) -> None:
        self._upstream, self._prefix = upstream, prefix
        super().__init__(*arguments)  # type: ignore[arg-type]

    def _pass_on(self) -> None:
        if not self.path.startswith(f"{self._prefix}/"):
            self.send_error(404)
            return
        link = HTTPConnection(self._upstream, timeout=SECONDS)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        link.request(self.command, self.path.removeprefix(self._prefix), body or None, self._forwarded())
        response = link.getresponse()
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while data := response.read1(65536):
                self.wfile.write(data)
        except ConnectionError:  # the browser has what it wants
            pass
        finally:
            link.close()

    do_GET = do_POST = do_HEAD = do_DELETE = do_OPTIONS = _pass_on

    def _forwarded(self) -> dict[str, str]:
        kept = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        return {
            **kept,
            "X-Forwarded-For": self.client_address[0],
            "X-Forwarded-Proto": "http",
            "X-Forwarded-Host": self.headers["Host"],
            "X-Forwarded-Prefix": self._prefix,
            "Connection": "close",
        }

    def log_message(self, *_: object) -> None:
        """Say nothing."""
