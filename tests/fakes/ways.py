"""A real API tier, and every way by which a client sends it a field."""

import json
from collections.abc import Callable
from typing import Protocol
from urllib.parse import quote

import requests
import simple_websocket

REFUSED = "refused"
LEFT_OUT = None
Verdict = object
"""What the render worker is sent, LEFT_OUT, or REFUSED."""


class Worker(Protocol):
    """A render worker that remembers its requests: method, path, headers and body."""

    requests: list[tuple[str, str, dict[str, str], bytes]]


class Front:
    """A real API tier, and what its render worker is asked for."""

    def __init__(self, url: str, worker: Worker) -> None:
        self.url = url
        self.worker = worker
        self.session = requests.Session()
        self.socket = simple_websocket.Client(f"{url.replace('http', 'ws')}/stream/generate/txt2img")

    def by_query(self, field: str, text: str) -> Verdict:
        query = f"prompt=a&{field}={quote(text, safe='')}".removeprefix("prompt=a&" if field == "prompt" else "")
        return self._verdict(field, lambda: self.session.get(f"{self.url}/generate?{query}").json().get("error"))

    def by_post(self, field: str, body: bytes, path: str = "/generate") -> Verdict:
        return self._verdict(field, lambda: _sentence(self.session.post(self.url + path, data=body).json()))

    def by_styled(self, field: str, body: bytes) -> Verdict:
        return self.by_post(field, body, "/v1/images/generate")

    def by_openai(self, field: str, body: bytes) -> Verdict:
        return self.by_post(field, body, "/v1/images/generations")

    def by_websocket(self, field: str, body: bytes) -> Verdict:
        return self._verdict(field, lambda: _sentence(self.said(body.decode("utf-8", "surrogatepass"))))

    def said(self, message: str | bytes) -> dict:
        self.socket.send(message)
        return json.loads(self.socket.receive(20))

    def _verdict(self, field: str, send: Callable[[], str | None]) -> Verdict:
        before = len(self.worker.requests)
        if sentence := send():
            assert sentence.startswith((f"{field} must be ", f"{field} is required and must be ")), sentence
            assert len(self.worker.requests) == before
            return REFUSED
        return json.loads(self.worker.requests[-1][3]).get(field)


def _sentence(answer: dict) -> str | None:
    error = answer.get("error") or answer.get("message")
    return (error.get("error") or error["message"]) if isinstance(error, dict) else error
