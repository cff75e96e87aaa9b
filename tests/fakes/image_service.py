"""`python -m tests.fakes.image_service --port 8003 --ledger FILE`: a service of OpenAI's images API, with a ledger.

It outlives what asks it, and writes down each request as it begins and ends: `begun`, then `made`, `failed`, `refused`
or, if its client left, `left`. The key that it is asked with names the client. A prompt says what comes of it:
`refused` is declined, of `flaky` the first request fails, and of `takes 30` it takes 30 seconds.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import random
import re
import subprocess
import sys
import time
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from struct import pack
from typing import Any, Self

from tests.fakes.processes import ROOT, free_port, wait_until

KIND = "vllm-omni"
"""The OPENAI_KIND of it: without a model, and with images/edits."""
REFUSED = (
    400,
    {"error": {"message": "Declined.", "type": "invalid_request_error", "code": "content_policy_violation"}},
)
FAILED = (200, {"created": 1, "data": []})
OPTIONS: dict[str, Any] = {"backlog": 1024, "limit": 2**24}
END_OF_HEAD = b"\r\n\r\n"

Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class Entry:
    """A line of the ledger."""

    event: str
    number: int
    """Of the request."""
    prompt: str
    client: str
    at: float
    """The time, in seconds since the epoch."""


class ImageService:
    """The service as a process, which a test starts and reads the ledger of."""

    def __init__(self, folder: Path, seconds: tuple[float, float] = (0.5, 1.0)) -> None:
        """Serve with the ledger in `folder`; a picture takes from and to so many seconds."""
        self.port = free_port()
        self.ledger = folder / f"ledger-{self.port}"
        self._seconds = [str(it) for it in seconds]

    def environment(self, client: str) -> dict[str, Any]:
        """Return the settings of a render worker that asks it under this name."""
        base = f"http://127.0.0.1:{self.port}/v1"
        return {"ENGINES": "openai", "OPENAI_BASE_URL": base, "OPENAI_KIND": KIND, "OPENAI_API_KEY": client}

    def __enter__(self) -> Self:
        command = ["-m", __name__, "--port", str(self.port), "--ledger", str(self.ledger), "--seconds", *self._seconds]
        self._process = subprocess.Popen([sys.executable, *command], cwd=ROOT)
        wait_until(self.ledger.exists, "the image service")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def entries(self) -> list[Entry]:
        """Return what it has written down."""
        return [Entry(**json.loads(line)) for line in self.ledger.read_text().splitlines()]

    def in_flight(self, *clients: str) -> int:
        """Return how many requests of some clients have begun and not ended; of all, if none is named."""
        entries = [it for it in self.entries() if not clients or it.client in clients]
        return sum(1 if it.event == "begun" else -1 for it in entries)


class _Service:
    """What the process does with its requests. Each event is in the ledger before it is told of."""

    def __init__(self, ledger: Path, seconds: tuple[float, float]) -> None:
        self._ledger = ledger
        self._seconds = seconds
        self._count = 0
        self._of_prompt: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, until it ends."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(END_OF_HEAD)).decode("latin-1").lower()
                body = await reader.readexactly(int(_header(head, "content-length") or 0))
                making = asyncio.create_task(self._answer(head, body))
                await _until_done_or_left(making, reader)
                writer.write(_response(*await making))
                await writer.drain()
        writer.close()

    async def _answer(self, head: str, body: bytes) -> Answer:
        self._count += 1
        number, fields = self._count, _fields(_header(head, "content-type"), body)
        prompt = fields["prompt"]
        client = _header(head, "authorization").removeprefix("bearer ")

        def note(event: str) -> None:
            entry = {"event": event, "number": number, "prompt": prompt, "client": client, "at": time.time()}
            with self._ledger.open("a") as file:
                file.write(json.dumps(entry) + "\n")

        note("begun")
        self._of_prompt[prompt] += 1
        is_first = self._of_prompt[prompt] == 1
        try:
            await asyncio.sleep(self._seconds_of(prompt, is_first))
        except asyncio.CancelledError:
            note("left")
            raise
        if "refused" in prompt:
            note("refused")
            return REFUSED
        if "flaky" in prompt and is_first:
            note("failed")
            return FAILED
        note("made")
        width, height = map(int, fields["size"].split("x"))
        return 200, {"created": 1, "data": [{"b64_json": base64.b64encode(png(width, height)).decode()}]}

    def _seconds_of(self, prompt: str, is_first: bool) -> float:
        """Return how long a picture takes."""
        if "refused" in prompt:
            return 0.0
        said = re.search(r"takes (\d+)", prompt) if is_first else None
        return float(said[1]) if said else random.uniform(*self._seconds)


async def _until_done_or_left(making: "asyncio.Task[Answer]", reader: asyncio.StreamReader) -> None:
    """Wait for an answer. Raises IncompleteReadError if its client left before, and ends what it waited for."""
    leaving = asyncio.create_task(reader.read(1))  # a client sends nothing before it has its answer
    await asyncio.wait((making, leaving), return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await leaving
    if not making.done():
        making.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await making
        raise asyncio.IncompleteReadError(b"", 1)


def _header(head: str, name: str) -> str:
    found = re.search(rf"\r\n{name}:\s*([^\r]*)", head)
    return found[1] if found else ""


def _fields(content_type: str, body: bytes) -> dict[str, str]:
    """Return the fields of a body: of JSON, or the texts of a form that has a picture too."""
    if not content_type.startswith("multipart/form-data"):
        found: dict[str, str] = json.loads(body)
        return found
    parts = re.findall(rb'name="(\w+)"\r\n\r\n(.*?)\r\n--', body, re.DOTALL)
    return {name.decode(): text.decode() for name, text in parts}


def png(width: int, height: int) -> bytes:
    """Return a picture of two random colors, which no other picture has."""
    row = b"\0" + random.randbytes(3) * (width // 2) + random.randbytes(3) * (width - width // 2)
    parts = {
        b"IHDR": pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(row * height, 1),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(data)) + name + data + pack(">I", zlib.crc32(name + data)) for name, data in parts.items()
    )


def _response(status: int, document: dict[str, Any]) -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def main() -> None:
    """Serve until the process is ended; the ledger is there as soon as it does."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.image_service", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", type=Path, required=True, help="the file to append events to")
    parser.add_argument("--seconds", type=float, nargs=2, default=(0.5, 1.0), help="a picture takes (0.5 1.0)")
    given = parser.parse_args()
    service = _Service(given.ledger, tuple(given.seconds))
    server = await asyncio.start_server(service.serve, "127.0.0.1", given.port, **OPTIONS)
    given.ledger.touch()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
