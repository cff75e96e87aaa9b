"""A stand-in for a Discord webhook, which refuses what Discord's documents say that it refuses.

https://discord.com/developers/docs/resources/webhook#execute-webhook and …/resources/message#embed-object
"""

import json
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

PATH = "/api/webhooks/1/token-of-the-tests"
MAX_EMBEDS, MAX_CHARACTERS = 10, 6000
LIMITS = {"title": 256, "description": 4096}
COLORS = range(0x1000000)
FIELDS = {
    "title",
    "type",
    "description",
    "url",
    "timestamp",
    "color",
    "footer",
    "image",
    "thumbnail",
    "author",
    "fields",
}


def problems_of(embed: dict) -> list[str]:
    """Return what Discord would say against an embed."""
    found = [f"{name} is no field of an embed" for name in embed.keys() - FIELDS]
    found += [f"{name} is too long" for name, limit in LIMITS.items() if len(embed.get(name, "")) > limit]
    urls = [embed.get("url"), *(embed.get(name, {}).get("url") for name in ("image", "thumbnail"))]
    found += [f"{url} is no URL" for url in urls if url and urlsplit(url).scheme not in ("http", "https")]
    if embed.get("color", 0) not in COLORS:
        found.append("color is none")
    if len(embed.get("footer", {"text": "-"})["text"]) > 2048:
        found.append("footer is too long")
    if "timestamp" in embed:
        datetime.fromisoformat(embed["timestamp"])
    return found


class Discord:
    """A webhook on loopback; `posted` has the embeds that it accepted."""

    def __init__(self) -> None:
        self.posted: list[dict] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.webhook = f"http://127.0.0.1:{self._server.server_port}{PATH}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, headers: dict, body: bytes) -> tuple[int, dict]:
        """Return the status and the body of the response to a POST."""
        if headers.get("User-Agent", "").startswith("Python-urllib"):
            return 403, {"message": "error code: 1010", "code": 0}
        if urlsplit(path).path != PATH:
            return 404, {"message": "Unknown Webhook", "code": 10015}
        if headers.get("Content-Type") != "application/json":
            return 400, {"message": "Cannot send an empty message", "code": 50006}
        embeds = json.loads(body).get("embeds", [])
        found = [problem for embed in embeds for problem in problems_of(embed)]
        if found or not 0 < len(embeds) <= MAX_EMBEDS or len(body) > MAX_CHARACTERS:
            return 400, {"message": "Invalid Form Body", "code": 50035, "errors": found}
        self.posted += embeds
        return 204, {}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        discord = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = discord.answer(self.path, dict(self.headers), body)
                text = json.dumps(answer).encode() if answer else b""
                self.send_response(status)
                if text:
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        return Handler
