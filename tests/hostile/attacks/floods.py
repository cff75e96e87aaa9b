"""Floods of cheap requests: what they log, what they evict, and what reaches the other tier."""

import json
import time

from tests.fakes.processes import Server
from tests.hostile.arena import Arena, Verdict, attack
from tests.hostile.stand_in import REFUSED_MODEL, StandIn, failure, reply
from tests.hostile.wire import Connection, ask, flood, request

EVENTS = "text/event-stream"
LOG_REQUESTS = 200
MAX_LOG_BYTES = 1000  # of one refused request, rate limits aside
REFUSALS = 4200
READY_REQUESTS = 2000
SHARED_SECONDS = 1.0  # minimum for which a response of /ready is shared
KNOWN = request("GET", "/generate?prompt=a&seed=7")
LOST = reply(404, {"success": False, "error": "Not Found.", "code": "not_found"})
LONG = 64 * 1024 - 100
# Each of 64 KB, and each refused somewhere else.
LINES = {
    "no request line": b"\x01" * LONG + b"\r\n\r\n",
    "no method": b"G\xff" + b"\\" * LONG + b" / HTTP/1.1\r\n\r\n",
    "no version": b"GET /" + b"\xe2" * LONG + b" HTTP/x\r\n\r\n",
    "no header": b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"\x02" * 8000 + b"\r\n\r\n",
    "no header's name": b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"a\\" * 4000 + b": b\r\n\r\n",
    "no length": b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"\\" * 8000 + b"\r\n\r\n",
    "no encoding": b"POST /generate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: " + b"\\" * 8000 + b"\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nHost: " + b"\\" * 8000 + b"\r\n\r\n",
    "no path": b"GET /" + b"%0a" * (LONG // 3) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


def _log_per_request(arena: Arena, server: Server) -> dict[str, int]:
    """Return the bytes that a request of each kind leaves in the log."""
    written = {}
    for name, data in LINES.items():
        before = server.log_file.stat().st_size
        for _ in range(LOG_REQUESTS // len(LINES)):
            with Connection(server.port) as connection:
                connection.send(data)
                arena.tally.add(connection.response(5))
        time.sleep(0.1)
        written[name] = (server.log_file.stat().st_size - before) // (LOG_REQUESTS // len(LINES))
    return written


@attack(quick=True)
def log_flood(arena: Arena) -> Verdict:
    """Refused requests of 64 KB at both tiers: what each leaves in the log."""
    most = {}
    for tier, server in (("API", arena.behind(arena.stand_in())), ("worker", arena.worker())):
        written = _log_per_request(arena, server)
        name = max(written, key=written.__getitem__)
        most[f"{tier}, {name}"] = written[name]
    said = "; ".join(f"{count:,} bytes a request ({what})" for what, count in most.items())
    return Verdict(max(most.values()) <= MAX_LOG_BYTES, said)


def _paced_log(server: Server, data: bytes, count: int) -> int:
    before = server.log_file.stat().st_size
    flood(server.port, [data] * count, 8)
    time.sleep(0.2)
    return (server.log_file.stat().st_size - before) // count


@attack(quick=True)
def warning_flood(arena: Arena) -> Verdict:
    """2,000 equal failures, whose warnings are to be limited to a rate: what each leaves in the log."""
    stand_in = arena.stand_in()
    stand_in.say("POST /generate", failure("engine_failed"))
    server = arena.behind(stand_in)
    line = request("GET", "/generate?prompt=a")
    written = _paced_log(server, line, 2000)
    arena.tally.requests += 2000
    return Verdict(written <= 20, f"{written} bytes a request")


def _picture(server: Server) -> str:
    """Request a picture, so that it is cached; return the path of its file."""
    response = ask(server.port, KNOWN)
    assert response is not None
    return "/" + json.loads(response.body)["image_url"].split("/", 3)[3]


def _remade(server: Server, stand_in: StandIn, path: str, times: int = 1) -> int:
    """Fetch a picture whose file is gone, `times` times; return how often it was made again."""
    stand_in.say("GET /images", LOST)
    before = stand_in.posts()
    flood(server.port, [request("GET", path)] * times, 1)
    return stand_in.posts() - before


@attack()
def cache_flood(arena: Arena) -> Verdict:
    """4,200 refused event streams: is a known picture still known, and a lost one remade?"""
    stand_in = arena.stand_in()
    server = arena.behind(stand_in)
    path = _picture(server)
    refused = request("GET", f"/generate?prompt=a&model={REFUSED_MODEL}", Accept=EVENTS)
    arena.tally += flood(server.port, [refused] * REFUSALS)
    again = ask(server.port, KNOWN)
    remade = _remade(server, stand_in, path)
    hit = again.headers.get("x-cache") if again else None
    return Verdict(
        hit == "HIT" and remade == 1, f"the known picture is a {hit}, the lost one was remade {remade} times"
    )


@attack()
def recipe_flood(arena: Arena) -> Verdict:
    """4,200 followed pictures: is an earlier one that got lost still remade?"""
    stand_in = arena.stand_in()
    server = arena.behind(stand_in)
    path = _picture(server)
    arena.tally += flood(server.port, [request("GET", "/generate?prompt=a", Accept=EVENTS)] * REFUSALS)
    remade = _remade(server, stand_in, path)
    return Verdict(remade == 1, f"remade {remade} times")


@attack(quick=True)
def ready_flood(arena: Arena) -> Verdict:
    """2,000 requests for /ready: how many reach the render worker."""
    stand_in = arena.stand_in()
    server = arena.behind(stand_in)
    begun = time.monotonic()
    arena.tally += flood(server.port, [request("GET", "/ready")] * READY_REQUESTS)
    reached = sum(count for what, count in stand_in.seen.items() if what.startswith("GET /"))
    allowed = 2 * (2 + int((time.monotonic() - begun) / SHARED_SECONDS))  # /health and /models
    return Verdict(reached <= allowed, f"{reached} requests at the worker of {READY_REQUESTS}")


@attack(quick=True)
def remake_flood(arena: Arena) -> Verdict:
    """A lost picture whose remaking fails, fetched ten times: how often is it tried?"""
    stand_in = arena.stand_in()
    server = arena.behind(stand_in)
    path = _picture(server)
    stand_in.say("POST /generate", failure("engine_failed"))
    made = _remade(server, stand_in, path, times=10)
    arena.tally.requests += 10
    return Verdict(made == 1, f"tried {made} times")
