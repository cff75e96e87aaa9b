"""A stand-in for a render worker: it responds well, or with the bytes that an attack sets, and counts requests."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar

from bench.stub_worker import result
from render_worker.contract import SERVICE, SERVICE_HEADER, VERSION
from tests.hostile.threaded import ThreadedServer

REFUSED_MODEL = "nope"
PICTURE = b"the bytes of a picture"
HEALTH = {
    "status": "ready",
    "ready": True,
    "service": SERVICE,
    "version": VERSION,
    "uptime_seconds": 1,
    "queue": {"running": 0, "waiting": 0, "max_concurrency": 4, "queue_size": 20},
    "engines": {"perchance": {"state": "ready"}},
    "storage": "local",
}
MODELS = {"models": [{"name": "perchance", "description": "A stand-in.", "answers_auto": True, "state": "ready"}]}


def reply(status: int, body: object, **headers: str) -> bytes:
    """Return a whole response of a render worker; an underscore in a header's name is a hyphen."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    own = {"Content-Type": "application/json", SERVICE_HEADER: SERVICE, "Content-Length": str(len(data))}
    given = {**own, **{name.replace("_", "-"): text for name, text in headers.items()}}
    lines = "".join(f"{name}: {text}\r\n" for name, text in given.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + data


def failure(code: str, status: int = 503) -> bytes:
    """Return an error response of a render worker."""
    return reply(status, {"success": False, "error": "It did not work.", "code": code})


def named_result(recipe: dict[str, Any]) -> dict[str, object]:
    """Return the result of a recipe, whose picture is named by it."""
    name = hashlib.sha256(f"{recipe['prompt']}{recipe.get('seed')}{recipe['request_id']}".encode()).hexdigest()
    return result(recipe, name, len(PICTURE))


class StandIn(ThreadedServer):
    """Serves in a thread of its own. `seen` counts the requests by method and path."""

    options: ClassVar[dict[str, Any]] = {"backlog": 4096, "limit": 2**20}

    def __init__(self, port: int = 0, seconds: float = 0) -> None:
        """Serve on `port`, a free one if it is 0; a picture takes so many seconds."""
        super().__init__(port)
        self.seconds = seconds
        self.seen: Counter[str] = Counter()
        self._scripts: dict[str, Iterable[bytes]] = {}

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"

    def say(self, beginning: str, *pieces: bytes, times: Iterable[bytes] = ()) -> None:
        """Set the response to requests that begin so, such as `GET /images`: these bytes, and then a close.

        `times` go on after the pieces, without end if they have none.
        """
        self._scripts[beginning] = [*pieces] if not times else _joined(pieces, times)

    def posts(self) -> int:
        """Return how many pictures were requested."""
        return sum(count for what, count in self.seen.items() if what.startswith("POST /generate"))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other."""
        while await self._answered(reader, writer):
            pass

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Respond to one request; return whether the connection is kept."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next((line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-l")), "0")
        body = await reader.readexactly(int(length))
        method, path, _ = head.split(" ", 2)
        self.seen[f"{method} {path}"] += 1
        script = next((said for key, said in self._scripts.items() if f"{method} {path}".startswith(key)), None)
        if script is not None:
            for piece in script:
                writer.write(piece)
                await writer.drain()
            return False
        if method == "POST":
            await asyncio.sleep(self.seconds)
        writer.write(_usual(method, path, body))
        await writer.drain()
        return True


def _joined(pieces: tuple[bytes, ...], times: Iterable[bytes]) -> Iterable[bytes]:
    yield from pieces
    yield from times


def _usual(method: str, path: str, body: bytes) -> bytes:
    if method == "POST":
        recipe = json.JSONDecoder().raw_decode(body[body.index(b"{") :].decode(errors="replace"))[
            0
        ]  # a form's first part
        if recipe["model"] == REFUSED_MODEL:
            return failure("invalid_parameter", 400)
        return reply(200, named_result(recipe))
    if path.startswith("/images/"):
        answer = reply(200, PICTURE, Content_Type="image/png")
        return answer[: -len(PICTURE)] if method == "HEAD" else answer
    return reply(200, HEALTH if path == "/health" else MODELS)
