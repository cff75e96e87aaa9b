"""Clients that send as fast as they can, beside one that does not: how long that one waits."""

import asyncio
import itertools
import json
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import requests

from tests.fakes.processes import Server
from tests.hostile.arena import Arena, Verdict, attack
from tests.hostile.wire import Response, Tally, ask, close, exchange, flood, request

CLIENTS = 32
CONNECTIONS = 4  # of each, and on each a request in flight all the time
PICTURE_SECONDS = 4.0  # so that two cores carry it all: encoding a picture takes half a second of one
SLOTS = 4
ASKED = 20
TIMES = 2  # as long as at an idle service a polite client may wait
SETTLED_SECONDS = 8.0  # until slots and queues are full
PATIENCE_SECONDS = 60.0
PHASE_SECONDS = 300.0  # what the polite client has not sent by then counts as never made
ALLOWANCE = 360  # in ten minutes: each of the polite client's 41 pictures counts six times, at over five cents
POLL_SECONDS = 0.05
POLITE = "198.51.100.200"
ALLOWED, BEYOND = 2, 50  # requests of each client
MOST_OF_A_PICTURE = 0.05

Ask = Callable[[Server, int], Response | None]
"""Has a polite client's picture made, by its number; returns the response that has it."""


def _service(arena: Arena, **environment: Any) -> Server:
    """Start both tiers behind a trusted proxy, with an engine whose pictures take PICTURE_SECONDS each."""
    site = arena.sandbox()
    requests.post(f"{site.url}/sandbox", json={"delay": PICTURE_SECONDS}, timeout=5).raise_for_status()
    engine = {"ENGINES": "openai", "ENGINE_CONCURRENCY": SLOTS, **site.pointers("openai"), **site.keys("openai")}
    return arena.behind(arena.worker(**engine), TRUSTED_PROXIES="loopback", **environment)


def _picture(client: str, number: int) -> bytes:
    return request("GET", f"/generate?prompt={client}+{number}", X_Forwarded_For=client)


def _job(client: str, number: int) -> bytes:
    body = json.dumps({"prompt": f"{client} {number}"}).encode()
    return request("POST", "/api/v1/generate", body, X_Forwarded_For=client)


class _RudeClients(threading.Thread):
    """CLIENTS clients with CONNECTIONS each, which send the next request at once, while it is entered."""

    def __init__(self, server: Server, of: Callable[[str, int], bytes]) -> None:
        super().__init__(name="rude-clients", daemon=True)
        self._port, self._of = server.port, of
        self._over = threading.Event()
        self.tally = Tally()

    def __enter__(self) -> Self:
        self.start()
        time.sleep(SETTLED_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(PATIENCE_SECONDS)

    def run(self) -> None:
        """Send until it is left."""
        asyncio.run(self._send_all())

    async def _send_all(self) -> None:
        clients = [f"198.51.100.{number}" for number in range(CLIENTS)]
        numbers = {client: itertools.count() for client in clients}
        await asyncio.gather(*(self._send(it, numbers[it]) for it in clients for _ in range(CONNECTIONS)))

    async def _send(self, client: str, numbers: Iterator[int]) -> None:
        link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self._over.is_set():
            link = link or await asyncio.open_connection("127.0.0.1", self._port)
            response = self.tally.add(await exchange(*link, self._of(client, next(numbers)), PATIENCE_SECONDS))
            if response is None or response.closes:
                await close(link[1])
                link = None
        if link:
            await close(link[1])


def _ask(server: Server, number: int) -> Response | None:
    return ask(server.port, _picture(POLITE, number), seconds=PATIENCE_SECONDS)


def _ask_for_job(server: Server, number: int) -> Response | None:
    """Submit a job, and return its last state; None if it does not complete."""
    response = ask(server.port, _job(POLITE, number), seconds=PATIENCE_SECONDS)
    if response is None or response.status != 202:
        return response
    path = f"/api/v1/status/{json.loads(response.body)['job_id']}"
    end = time.monotonic() + PATIENCE_SECONDS
    while response and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
        response = ask(server.port, request("GET", path, X_Forwarded_For=POLITE), seconds=PATIENCE_SECONDS)
        if response and json.loads(response.body).get("status") not in ("pending", "processing"):
            return response if json.loads(response.body).get("status") == "completed" else None
    return None


def _waits(arena: Arena, server: Server, send: Ask, numbers: range) -> list[float]:
    """Return how long the polite client waits for each of its pictures, in seconds; without end for one not made."""
    waits, end = [], time.monotonic() + PHASE_SECONDS
    for number in numbers:
        begun = time.monotonic()
        response = arena.tally.add(send(server, number)) if begun < end else None
        waits.append(time.monotonic() - begun if response and response.status == 200 else math.inf)
        time.sleep(random.uniform(0, PICTURE_SECONDS / 2) if begun < end else 0)
    return waits


def judged(idle: list[float], beside: list[float], rude: Tally) -> Verdict:
    """Return whether a polite client's p95 `beside` rude ones is at most TIMES that at the `idle` service.

    A picture that is not made at the idle service leaves nothing to compare with, so that no verdict is good.
    """
    before, p95 = _p95(idle), _p95(beside)
    sent = ", ".join(f"{count} times {code}" for code, count in rude.outcomes.most_common(3))
    said = f"p95 {p95:.2f} s, {before:.2f} s at the idle service; the rude ones got {sent or 'nothing'}"
    lost = [sum(map(math.isinf, waits)) for waits in (idle, beside)]
    if any(lost):
        said += f"; not made: {lost[0]} of {len(idle)} at the idle service, {lost[1]} of {len(beside)} beside them"
    return Verdict(not lost[0] and p95 <= TIMES * before < math.inf and rude.requests > 0, said)


def _p95(waits: list[float]) -> float:
    return sorted(waits)[math.ceil(len(waits) * 0.95) - 1] if waits else math.inf


def _verdict(arena: Arena, server: Server, send: Ask, of: Callable[[str, int], bytes]) -> Verdict:
    _waits(arena, server, send, range(-1, 0))  # what is loaded with the first picture
    idle = _waits(arena, server, send, range(ASKED))
    with _RudeClients(server, of) as rude:
        beside = _waits(arena, server, send, range(ASKED, 2 * ASKED))
    arena.tally += rude.tally
    return judged(idle, beside, rude.tally)


@attack()
def rude_clients(arena: Arena) -> Verdict:
    """32 clients with four requests in flight each, without RATE_LIMIT: how long a polite client waits."""
    return _verdict(arena, _service(arena, RATE_LIMIT="off"), _ask, _picture)


@attack()
def rude_clients_limited(arena: Arena) -> Verdict:
    """The same 32 clients with RATE_LIMIT on: how long a polite client waits."""
    return _verdict(arena, _service(arena, RATE_LIMIT=f"{ALLOWANCE} per 10 minutes"), _ask, _picture)


@attack()
def rude_jobs(arena: Arena) -> Verdict:
    """32 clients that submit jobs as fast as they can: how long a polite client waits for its own."""
    return _verdict(arena, _service(arena, RATE_LIMIT="off"), _ask_for_job, _job)


def _processor_seconds(*servers: Server) -> float:
    times = [process.cpu_times() for server in servers for process in server.tree()]
    return sum(it.user + it.system for it in times)


def _sketch(client: str, number: int) -> bytes:
    path = f"/generate?prompt={client}+{number}&model=sketch&width=512&height=512"
    return request("GET", path, X_Forwarded_For=client)


@attack(quick=True)
def hammered_limits(arena: Arena) -> Verdict:
    """32 clients far beyond their RATE_LIMIT: what one of their requests costs, beside a small sketch."""
    worker = arena.worker()
    server = arena.behind(worker, TRUSTED_PROXIES="loopback", RATE_LIMIT=f"{ALLOWED} per 10 minutes")
    clients = [f"198.51.100.{number}" for number in range(CLIENTS)]
    arena.tally += flood(server.port, [_sketch(POLITE, 0)])  # what is loaded with the first picture
    begun = _processor_seconds(server, worker)
    made = flood(server.port, [_sketch(client, number) for client in clients for number in range(ALLOWED)], 4)
    between = _processor_seconds(server, worker)
    refused = flood(server.port, [_sketch(client, 9 + number) for number in range(BEYOND) for client in clients])
    ended = _processor_seconds(server, worker)
    arena.tally += made
    arena.tally += refused
    picture, refusal = (between - begun) / made.requests, (ended - between) / refused.requests
    said = f"{1000 * refusal:.1f} ms of the processors, a sketch {1000 * picture:.0f} ms; {dict(refused.outcomes)}"
    held = refused.outcomes == {"429 rate_limited": refused.requests} and made.outcomes == {"200": made.requests}
    return Verdict(held and refusal <= MOST_OF_A_PICTURE * picture, said)
