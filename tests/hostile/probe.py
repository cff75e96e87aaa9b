"""`python -m tests.hostile.probe 8000`: ask /health twenty times a second until standard input ends.

Requests do not wait for the responses to earlier ones, and each has a connection of its own, so that a server that is
silent for ten seconds is seen two hundred times. Prints the latencies in milliseconds as JSON; if a request got no
response, the time that it waited.
"""

import asyncio
import json
import sys
import time

from tests.hostile.wire import LOOPBACK, parse, request

PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 15.0
GRACE_SECONDS = 1.0
REQUEST = request("GET", "/health", Connection="close")


async def _probe_once(port: int, waits: list[tuple[bool, float]]) -> None:
    begun = time.monotonic()
    answered = False
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(REQUEST)
                found = parse(await reader.read(), ended=True)
                answered = found is not None and found[0].status == 200
            finally:
                writer.close()
    except (OSError, TimeoutError):
        pass
    finally:
        waits.append((answered, (time.monotonic() - begun) * 1000))


async def probe(port: int) -> dict[str, object]:
    """Return the latency of every request in milliseconds, and how many did not get a 200."""
    over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    waits: list[tuple[bool, float]] = []
    sent: set[asyncio.Task[None]] = set()
    while not over.done():
        sent.add(asyncio.create_task(_probe_once(port, waits)))
        await asyncio.sleep(PAUSE_SECONDS)
    _, late = await asyncio.wait(sent, timeout=GRACE_SECONDS)
    for probe_task in late:
        probe_task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return {"milliseconds": [round(wait, 1) for _, wait in waits], "unanswered": sum(not it for it, _ in waits)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(probe(int(sys.argv[1])))))
