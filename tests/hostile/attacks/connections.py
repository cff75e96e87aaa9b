"""Slow-client (slowloris) attacks: connections that request nothing; /health must be served beside them."""

import contextlib
import errno
import select
import socket
import time
from collections.abc import Iterator

from tests.fakes.processes import Server
from tests.hostile.arena import Arena, Verdict, attack
from tests.hostile.wire import LOOPBACK, Connection, ask, parse, raise_file_limit, request

SOURCES = [f"127.0.0.{last}" for last in range(2, 10)]
CONNECTIONS = 5000
SOCKETS = 3500
SHARE = 100  # MAX_STREAMS_PER_CLIENT
IDLE_SECONDS = 30
HOLD_SECONDS = 5.0
AT_ONCE = 200  # connections in the making, fewer than the kernel queues
MAX_MS = 500.0
RESPONSE_SECONDS = 10.0
QUIET_LOOKS = 4  # a quarter of a second each without a further response
HANDSHAKE = request(
    "GET",
    "/stream/generate/txt2img",
    Upgrade="websocket",
    Connection="Upgrade",
    Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
    Sec_WebSocket_Version="13",
)
STREAM = request("GET", "/generate?prompt=a", Accept="text/event-stream")


@contextlib.contextmanager
def crowd(port: int, count: int, sources: list[str], greeting: bytes, seconds: float = 5.0) -> Iterator[list]:
    """Hold `count` connections that send the greeting and nothing more; yield those that were accepted."""
    raise_file_limit()
    held: list[socket.socket] = []
    end = time.monotonic() + seconds
    try:
        while len(held) < count and time.monotonic() < end:
            fresh = [_begun(port, sources[number % len(sources)]) for number in range(min(AT_ONCE, count - len(held)))]
            held += fresh
            for link in _established(fresh, min(1.0, max(0.1, end - time.monotonic()))):
                with contextlib.suppress(OSError):
                    link.send(greeting)
        yield held
    finally:
        for link in held:
            link.close()


def _begun(port: int, source: str) -> socket.socket:
    link = socket.socket()
    link.setblocking(False)
    link.bind((source, 0))
    if link.connect_ex((LOOPBACK, port)) not in (0, errno.EINPROGRESS):
        raise ConnectionError("the kernel takes no more connections")
    return link


def _established(links: list[socket.socket], seconds: float) -> list[socket.socket]:
    poller = select.poll()
    waiting = {link.fileno(): link for link in links}
    for number in waiting:
        poller.register(number, select.POLLOUT)
    end, there = time.monotonic() + seconds, []
    while waiting and time.monotonic() < end:
        for number, _ in poller.poll(100):
            poller.unregister(number)
            there.append(waiting.pop(number))
    return there


def verdict(arena: Arena, held: int) -> Verdict:
    """Return the verdict on /health beside `held` connections."""
    p99 = arena.p99 or 0.0
    good = arena.unanswered == 0 and p99 < MAX_MS
    value = f"/health p99 {p99:.0f} ms, {arena.unanswered} of {len(arena.waits)} unanswered, beside {held} connections"
    return Verdict(good, value)


def _beside(arena: Arena, server: Server, greeting: bytes) -> Verdict:
    with arena.probed(server):
        with crowd(server.port, CONNECTIONS, SOURCES, greeting) as held:
            arena.tally.requests += len(held)
            time.sleep(HOLD_SECONDS)
            count = len(held)
    return verdict(arena, count)


@attack()
def idle_connections(arena: Arena) -> Verdict:
    """5,000 connections to the API tier from eight addresses, which send nothing."""
    return _beside(arena, arena.behind(arena.stand_in()), b"")


@attack()
def half_requests(arena: Arena) -> Verdict:
    """5,000 connections to the API tier with half a request each."""
    return _beside(arena, arena.behind(arena.stand_in()), b"POST /generate HTTP/1.1\r\nHost: loc")


@attack()
def kept_connections(arena: Arena) -> Verdict:
    """5,000 connections to the API tier, each kept alive after an answer."""
    server = arena.behind(arena.stand_in())
    with crowd(server.port, CONNECTIONS, SOURCES, request("GET", "/v1/styles")) as held:
        arena.tally.requests += len(held)
        before = with_response(held)
        with arena.probed(server):
            time.sleep(HOLD_SECONDS)
    seen = verdict(arena, len(held))
    return Verdict(seen.held, f"{seen.value}, {before} of them answered before")


def with_response(links: list[socket.socket]) -> int:
    """Wait until no further response comes; return how many connections have one. A flood's cost is not measured."""
    end, waiting, quiet = time.monotonic() + RESPONSE_SECONDS, list(links), 0
    while waiting and quiet < QUIET_LOOKS and time.monotonic() < end:
        time.sleep(0.25)
        left = [link for link in waiting if not _has_data(link)]
        quiet = quiet + 1 if len(left) == len(waiting) else 0
        waiting = left
    return len(links) - len(waiting)


def _has_data(link: socket.socket) -> bool:
    try:
        return bool(link.recv(1, socket.MSG_PEEK))
    except OSError:
        return False


@attack()
def idle_connections_worker(arena: Arena) -> Verdict:
    """5,000 connections to the render worker, which send nothing."""
    return _beside(arena, arena.worker(), b"")


@attack()
def half_requests_worker(arena: Arena) -> Verdict:
    """5,000 connections to the render worker with half a request each."""
    return _beside(arena, arena.worker(), b"POST /generate HTTP/1.1\r\nHost: loc")


@attack()
def idle_websockets(arena: Arena) -> Verdict:
    """3,500 WebSockets of one client that stay silent: how many it gets, and for how long."""
    server = arena.behind(arena.stand_in())
    with crowd(server.port, SOCKETS, SOURCES[:1], HANDSHAKE) as held:
        arena.tally.requests += len(held)
        begun = time.monotonic()
        with_response(held)
        opened = _opened(held)
        with arena.probed(server):
            ended = _ended(opened, begun + IDLE_SECONDS + 5)
        waited = time.monotonic() - begun
    seen = verdict(arena, len(held))
    good = seen.held and len(opened) == SHARE and ended == len(opened)
    return Verdict(good, f"{len(opened)} opened, {ended} of them ended within {waited:.0f} s; {seen.value}")


def _opened(links: list[socket.socket]) -> list[socket.socket]:
    """Return the connections whose handshake was accepted."""
    accepted = []
    for link in links:
        with contextlib.suppress(OSError):
            found = parse(link.recv(4096))
            if found and found[0].status == 101:
                accepted.append(link)
    return accepted


def _ended(links: list[socket.socket], until: float) -> int:
    """Return how many the server closes until a moment of the monotonic clock; pings get no pong."""
    open_links = list(links)
    while open_links and time.monotonic() < until:
        time.sleep(0.5)
        open_links = [link for link in open_links if not _is_over(link)]
    return len(links) - len(open_links)


def _is_over(link: socket.socket) -> bool:
    try:
        data = link.recv(4096)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return not data or data[0] == 0x88  # a closing frame


@attack(quick=True)
def many_websockets(arena: Arena) -> Verdict:
    """150 WebSockets of one client: how many it gets, and another one."""
    server = arena.behind(arena.stand_in())
    opened = 0
    with contextlib.ExitStack() as stack:
        for _ in range(150):
            link = stack.enter_context(Connection(server.port, SOURCES[0]))
            link.send(HANDSHAKE)
            response = arena.tally.add(link.response())
            opened += response is not None and response.status == 101
        other = arena.tally.add(ask(server.port, HANDSHAKE, SOURCES[1]))
    good = opened == SHARE and other is not None and other.status == 101
    return Verdict(good, f"{opened} of 150 opened, another client got {other.status if other else 'no response'}")


@attack(quick=True)
def many_streams(arena: Arena) -> Verdict:
    """150 event streams of one client while a picture takes its time: how many it gets, and another one."""
    server = arena.behind(arena.stand_in(seconds=6))
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(Connection(server.port, SOURCES[0])) for _ in range(150)]
        for link in links:
            link.send(STREAM)
        opened = sum(_is_stream(link) for link in links)
        with Connection(server.port, SOURCES[1]) as other:
            other.send(STREAM)
            another = _is_stream(other)
    arena.tally.requests += len(links) + 1
    return Verdict(
        opened == SHARE and another, f"{opened} of 150 opened, another client {'got' if another else 'lost'} its"
    )


def _is_stream(link: Connection) -> bool:
    """Return whether the response begins as a stream, which ends much later."""
    with contextlib.suppress(OSError):
        return b"text/event-stream" in link.socket.recv(4096)
    return False


@attack(quick=True)
def forged_addresses(arena: Arena) -> Verdict:
    """150 WebSockets of one client that invents addresses in X-Forwarded-For, through a trusted proxy."""
    try:
        server = arena.behind(arena.stand_in(), TRUSTED_PROXIES="loopback")
    except AssertionError:  # it does not start
        return Verdict(False, "TRUSTED_PROXIES knows no names, and clients have no shares")
    opened = 0
    with contextlib.ExitStack() as stack:
        for number in range(150):
            link = stack.enter_context(Connection(server.port))
            forged = f"X-Forwarded-For: 198.51.100.{number}, 203.0.113.7\r\n\r\n".encode()
            link.send(HANDSHAKE[:-2] + forged)
            response = arena.tally.add(link.response())
            opened += response is not None and response.status == 101
    return Verdict(opened == SHARE, f"{opened} of 150 opened")
