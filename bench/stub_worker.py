"""`python -m bench.stub_worker --seconds 10`: a render worker that accepts every request and responds after a delay.

With `--slots` so many of them run at a time, and the others wait. It also responds in OpenAI's format: for a peer by an
address, with `--pictures` with one and the same PNG of 512×512. It prints its port and serves until it is ended.
"""

import argparse
import asyncio
import base64
import io
import json
import sys
from datetime import UTC, datetime
from typing import Any

from PIL import Image

from bench.clients import content_length

MANY = 100_000
MODELS: dict[str, Any] = {"models": []}
OPENAI_S = {"created": 1, "data": [{"url": "https://pictures.example/a.png"}]}
HEADERS = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Service: render-worker\r\nContent-Length: {}\r\n\r\n"


def result(recipe: dict[str, Any], name: str = "0" * 64, size: int = 1) -> dict[str, object]:
    """Return a render worker's result for a recipe: of a PNG of that name and size in bytes, made at this moment."""
    return {
        "image_url": f"/images/{name}.png",
        "prompt": recipe["prompt"],
        "seed": max(0, int(recipe.get("seed", 0))),
        "shape": "square",
        "guidance_scale": 7.0,
        "width": 768,
        "height": 768,
        "content_type": "image/png",
        "bytes": size,
        "sha256": name,
        "engine": "perchance",
        "model": "auto",
        "storage": "local",
        "duration_ms": 1,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "request_id": recipe["request_id"],
    }


class Slots:
    """The slots of a worker, each of which is taken for some seconds by a request, and what OpenAI's clients get."""

    def __init__(self, count: int, seconds: float, of_openai: dict[str, Any]) -> None:
        self._count = count
        self._seconds = seconds
        self.of_openai = of_openai
        self._free = asyncio.Semaphore(count)
        self._running = self._waiting = 0

    async def work(self) -> None:
        """Wait for a slot, and hold it."""
        self._waiting += 1
        async with self._free:
            self._waiting -= 1
            self._running += 1
            await asyncio.sleep(self._seconds)
            self._running -= 1

    def health(self) -> dict[str, object]:
        """Return the worker's health."""
        queue = {"running": self._running, "waiting": self._waiting, "max_concurrency": self._count}
        return {
            "status": "busy" if self._waiting else "ready",
            "ready": True,
            "uptime_seconds": 1,
            "queue": {**queue, "queue_size": MANY},
            "engines": {},
            "storage": "local",
        }


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, slots: Slots) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            body = await reader.readexactly(content_length(head))
            if head.startswith(b"POST"):
                await slots.work()
            response = json.dumps(_response(head, body, slots)).encode()
            writer.write(HEADERS.format(len(response)).encode() + response)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def _response(head: bytes, body: bytes, slots: Slots) -> dict[str, Any]:
    if head.startswith(b"GET /health"):
        return slots.health()
    if not head.startswith(b"POST"):
        return MODELS
    return slots.of_openai if head.startswith(b"POST /v1/") else result(json.loads(body))


def _picture() -> dict[str, Any]:
    """Return a picture in OpenAI's format."""
    file = io.BytesIO()
    Image.new("RGB", (512, 512), "teal").save(file, "PNG")
    return {"created": 1, "data": [{"b64_json": base64.b64encode(file.getvalue()).decode()}]}


async def main() -> None:
    """Print a free port and serve on it."""
    parser = argparse.ArgumentParser(prog="python -m bench.stub_worker", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="until each response (10)")
    parser.add_argument("--slots", type=int, default=MANY, help="requests that run at a time (all)")
    parser.add_argument("--pictures", action="store_true", help="in OpenAI's format respond with a picture")
    given = parser.parse_args()
    slots = Slots(given.slots, given.seconds, _picture() if given.pictures else OPENAI_S)
    server = await asyncio.start_server(
        lambda reader, writer: _serve(reader, writer, slots), "127.0.0.1", 0, backlog=4096
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
