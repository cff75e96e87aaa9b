"""Clients on connections that they keep, light enough to keep a server busy from one core."""

import asyncio
import time

from bench.load import Load


def content_length(head: bytes) -> int:
    """Return the Content-Length of a message's head; 0 if it has none."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
        raise RuntimeError(head.split(b"\r\n", 1)[0].decode())
    await reader.readexactly(content_length(head))


async def _drive(port: int, request: bytes, count: int, clients: int) -> Load:
    left = iter(range(count))
    waits: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            begun = time.monotonic()
            await _ask(reader, writer, request)
            waits.append((time.monotonic() - begun) * 1000)
        writer.close()

    begun = time.monotonic()
    await asyncio.gather(*(client() for _ in range(clients)))
    return Load(time.monotonic() - begun, waits)


def drive(port: int, request: bytes, count: int, clients: int) -> Load:
    """Send the request `count` times from that many clients at once; RuntimeError unless each gets 200 or 202."""
    return asyncio.run(_drive(port, request, count, clients))


def get(path: str, **headers: str) -> bytes:
    """Return a GET, as bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n{_lines(headers)}\r\n".encode()


def post(path: str, body: bytes, **headers: str) -> bytes:
    """Return a POST of JSON, as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{_lines(headers)}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _lines(headers: dict[str, str]) -> str:
    return "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
