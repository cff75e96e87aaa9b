"""Exposure to anonymous clients, and trust in what clients and the other tier send."""

import itertools
import json
from collections import Counter
from collections.abc import Iterable

import requests

from tests.fakes.processes import Server, free_port
from tests.hostile.arena import TOKEN, Arena, Verdict, attack
from tests.hostile.stand_in import StandIn, failure, reply
from tests.hostile.wire import Connection, MalformedResponse, Tally, ask, request

OPEN_PATHS = ("/health", "/ready", "/models", "/v1/models")
TROUBLES = {"reasons", "last_errors", "memory", "request_id", "reason", "warnings", "error"}
PICTURE = f"/images/{'a' * 64}.png"
MAX_BYTES = 60 * 2**20  # of a picture without end, read by a client
SIGNS = ("127.0.0.1", "Errno", "ConnectError", "refused")
JSON = ("/", "/health", "/ready", "/models", "/v1/models", "/v1/styles", "/nothing", "/generate", "/wake")


def _troubles(body: object) -> set[str]:
    """Return the names of fields about troubles that are not empty, at any depth."""
    if isinstance(body, list):
        return set().union(*map(_troubles, body)) if body else set()
    if not isinstance(body, dict):
        return set()
    here = {name for name in body.keys() & TROUBLES if body[name]}
    return here.union(*(_troubles(value) for value in body.values()))


def _spoiled(arena: Arena) -> tuple[Server, Server]:
    """Start both tiers; their one engine cannot be reached and has failed once."""
    worker = arena.worker(HORDE_URL=f"http://127.0.0.1:{free_port()}/api", ENGINE_FAILURES=1)
    server = arena.behind(worker)
    arena.tally.add(ask(server.port, request("GET", "/generate?prompt=a&model=horde")))
    return worker, server


@attack(quick=True)
def told_to_strangers(arena: Arena) -> Verdict:
    """/health, /ready and /models of both tiers after a failure, asked without a token: what they tell of it."""
    worker, server = _spoiled(arena)
    exposed = set()
    asked = [(server, path) for path in OPEN_PATHS] + [(worker, "/health")]
    for where, path in asked:
        response = arena.tally.add(ask(where.port, request("GET", path)))
        if response is None:
            continue
        body = json.loads(response.body)
        exposed |= _troubles(body) if response.status == 200 else _said(body)
    with_token = requests.get(f"{worker.url}/health", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=5).json()
    good = not exposed and bool(with_token.get("last_errors"))
    return Verdict(good, f"told: {', '.join(sorted(exposed)) or 'nothing'}")


def _said(body: dict[str, object]) -> set[str]:
    """Return what an error's sentence exposes of the inside; its request_id is the client's own."""
    sentence = str(body.get("error"))
    return {f"{sign!r} in an error" for sign in SIGNS if sign in sentence}


@attack(quick=True)
def foreign_scheme(arena: Arena) -> Verdict:
    """X-Forwarded-Proto: javascript behind a proxy: the scheme of the addresses in the answers."""
    server = arena.behind(arena.stand_in(), TRUSTED_PROXIES=1)
    found = set()
    for scheme in ("javascript", "data", "JavaScript", "file", "ftp", "wss", "https,javascript", "ht tp"):
        head = request("GET", "/generate?prompt=a", X_Forwarded_Proto=scheme, X_Forwarded_For="203.0.113.7")
        response = arena.tally.add(ask(server.port, head))
        if response and response.status == 200:
            found.add(json.loads(response.body)["image_url"].partition(":")[0])
    return Verdict(found <= {"http", "https"}, f"addresses begin with {', '.join(sorted(found))}")


@attack(quick=True)
def sniffed_json(arena: Arena) -> Verdict:
    """Every answer of JSON at both tiers: which lack `X-Content-Type-Options: nosniff`."""
    worker = arena.worker()
    server = arena.behind(worker)
    lacking = []
    for name, where, path in [("API", server, path) for path in JSON] + [("worker", worker, path) for path in JSON]:
        response = arena.tally.add(ask(where.port, request("GET", path)))
        if response is None or response.headers.get("x-content-type-options") != "nosniff":
            lacking.append(f"{name} {path}")
    return Verdict(not lacking, f"{len(lacking)} of {2 * len(JSON)} lack it")


@attack(quick=True)
def rebound_host(arena: Arena) -> Verdict:
    """A page whose host name leads here by DNS rebinding, with ALLOWED_HOSTS set."""
    server = arena.behind(arena.stand_in(), ALLOWED_HOSTS="localhost,127.0.0.1")
    said = Counter[str]()
    for host in ("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example"):
        for path in ("/generate?prompt=a", "/", "/v1/images/generations"):
            response = arena.tally.add(ask(server.port, request("GET", path, Host=host)))
            said[str(response.status) if response else "no answer"] += 1
    health = ask(server.port, request("GET", "/health", Host="evil.example"))
    ours = ask(server.port, request("GET", "/generate?prompt=a", Host=f"localhost:{server.port}"))
    good = set(said) == {"421"} and health is not None and health.status == 200
    good = good and ours is not None and ours.status == 200
    return Verdict(good, ", ".join(f"{count} times {status}" for status, count in said.items()))


@attack(quick=True)
def odd_worker(arena: Arena) -> Verdict:
    """A render worker that answers odd statuses, numbers without end and half pictures: what clients are told."""
    stand_in = arena.stand_in()
    server = arena.behind(stand_in, WORKER_WAKE_SECONDS=0)
    wrong = []
    for name, path, pieces in _oddities():
        stand_in.say("POST /generate" if "generate" in path else "GET /images", *pieces)
        problem = _problem(arena.tally, server, path)
        wrong += [f"{name}: {problem}"] if problem else []
    wrong += _endless(arena.tally, server, stand_in)
    return Verdict(not wrong, f"{len(wrong)} wrong ({'; '.join(wrong[:3])})" if wrong else "each a 502 or 503 in JSON")


def _oddities() -> Iterable[tuple[str, str, tuple[bytes, ...]]]:
    head = b"HTTP/1.1 200 OK\r\nX-Service: render-worker\r\nContent-Type: image/png\r\nContent-Length: 50\r\n\r\n"
    digits = "9" * 5000
    for status in (0, 99, 600, 999, 99999):
        line = {"event": "error", "status": status, "error": {"error": "No.", "code": "engine_failed"}}
        lines = reply(200, json.dumps(line).encode() + b"\n", Content_Type="application/x-ndjson")
        yield f"an error line's status {status}", "/generate?prompt=a", (lines,)
        yield f"status {status}", "/generate?prompt=a", (failure("engine_failed", status),)
        yield f"a picture's status {status}", PICTURE, (reply(status, b"x"),)
    yield "nothing before the first byte", PICTURE, (head,)
    yield "a length of 5,000 digits", PICTURE, (head.replace(b"50", digits.encode()),)
    error = {"error": "No.", "code": "engine_failed", "retry_after": int("9" * 4000)}
    yield "a retry_after of 4,000 digits", "/generate?prompt=a", (_with_digits(error),)
    late = reply(503, {"error": "No.", "code": "worker_unavailable"}, Retry_After=digits)
    yield "a Retry-After of 5,000 digits", "/generate?prompt=a", (late,)
    edge = reply(503, b"<html>", Content_Type="text/html", X_Service="none", Retry_After=digits)
    yield "an edge's Retry-After of 5,000 digits", "/generate?prompt=a", (edge,)
    yield "a Retry-After below 0", "/generate?prompt=a", (reply(503, {**error, "retry_after": -5}),)


def _with_digits(error: dict[str, object]) -> bytes:
    text = json.dumps({**error, "retry_after": 0}).replace('"retry_after": 0', f'"retry_after": {"9" * 4000}')
    return reply(503, text.encode())


def _problem(tally: Tally, server: Server, path: str) -> str | None:
    """Return what is wrong with the response; None if it is an error in the API tier's format."""
    try:
        response = tally.add(ask(server.port, request("GET", path)))
    except (MalformedResponse, ValueError) as error:
        return f"no HTTP ({error})"[:80]
    if response is None:
        return "no answer"
    after = response.headers.get("retry-after", "1")
    if len(after) > 6 or not after.isdigit():
        return f"Retry-After {after[:10]}…"
    if response.status not in (502, 503, 504) or not response.code or response.code == "internal_error":
        return f"{response.status} {response.code or 'without a code'}"
    return None


def _endless(tally: Tally, server: Server, stand_in: StandIn) -> list[str]:
    """Return what is wrong with the responses to pictures that do not end."""
    head = b"HTTP/1.1 200 OK\r\nX-Service: render-worker\r\nContent-Type: image/png\r\nConnection: close\r\n\r\n"
    stand_in.say("GET /images", head, times=itertools.repeat(b"x" * 65536))
    size = 0
    with Connection(server.port) as connection:
        connection.send(request("GET", PICTURE))
        tally.requests += 1
        while size < MAX_BYTES and (data := connection.socket.recv(2**20)):
            size += len(data)
    return ["a picture without end"] if size >= MAX_BYTES else []
