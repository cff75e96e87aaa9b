"""`python -m bench.open_loop PORT`: an open loop, which sends requests at its pace however late responses are.

It submits jobs and asks for /health beside, on connections that it keeps, and prints what came of each kind as JSON. A
latency counts from the moment at which its request was due.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from bench.clients import content_length, get, post

PATIENCE_SECONDS = 20.0  # for the last responses
GOOD = ("200", "202")
CONNECTIONS = {"submits": 64, "health": 4}
PROMPT = "a lighthouse at night, the sea below it, a very long and detailed prompt " * 2


@dataclass
class Sent:
    """What came of the requests of one kind."""

    milliseconds: list[float] = field(default_factory=list)
    """Of those with a good response."""
    bad: list[str] = field(default_factory=list)
    """The statuses of the others, and errors."""
    unanswered: int = 0
    seconds: float = 0.0
    """Until the last response."""


@dataclass(frozen=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, request: bytes) -> str:
        """Return the status of the response."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        await self.reader.readexactly(content_length(head))
        return head[9:12].decode()


async def _send(port: int, kind: str, request: Callable[[int], bytes], rate: float, seconds: float) -> Sent:
    """Send so many requests a second, each by the connection that has been free for the longest."""
    sent, free = Sent(), asyncio.Queue[_Connection]()
    for _ in range(CONNECTIONS[kind]):
        free.put_nowait(_Connection(*await asyncio.open_connection("127.0.0.1", port)))

    async def one(number: int, due: float) -> None:
        connection = await free.get()
        status = await connection.ask(request(number))
        free.put_nowait(connection)
        if status in GOOD:
            sent.milliseconds.append((time.perf_counter() - due) * 1000)
        else:
            sent.bad.append(status)

    begun = time.perf_counter()
    tasks = []
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(number, due)))
    if tasks:
        _, unanswered = await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
        sent.unanswered = len(unanswered)
    sent.seconds = time.perf_counter() - begun
    return sent


def _submit(number: int) -> bytes:
    body = json.dumps({"prompt": f"{PROMPT}{number}"}).encode()
    return post("/api/v1/generate", body, Idempotency_Key=f"{time.time_ns()}-{number}")


async def main() -> None:
    """Send both kinds, and print their figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.open_loop", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--submits", type=float, default=500, help="a second (500)")
    parser.add_argument("--health", type=float, default=50, help="a second (50)")
    parser.add_argument("--seconds", type=float, default=30, help="of sending (30)")
    given = parser.parse_args()
    submits, health = await asyncio.gather(
        _send(given.port, "submits", _submit, given.submits, given.seconds),
        _send(given.port, "health", lambda _: get("/health"), given.health, given.seconds),
    )
    json.dump({"submits": asdict(submits), "health": asdict(health)}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
