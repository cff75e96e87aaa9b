"""The parent document of the page route, served on loopback.

The site's page replies to the document that framed it by postMessage. A document without an address has the origin
`null` and gets only what is posted to any origin, and Chromium keeps a document that a test double put at a public
address away from frames on loopback; a real one on loopback works with both.
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DOCUMENT = b"""<!DOCTYPE html>
<meta charset="utf-8">
<title>Image Generation API</title>
<script>
"use strict";
let ended = () => {};

function frame(url) {
  const element = document.createElement("iframe");
  element.style.visibility = "hidden";  // it runs as any other, but nothing of it is painted
  element.src = url;
  document.body.append(element);
  return element;
}

// The visit that the site's own example makes before the first picture.
function visit(url, stay) {
  return new Promise(resolve => {
    const element = frame(url);
    element.onload = element.onerror = () => setTimeout(() => { element.remove(); resolve(); }, stay);
    ended = () => { element.remove(); resolve(); };
  });
}

// The result that the framed page posts; messages of another origin, api or id are ignored.
function ask({url, id, origin}) {
  const allowed = new RegExp(origin);
  return new Promise(resolve => {
    function done(result) {
      removeEventListener("message", listen);
      element.remove();
      resolve(result);
    }
    function listen(event) {
      const message = event.data;
      if (!allowed.test(event.origin) || message?.api !== "perchance-image-api" || message.result?.id !== id) return;
      done(message.result);
    }
    addEventListener("message", listen);
    const element = frame(url);
    ended = () => done(null);
  });
}
</script>
<body></body>
"""


class ParentServer:
    """A web server for that one document, on a free port of loopback."""

    def __init__(self) -> None:
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Return the document's address; the first use starts the server."""
        if self._server is None:
            self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
            threading.Thread(target=self._server.serve_forever, name="parent", daemon=True).start()
        return f"http://localhost:{self._server.server_port}/"

    def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/"
        body = DOCUMENT if found else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
