"""Requests by a grammar: methods, paths, headers and framing, each mostly valid and invalid at times."""

import random
from dataclasses import dataclass

from tests.fuzz.credentials import credentials, signed, with_secret
from tests.fuzz.forms import BOUNDARY, form
from tests.fuzz.headers import FRAMINGS, HASH, HEADERS, TEXTS
from tests.fuzz.values import JSON_BODIES, json_body, query
from tests.hostile.arena import TOKEN
from tests.hostile.attacks.connections import HANDSHAKE

SOCKET = "/stream/generate/txt2img"
METHODS = [
    "GET",
    "POST",
    "HEAD",
    "OPTIONS",
    "PUT",
    "DELETE",
    "PATCH",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "M-SEARCH",
]
PAGES = ["/", "/health", "/ready", "/models", "/wake", "/wake.gif", "/v1/styles", "/v1/models", "/v1/models/auto"]
PICTURES = [f"/images/{HASH}.{ending}" for ending in ("png", "jpg", "webp", "gif")]
JOB = "018f0000-0000-7000-8000-00000000000a"
JOB_IDS = [JOB, JOB.upper(), JOB.replace("-", ""), "x", "%00", "\xff", "1" * 400, f"{JOB}%2f"]
JOB_PATHS = ["status/{}", "jobs/{}", "jobs/{}/events", "jobs/{}/deliveries", "jobs", "health", "nowhere/{}"]
JOB_QUERIES = [
    "",
    "limit=5",
    "limit=0",
    "limit=x",
    "cursor=x",
    "cursor=\xff",
    "status=failed",
    "since=2026-11-30",
    "a=b",
]
SHEETS = ["/sheet", "/sheet.json", "/sheet.png", "/sheet.webp", "/sheet.gif"]
UPLOADS = ["/generate", "/v1/images/edits", "/v1/images/variations", "/v1/img2img", "/api/v1/generate"]
ODD_PATHS = [
    "//",
    "*",
    "/generate/",
    "/generate.bmp",
    "/images/../../etc/passwd",
    "/images/%2e%2e%2fx",
    f"/images/{HASH.upper()}.png",
    f"/images/{HASH}.png%00",
    "/v1/models/%ff%fe",
    "/v1/models/" + "a/" * 200,
    "/%00",
    "/%e2%28%a1",
    "/;/..;/",
    "http://other.example/generate?prompt=a",
    "http://[::1/generate",
    "//other.example/health",
    "/health?" + "a=1&" * 500,
    "/generate?" + "%" * 50,
    "/" + "b" * 3000,
    SOCKET,
    "/static/x",
    "/metrics",
]
BODIES = [
    "/generate",
    "/v1/images/generate",
    "/v1/images/generations",
    "/v1/images/edits",
    "/openai/images/variations/",
    "/v1/txt2img",
    "/v1/img2img",
    "/api/v1/generate/txt2img",
    "/v1/models/load",
    "/v1/loras/load",
    "/api/v1/generate",
]
VERSIONS = ["HTTP/1.0", "HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "http/1.1", "HTTP/1.1 ", "HTTP/11", "ICY/1.1", ""]
PAINTED = 0.002  # of the worker's; each takes a fifth of a second
SKETCH = b'{"prompt": "a tree", "model": "sketch", "shape": "portrait"}'
NOT_KEPT = {"Upgrade", "Expect", "Connection"}  # with these, a connection has more than one response, or ends


@dataclass(frozen=True)
class Request:
    """A request as bytes; `whole` if its framing is valid, so that it gets a response and another can follow."""

    method: str
    data: bytes
    whole: bool


def of_api(chance: random.Random) -> Request:
    """Return a request to the API tier."""
    drawn = chance.random()
    if drawn < 0.35:
        return _by_address(chance)
    if drawn < 0.65:
        return _built(chance, "POST", chance.choice(BODIES), json_body(chance))
    if drawn < 0.71:
        return _built(
            chance, "POST", chance.choice(UPLOADS), form(chance), kind=f"multipart/form-data; boundary={BOUNDARY}"
        )
    if drawn < 0.77:
        return _of_jobs(chance)
    return _other(chance)


def _by_address(chance: random.Random) -> Request:
    """Return a request for a picture or a sheet by GET, by a signed link at times."""
    files = ["/generate", "/generate", "/generate.png", "/generate.jpg", "/generate.webp"]
    path, asked = chance.choice(files if chance.random() < 0.9 else SHEETS), query(chance)
    drawn = chance.random()
    asked = signed(path, asked, chance) if drawn < 0.1 else with_secret(asked, chance) if drawn < 0.13 else asked
    return _built(chance, "GET", f"{path}?{asked}", None)


def _of_jobs(chance: random.Random) -> Request:
    """Return a request about jobs that there are not, or to delete a picture or a request."""
    if chance.random() < 0.3:
        deleted = chance.choice([*PICTURES, "/requests/x", f"/requests/{JOB}", "/images/\xff"])
        return _built(chance, "DELETE", deleted, None, dict(credentials(chance)))
    path = chance.choice(JOB_PATHS).format(chance.choice(JOB_IDS))
    return _built(chance, chance.choice(["GET", "GET", "DELETE"]), f"/api/v1/{path}?{chance.choice(JOB_QUERIES)}", None)


def of_worker(chance: random.Random) -> Request:
    """Return a request to the render worker, most of them with its token."""
    token = {"Authorization": f"Bearer {TOKEN}"} if chance.random() < 0.9 else {}
    if chance.random() < PAINTED:
        return _built(chance, "POST", "/generate", SKETCH, token)
    if chance.random() < 0.6:
        return _built(chance, "POST", "/generate", json_body(chance, of_worker=True), token)
    return _other(chance, token)


def _other(chance: random.Random, headers: dict[str, str] | None = None) -> Request:
    drawn = chance.random()
    path = chance.choice(PAGES if drawn < 0.4 else PICTURES if drawn < 0.6 else ODD_PATHS)
    body = chance.choice(JSON_BODIES) if chance.random() < 0.1 else None
    return _built(chance, "GET", path, body, headers)


def _built(
    chance: random.Random,
    method: str,
    path: str,
    body: bytes | None,
    headers: dict[str, str] | None = None,
    kind: str = "application/json",
) -> Request:
    if chance.random() < 0.06:
        method = chance.choice(METHODS)
    lines, whole = _lines(chance, headers or {})
    version = "HTTP/1.1"
    if chance.random() < 0.02:
        version, whole = chance.choice(VERSIONS), False
    if body is not None or chance.random() < 0.02:
        framing, body, right = _framed(chance, body or b"{}", kind)
        lines, whole = lines + framing, whole and right
    head = f"{method} {path} {version}\r\n{lines}\r\n".encode("latin-1", errors="replace")
    known = method in METHODS and method not in ("TRACE", "CONNECT", "get")
    return Request(method, head + (body or b""), whole and known)


def _lines(chance: random.Random, headers: dict[str, str]) -> tuple[str, bool]:
    """Return header lines, and whether they leave the connection open as HTTP."""
    given = [("Host", "localhost"), *headers.items()]
    whole = True
    for _ in range(chance.choice([0, 0, 1, 1, 2, 5])):
        name = chance.choice(list(HEADERS))
        text = chance.choice(TEXTS) if chance.random() < 0.2 else chance.choice(HEADERS[name])
        if name == "Host":
            given = [pair for pair in given if pair[0] != "Host"]
        whole = whole and name not in NOT_KEPT
        given.append((name, text))
    if chance.random() < 0.1:
        given += credentials(chance)
    if chance.random() < 0.01:
        given += [(f"X-{number}", "x") for number in range(120)]
    if chance.random() < 0.01:
        handshake = HANDSHAKE.decode().split("\r\n")[2:-2]
        given, whole = given + [tuple(line.split(": ")) for line in handshake], False
    chance.shuffle(given)
    return "".join(f"{name}: {text}\r\n" for name, text in given), whole


def _framed(chance: random.Random, body: bytes, kind: str) -> tuple[str, bytes, bool]:
    """Return the header lines that frame a body, the framed body, and whether the framing is valid."""
    drawn = chance.random()
    kind = "" if chance.random() < 0.2 else f"Content-Type: {kind}\r\n"
    if drawn < 0.75:
        return f"{kind}Content-Length: {len(body)}\r\n", body, True
    if drawn < 0.93:
        return f"{kind}Transfer-Encoding: chunked\r\n", _chunks(chance, body), True
    return f"{kind}{chance.choice(FRAMINGS)}\r\n", body, False


def _chunks(chance: random.Random, body: bytes) -> bytes:
    pieces, start = [], 0
    while start < len(body):
        size = chance.randint(1, max(1, len(body) // 2))
        piece = body[start : start + size]
        pieces.append(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        start += size
    return b"".join([*pieces, b"0\r\n\r\n"])
