"""Requests that wait: those of one client, connected or not, must not hold the slots of others."""

import contextlib
import socket
import time

from tests.fakes.processes import Server, free_port, wait_until
from tests.hostile.arena import Arena, Verdict, attack
from tests.hostile.attacks.connections import HOLD_SECONDS, crowd, verdict, with_response
from tests.hostile.wire import Connection, Tally, ask, request

ATTACKER, VICTIM = "127.0.0.2", "127.0.0.3"
MOST = 40  # MAX_GENERATIONS
SENT = 60
KEPT = 2  # abandoned requests a client
MOST_MIB = 200  # of the process that reads uploads
PIXEL = b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGM4IScHAAK2AQU0pnWqAAAAAElFTkSuQmCC"
PICTURE = b'{"image": "data:image/png;base64,%s"}' % PIXEL


def _hang_up(server: Server, tally: Tally) -> None:
    for number in range(SENT):
        with Connection(server.port, ATTACKER) as connection:
            connection.send(request("GET", f"/generate?prompt=a&seed={number}"))
            tally.requests += 1
            time.sleep(0.01)


def _victim(server: Server, tally: Tally) -> str:
    response = tally.add(ask(server.port, request("GET", "/generate?prompt=b"), VICTIM, 20.0))
    return f"{response.status} {response.code or ''}".strip() if response else "no answer"


@attack(quick=True)
def hang_ups(arena: Arena) -> Verdict:
    """60 requests at a MAX_GENERATIONS of 40, hung up on while the worker is away: another client, and what is made."""
    port = free_port()
    server = arena.api(PERCHANCE_WORKER_URL=f"http://127.0.0.1:{port}", MAX_GENERATIONS=MOST)
    _hang_up(server, arena.tally)
    time.sleep(1.5)  # until the disconnects are noticed
    with Connection(server.port, VICTIM) as early:
        early.send(request("GET", "/generate?prompt=b"))
        time.sleep(1.0)
        stand_in = arena.stand_in(port)
        response = arena.tally.add(early.response(30))
        wait_until(lambda: stand_in.posts() >= 1 or response is None or response.status != 200, "a picture")
        time.sleep(1.0)
    got = f"{response.status} {response.code or ''}".strip() if response else "no answer"
    left = stand_in.posts() - (got == "200")
    return Verdict(got == "200" and left <= KEPT, f"another client got {got}; {left} pictures made without a client")


@attack(quick=True)
def hoarded_places(arena: Arena) -> Verdict:
    """60 requests of one client that wait, at a MAX_GENERATIONS of 40: another client."""
    server = arena.behind(arena.stand_in(seconds=4), MAX_GENERATIONS=MOST)
    with contextlib.ExitStack() as stack:
        for number in range(SENT):
            connection = stack.enter_context(Connection(server.port, ATTACKER))
            connection.send(request("GET", f"/generate?prompt=a&seed={number}"))
        time.sleep(1.0)
        got = _victim(server, arena.tally)
    arena.tally.requests += SENT
    return Verdict(got == "200", f"another client got {got}")


def _upload(said: bytes, length: int = 0) -> bytes:
    return request(
        "POST", "/v1/images/variations", said, Content_Type="application/json", Content_Length=str(length or len(said))
    )


@attack(quick=True)
def hoarded_uploads(arena: Arena) -> Verdict:
    """20 half-sent uploads of one client, and 15 MB of brackets: another client's upload, and the memory."""
    server = arena.api()
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(Connection(server.port, ATTACKER))
            connection.send(_upload(b'{"prompt"', 1000))
            arena.tally.requests += 1
        time.sleep(0.5)
        response = arena.tally.add(ask(server.port, _upload(PICTURE), VICTIM, 20.0))
        got = f"{response.status} {response.code}" if response else "no answer"
    brackets = arena.tally.add(ask(server.port, _upload(b"[" * 15_000_000), ATTACKER, 20.0))
    peak = max(process.memory_info().rss for process in server.tree()) // 2**20
    refused = brackets.code if brackets else "no answer"
    read = got == "503 worker_not_configured"  # and there is no render worker that could make a picture of it
    held = read and refused == "too_large" and peak < MOST_MIB
    return Verdict(held, f"another client got {got}, the brackets {refused}; {peak} MiB")


@attack()
def hung_worker(arena: Arena) -> Verdict:
    """4,000 requests for what a render worker should tell that accepts connections and never answers."""
    paths = ("/ready", "/models", "/wake", f"/images/{'a' * 64}.png")
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as silent, contextlib.ExitStack() as stack:
        server = arena.api(PERCHANCE_WORKER_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
        held = [stack.enter_context(crowd(server.port, 1000, [ATTACKER], request("GET", path))) for path in paths]
        count = sum(map(len, held))
        arena.tally.requests += count
        waiting = count - with_response([link for links in held for link in links])
        with arena.probed(server):
            time.sleep(HOLD_SECONDS)
    seen = verdict(arena, count)
    return Verdict(seen.held, f"{seen.value}, {waiting} of which wait")
