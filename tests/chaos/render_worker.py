"""`python -m tests.chaos.render_worker --port 8001 --ledger FILE`: a render worker that writes down what it makes.

As the real one it knows a request by its id: a retry joins the generation in flight, or gets the result; a client that
leaves ends nothing; a cancelled one is refused. It forgets all that when it is killed. A prompt says what comes of it:
`refused` fails, and `flaky` fails at the first attempt.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import secrets
import time
from pathlib import Path
from typing import Any

from bench.stub_worker import result
from tests.hostile.stand_in import HEALTH, MODELS, PICTURE, reply

SLOTS = 64
REFUSED = (422, {"success": False, "error": "The service declined this prompt.", "code": "content_refused"})
FAILED = (502, {"success": False, "error": "The engine failed.", "code": "engine_failed"})
CANCELLED = (409, {"success": False, "error": "This request was cancelled by its client.", "code": "cancelled"})
OPTIONS: dict[str, Any] = {"backlog": 4096, "limit": 2**22}

Answer = tuple[int, dict[str, Any]]


def append(ledger: Path, entry: dict[str, Any]) -> None:
    """Append an entry to a ledger, which several processes may write to."""
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, json.dumps(entry).encode() + b"\n")
    os.close(file)


class RenderWorker:
    """One process's generations. Each event is a line of the ledger, written before it is told of."""

    def __init__(self, ledger: Path, seconds: tuple[float, float]) -> None:
        self.name = secrets.token_hex(4)
        self._seconds = seconds
        self._ledger = ledger
        self._generations: dict[str, asyncio.Task[Answer]] = {}
        self._attempts: dict[str, int] = {}
        self._cancelled: set[str] = set()

    def note(self, event: str, request_id: str) -> None:
        """Append an event to the ledger."""
        append(self._ledger, {"worker": self.name, "event": event, "id": request_id, "at": time.time()})

    async def generate(self, recipe: dict[str, Any]) -> Answer:
        """Return what comes of a request: of the generation in flight, or done, if there is one."""
        request_id = recipe["request_id"]
        if request_id in self._cancelled:
            return CANCELLED
        task = self._generations.get(request_id)
        if task is None or (task.done() and (task.cancelled() or task.result()[0] != 200)):
            task = self._generations[request_id] = asyncio.create_task(self._make(recipe))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                return CANCELLED
            raise

    async def _make(self, recipe: dict[str, Any]) -> Answer:
        request_id = recipe["request_id"]
        attempt = self._attempts[request_id] = self._attempts.get(request_id, 0) + 1
        self.note("begun", request_id)
        if "refused" in recipe["prompt"]:
            return REFUSED
        await asyncio.sleep(random.uniform(*self._seconds))
        if "flaky" in recipe["prompt"] and attempt == 1:
            self.note("failed", request_id)
            return FAILED
        self.note("made", request_id)
        name = hashlib.sha256(f"{self.name} {request_id} {attempt}".encode()).hexdigest()
        return 200, result(recipe, name, len(PICTURE))

    def cancel(self, request_id: str) -> None:
        """Cancel a request, and refuse it from now on."""
        self._cancelled.add(request_id)
        if (task := self._generations.get(request_id)) and not task.done():
            self.note("cancelled", request_id)
            task.cancel()

    def has(self, request_id: str) -> bool:
        """Return whether a request is in flight, or has its picture."""
        task = self._generations.get(request_id)
        return task is not None and (not task.done() or (not task.cancelled() and task.result()[0] == 200))

    def health(self) -> dict[str, Any]:
        """Return the contract's health, with what is in flight."""
        running = sum(not task.done() for task in self._generations.values())
        return HEALTH | {"queue": {"running": running, "waiting": 0, "max_concurrency": SLOTS, "queue_size": SLOTS}}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, until it ends."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                body = await reader.readexactly(_length(head))
                writer.write(await self._answer(head, body))
                await writer.drain()
        writer.close()

    async def _answer(self, head: str, body: bytes) -> bytes:
        method, path, _ = head.split(" ", 2)
        if method == "POST":
            return reply(*await self.generate(_recipe(head, body)))
        if method == "DELETE":
            self.cancel(path.rpartition("/")[2])
            return reply(200, {})
        if path.endswith("/known"):
            return reply(204 if self.has(path.split("/")[-2]) else 404, b"")
        if path.startswith("/images/"):
            whole = reply(200, PICTURE, Content_Type="image/png")
            return whole[: -len(PICTURE)] if method == "HEAD" else whole
        return reply(200, self.health() if path == "/health" else MODELS)


def _length(head: str) -> int:
    lines = (line.lower().partition(":") for line in head.split("\r\n"))
    return next((int(text) for name, _, text in lines if name == "content-length"), 0)


def _recipe(head: str, body: bytes) -> dict[str, Any]:
    """Return the recipe of a body: of the form's first part, if the request has an image."""
    if "multipart/form-data" in head:
        body = body.split(b"\r\n\r\n", 1)[1].split(b"\r\n--", 1)[0]
    found: dict[str, Any] = json.loads(body)
    return found


async def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.render_worker", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", type=Path, required=True, help="the file to append events to")
    parser.add_argument("--seconds", type=float, nargs=2, default=(0.5, 1.0), help="a picture takes (0.5 1.0)")
    given = parser.parse_args()
    worker = RenderWorker(given.ledger, tuple(given.seconds))
    server = await asyncio.start_server(worker.serve, "127.0.0.1", given.port, **OPTIONS)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
