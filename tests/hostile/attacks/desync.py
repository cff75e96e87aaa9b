"""Request smuggling (HTTP desync): what follows an unread body must never be taken for a request."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.hostile.arena import TOKEN, Arena, Verdict, attack
from tests.hostile.proxy import KeepAliveProxy
from tests.hostile.wire import Connection, Tally, request

CLIENTS = 12
SETTLED_SECONDS = 0.5  # until the proxy has passed it on
VICTIMS = 20
READ_SECONDS = 1  # READ_TIMEOUT_SECONDS of the servers
RESPONSE_SECONDS = 6.0
SMUGGLED = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
SIGN = b'"version"'  # of its response, and of no other here
FOLLOWING = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
GENERATE = {
    "api": ["POST /generate", "POST /v1/images/generate", "POST /v1/images/generations", "POST /v1/txt2img"],
    "worker": ["POST /generate"],
}
REFUSED = ["GET /models", "POST /models", "PUT /generate", "POST /nothing", "POST /images/x", "DELETE /images/x"]
SOCKET = "GET /stream/generate/txt2img"
TOO_LARGE = 200_000
BEGUN = SMUGGLED  # what had been read of a body may be taken for a request, as well as what comes later


@dataclass(frozen=True)
class Case:
    """A request whose body holds SMUGGLED: `first` is sent at once, `rest` after the response to it."""

    name: str
    first: bytes
    rest: bytes


def cases(tier: str) -> Iterator[Case]:
    """Yield every route and refusal, by length and by chunks, in pieces and in one."""
    authorized = {"Authorization": f"Bearer {TOKEN}"} if tier == "worker" else {}
    targets = [(it, authorized) for it in (*GENERATE[tier], *REFUSED)]
    targets += [("POST /generate", {})] if tier == "worker" else [(SOCKET, {"Upgrade": "websocket"})]
    for target, headers in targets:
        for more in ({}, {"Expect": "100-continue"}):
            label = f"{target}{' expect' if more else ''}{'' if headers or tier == 'api' else ' without a token'}"
            yield _by_length(label, target, {**headers, **more})
            yield _by_chunks(label, target, {**headers, **more})
    for target in GENERATE[tier]:
        yield from _broken(target, authorized)


def _head(target: str, headers: dict[str, str], framing: str) -> bytes:
    method, path = target.split(" ")
    return request(method, path, Content_Type="application/json", **headers)[:-2] + f"{framing}\r\n\r\n".encode()


def _by_length(label: str, target: str, headers: dict[str, str]) -> Case:
    framing = f"Content-Length: {len(BEGUN) + len(SMUGGLED)}"
    return Case(f"{label}, length", _head(target, headers, framing) + BEGUN, SMUGGLED)


def _by_chunks(label: str, target: str, headers: dict[str, str]) -> Case:
    begun = f"{len(BEGUN) + len(SMUGGLED):x}\r\n".encode() + BEGUN
    return Case(
        f"{label}, chunks", _head(target, headers, "Transfer-Encoding: chunked") + begun, SMUGGLED + b"\r\n0\r\n\r\n"
    )


def _broken(target: str, headers: dict[str, str]) -> Iterator[Case]:
    chunked = _head(target, headers, "Transfer-Encoding: chunked")
    yield Case(f"{target}, no chunk's size", chunked + b"zz\r\n", SMUGGLED)
    yield Case(f"{target}, no chunk's size, in one", chunked + b"zz\r\n" + SMUGGLED, b"")
    yield Case(f"{target}, no end of a chunk", chunked + b"2\r\n{}zz" + SMUGGLED, b"")
    yield Case(f"{target}, a negative chunk", chunked + b"-5\r\n" + SMUGGLED, b"")
    large = b" " * TOO_LARGE
    length = _head(target, headers, f"Content-Length: {len(large) + len(SMUGGLED)}")
    yield Case(f"{target}, too large", length + large[:70_000], large[70_000:] + SMUGGLED)
    yield Case(f"{target}, too large, in one", length + large + SMUGGLED, b"")
    chunk = f"{len(large) + len(SMUGGLED):x}\r\n".encode() + large
    yield Case(f"{target}, too large, chunks", chunked + chunk, SMUGGLED + b"\r\n0\r\n\r\n")


def outcome(port: int, case: Case, tally: Tally) -> str:
    """Return what became of a case: `ended`, or what went wrong."""
    with Connection(port, seconds=RESPONSE_SECONDS) as connection:
        connection.send(case.first)
        response = tally.add(connection.final_response())
        if response is None:
            return "ended" if connection.ends(RESPONSE_SECONDS) else "unanswered"
        if SIGN in response.body:
            return "smuggled"
        connection.send(case.rest + FOLLOWING)
        if (second := connection.final_response(READ_SECONDS + 1.0)) is not None:
            return "smuggled" if SIGN in second.body else "kept open"
        if not response.closes:
            return "not said"
        return "ended" if connection.ends(RESPONSE_SECONDS) else "kept open"


def _judge(arena: Arena, port: int, tier: str) -> Verdict:
    found: dict[str, str] = {}

    def one(case: Case) -> tuple[str, str, Tally]:
        tally = Tally()
        return case.name, outcome(port, case, tally), tally

    with ThreadPoolExecutor(CLIENTS) as pool:
        for name, what, tally in pool.map(one, cases(tier)):
            found[name] = what
            arena.tally += tally
    counts = Counter(found.values())
    wrong = [f"{what}: {name}" for name, what in found.items() if what != "ended"]
    said = ", ".join(f"{count} {what}" for what, count in counts.most_common())
    return Verdict(not wrong, f"{said} of {len(found)}" + (f" ({wrong[0]})" if wrong else ""))


@attack(quick=True)
def unread_bodies(arena: Arena) -> Verdict:
    """Bodies at the API tier that come late, broken, too large or for a refusal, with a request inside."""
    server = arena.behind(arena.stand_in(), READ_TIMEOUT_SECONDS=READ_SECONDS)
    with arena.probed(server):
        return _judge(arena, server.port, "api")


@attack(quick=True)
def unread_bodies_worker(arena: Arena) -> Verdict:
    """Bodies at the render worker that come late, broken, too large or for a refusal, with a request inside."""
    server = arena.worker(READ_TIMEOUT_SECONDS=READ_SECONDS)
    with arena.probed(server):
        return _judge(arena, server.port, "worker")


@attack(quick=True)
def poisoned_proxy(arena: Arena) -> Verdict:
    """A late body with a request inside, through a proxy that keeps its connections: which client gets its response?"""
    api = arena.behind(arena.stand_in(), READ_TIMEOUT_SECONDS=READ_SECONDS)
    worker = arena.worker(READ_TIMEOUT_SECONDS=READ_SECONDS)
    poisoned = {name: _poisoned(arena.tally, server.port) for name, server in (("API", api), ("worker", worker))}
    said = ", ".join(f"{count} of {VICTIMS} other clients at the {name}" for name, count in poisoned.items())
    return Verdict(not any(poisoned.values()), f"{said} got an answer to another's request")


def _poisoned(tally: Tally, port: int) -> int:
    head = f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    length = f"Content-Length: {len(BEGUN) + VICTIMS * len(SMUGGLED)}\r\n\r\n"
    start = f"POST /generate HTTP/1.1\r\nHost: localhost\r\n{head}{length}".encode() + BEGUN
    wrong = 0
    with KeepAliveProxy(port) as proxy:
        with Connection(proxy.port) as attacker:
            attacker.send(start)
            tally.add(attacker.response())
            attacker.send(VICTIMS * SMUGGLED)
            time.sleep(SETTLED_SECONDS)
        for _ in range(VICTIMS):
            with Connection(proxy.port, seconds=RESPONSE_SECONDS) as victim:
                victim.send(request("GET", "/nothing"))
                response = tally.add(victim.response())
                wrong += response is not None and SIGN in response.body
    return wrong


@attack(quick=True)
def late_body(arena: Arena) -> Verdict:
    """A body that does not come: the documented answer is 408 `request_timeout`."""
    server = arena.behind(arena.stand_in(), READ_TIMEOUT_SECONDS=READ_SECONDS)
    late = [make(target, target, {}) for target in GENERATE["api"] for make in (_by_length, _by_chunks)]
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(Connection(server.port)) for _ in late]
        for connection, case in zip(connections, late, strict=True):
            connection.send(case.first)
        responses = [arena.tally.add(connection.response()) for connection in connections]
    said = Counter(f"{response.status} {response.code}" if response else "no answer" for response in responses)
    held = set(said) == {"408 request_timeout"}
    return Verdict(held, ", ".join(f"{count} times {what}" for what, count in said.items()))


@attack(quick=True)
def broken_promise(arena: Arena) -> Verdict:
    """A body beyond 64 KiB to the worker: does it keep a connection of which it said so?"""
    server = arena.worker()
    kept = broken = 0
    body = b" " * (64 * 1024 + 100)
    for size in (len(body), 40 * 1024, 2 * len(body)):
        with Connection(server.port) as connection:
            connection.send(request("POST", "/generate", (2 * body)[:size], Authorization=f"Bearer {TOKEN}") + SMUGGLED)
            first = arena.tally.add(connection.response())
            second = arena.tally.add(connection.response(2)) if first and not first.closes else None
            kept += second is not None
            broken += first is not None and not first.closes and second is None
    return Verdict(not broken, f"{broken} of 3 connections ended although they were said to be kept")
