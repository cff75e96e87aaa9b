"""`python -m tests.hostile.probe 8000`: ask /health twenty times a second until standard input ends.

A question is asked whether or not those before it were answered, each on a connection of its own, so that a server
that is silent for ten seconds is seen two hundred times. Prints the milliseconds of each as JSON; of one that was not
answered those that it waited.
"""

import asyncio
import json
import sys
import time

from tests.hostile.wire import LOOPBACK, parse, request

PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 15.0
GRACE_SECONDS = 1.0
QUESTION = request("GET", "/health", Connection="close")


async def _question(port: int, waits: list[tuple[bool, float]]) -> None:
    begun = time.monotonic()
    answered = False
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(QUESTION)
                found = parse(await reader.read(), ended=True)
                answered = found is not None and found[0].status == 200
            finally:
                writer.close()
    except (OSError, TimeoutError):
        pass
    finally:
        waits.append((answered, (time.monotonic() - begun) * 1000))


async def probe(port: int) -> dict[str, object]:
    """Return the milliseconds of every question, and how many were not answered with 200."""
    over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    waits: list[tuple[bool, float]] = []
    asked: set[asyncio.Task[None]] = set()
    while not over.done():
        asked.add(asyncio.create_task(_question(port, waits)))
        await asyncio.sleep(PAUSE_SECONDS)
    _, late = await asyncio.wait(asked, timeout=GRACE_SECONDS)
    for question in late:
        question.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return {"milliseconds": [round(wait, 1) for _, wait in waits], "unanswered": sum(not it for it, _ in waits)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(probe(int(sys.argv[1])))))
