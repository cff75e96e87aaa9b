"""Requests by a grammar: methods, paths, headers and framing, each mostly valid and invalid at times."""

import random
from dataclasses import dataclass

from tests.fuzz.values import JSON_BODIES, json_body, query
from tests.hostile.arena import TOKEN
from tests.hostile.attacks.connections import HANDSHAKE

HASH = "a" * 64
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
]
TEXTS = [
    "",
    " ",
    "*",
    "a",
    "0",
    "-1",
    "9" * 400,
    "\xff\xfe",
    "caf\xe9",
    '"',
    ",",
    ";",
    "a=b;c",
    "null",
    "\t",
    "=?utf-8?q?x?=",
    "%00",
]
HEADERS: dict[str, list[str]] = {
    "Accept": [
        "*/*",
        "image/*",
        "text/event-stream",
        "text/html,image/webp;q=0.9",
        "application/json;q=nan",
        "text/event-stream;q=-1",
        ";;q=,",
        "application/x-ndjson",
        "a/b;c=" + "d" * 2000,
        "*/*;q=1e999",
        "image/png;q=0.5;q=0.6",
    ],
    "Accept-Encoding": ["gzip", "br;q=nan", "identity;q=0", "*"],
    "Accept-Language": ["de", "x" * 500, "*;q=q"],
    "Accept-Charset": ["utf-7", "\xff"],
    "Content-Type": [
        "application/json",
        "application/json; charset=utf-16",
        "text/plain; charset=idna",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=b",
        "multipart/form-data; boundary=" + "x" * 300,
        "a; charset=rot13",
        "application/json; charset=\xff",
        "/",
    ],
    "Content-Encoding": ["gzip", "deflate", "x" * 100],
    "Range": [
        "bytes=0-1",
        "bytes=-1",
        "bytes=5-1",
        "bytes=0-0,1-1,2-2",
        "bytes=" + "9" * 300 + "-",
        "lines=1-2",
        "bytes",
    ],
    "If-Range": ['"x"', "W/", "Thu, 99 Jan 1970 00:00:00 GMT", "\xff"],
    "If-None-Match": [f'"{HASH}"', "*", 'W/"x', '"' * 99, "a, b, c"],
    "If-Modified-Since": ["Thu, 01 Jan 99999 00:00:00 GMT", "0", "Sat, 29 Oct 1994 19:43:31 -9999"],
    "Last-Event-ID": ["x:1", "x:end", ":", "x:" + "9" * 50, f"{HASH}:0", "\xff:\xff"],
    "Sec-Fetch-Dest": ["image", "document", "\xff"],
    "Sec-Purpose": ["prefetch", "prefetch;prerender", "\xe9"],
    "Purpose": ["preview"],
    "Origin": ["null", "http://a.example", "http://[", "\xff", "http://a.example:99999"],
    "Access-Control-Request-Method": ["POST", "\xff"],
    "Access-Control-Request-Headers": ["x, y", "," * 500],
    "Host": ["", "localhost:99999", "a b", "[::1", "\xff", "a" * 3000, "localhost,localhost", "@", "xn--", ":80"],
    "X-Forwarded-For": ["1.2.3.4", "not an address", "::1, fe80::1%eth0", "," * 300, "\xff", "1.2.3.4:99999999"],
    "X-Forwarded-Proto": ["https", "javascript", "\xff", ","],
    "X-Forwarded-Host": ["other.example", "[", "\xff"],
    "X-Forwarded-Port": ["0", "99999999", "x"],
    "X-Forwarded-Prefix": ["//other.example", "/\xff"],
    "Forwarded": ["for=1.2.3.4;proto=https", ";;;"],
    "Authorization": ["Bearer", "Bearer \xff\xfe", "Basic ::::", "Bearer " + "x" * 3000, "bearer a-token-of-the-tests"],
    "Cookie": ["a=b; c", "\xff=\xfe", "=" * 300],
    "Connection": ["close", "keep-alive", "upgrade", "host, content-length", "\xff"],
    "User-Agent": ["\xff" * 50, "x" * 4000],
    "X-Client-Id": ["x", "\xff", "9" * 1000],
    "X-HTTP-Method-Override": ["DELETE"],
    "TE": ["trailers", "chunked;q=0.5"],
    "Max-Forwards": ["0", "-1"],
    "Date": ["x"],
    "SCRIPT_NAME": ["/x"],
    "SCRIPT-NAME": ["/x", "\xff"],
    "Script_Name": ["//x"],
    "Upgrade": ["h2c", "websocket", "\xff"],
    "Expect": ["100-continue", "200-ok", "\xff"],
    "Trailer": ["Content-Length"],
}
FRAMINGS = [
    "Content-Length: -1",
    "Content-Length: +5",
    "Content-Length: 0x5",
    "Content-Length: 5, 5",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 99999999999999999999999999",
    "Content-Length: \xb2",
    "Content-Length:",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: \xff",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding:\x0bchunked",
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
        path = chance.choice(["/generate", "/generate", "/generate.png", "/generate.jpg", "/generate.webp"])
        return _built(chance, "GET", f"{path}?{query(chance)}", None)
    if drawn < 0.70:
        return _built(chance, "POST", chance.choice(BODIES), json_body(chance))
    return _other(chance)


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
    chance: random.Random, method: str, path: str, body: bytes | None, headers: dict[str, str] | None = None
) -> Request:
    if chance.random() < 0.06:
        method = chance.choice(METHODS)
    lines, whole = _lines(chance, headers or {})
    version = "HTTP/1.1"
    if chance.random() < 0.02:
        version, whole = chance.choice(VERSIONS), False
    if body is not None or chance.random() < 0.02:
        framing, body, right = _framed(chance, body or b"{}")
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
    if chance.random() < 0.01:
        given += [(f"X-{number}", "x") for number in range(120)]
    if chance.random() < 0.01:
        handshake = HANDSHAKE.decode().split("\r\n")[2:-2]
        given, whole = given + [tuple(line.split(": ")) for line in handshake], False
    chance.shuffle(given)
    return "".join(f"{name}: {text}\r\n" for name, text in given), whole


def _framed(chance: random.Random, body: bytes) -> tuple[str, bytes, bool]:
    """Return the header lines that frame a body, the framed body, and whether the framing is valid."""
    drawn = chance.random()
    kind = "" if chance.random() < 0.2 else "Content-Type: application/json\r\n"
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
