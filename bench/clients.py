"""Callers on connections that they keep, light enough to keep a server busy from one core."""

import asyncio
import time

from bench.load import Load


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.split(b"\r\n", 1)[0].decode())
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    await reader.readexactly(length)


async def _drive(port: int, request: bytes, count: int, callers: int) -> Load:
    left = iter(range(count))
    waits: list[float] = []

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            begun = time.monotonic()
            await _ask(reader, writer, request)
            waits.append((time.monotonic() - begun) * 1000)
        writer.close()

    begun = time.monotonic()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return Load(time.monotonic() - begun, waits)


def drive(port: int, request: bytes, count: int, callers: int) -> Load:
    """Have so many callers send the request so often in all; RuntimeError where it is not answered with 200."""
    return asyncio.run(_drive(port, request, count, callers))


def get(path: str) -> bytes:
    """A GET, as bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n".encode()


def post(path: str, body: bytes, **headers: str) -> bytes:
    """A POST of JSON, as bytes."""
    more = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
