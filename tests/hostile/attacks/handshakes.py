"""Malformed WebSocket handshakes: 400 or 426, and never a traceback."""

from collections import Counter

from tests.hostile.arena import Arena, Verdict, attack
from tests.hostile.wire import ask, request

WEBSOCKET_PATH = "/stream/generate/txt2img"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GOOD = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Key": KEY, "Sec_WebSocket_Version": "13"}
CHANGES: dict[str, dict[str, str | None]] = {
    "no key": {"Sec_WebSocket_Key": None},
    "an empty key": {"Sec_WebSocket_Key": ""},
    "a key of spaces": {"Sec_WebSocket_Key": "   "},
    "no base64": {"Sec_WebSocket_Key": "???"},
    "a short key": {"Sec_WebSocket_Key": "YQ=="},
    "a long key": {"Sec_WebSocket_Key": "A" * 4000},
    "a key beyond ASCII": {"Sec_WebSocket_Key": "\xff\xfe" * 8},
    "no version": {"Sec_WebSocket_Version": None},
    "an empty version": {"Sec_WebSocket_Version": ""},
    "version 8": {"Sec_WebSocket_Version": "8"},
    "version 14": {"Sec_WebSocket_Version": "14"},
    "version -1": {"Sec_WebSocket_Version": "-1"},
    "a version of letters": {"Sec_WebSocket_Version": "abc"},
    "two versions": {"Sec_WebSocket_Version": "13, 8"},
    "a version beyond ASCII": {"Sec_WebSocket_Version": "1\xb3"},
    "an extension beyond ASCII": {"Sec_WebSocket_Extensions": "\xff\xfe; \xe9=1"},
    "an extension of signs": {"Sec_WebSocket_Extensions": ';;;="",,'},
    "a protocol beyond ASCII": {"Sec_WebSocket_Protocol": "caf\xe9, \xff"},
    "no connection": {"Connection": None},
    "a connection kept": {"Connection": "keep-alive"},
    "a connection beyond ASCII": {"Connection": "Upgrade, \xff"},
    "another upgrade": {"Upgrade": "h2c"},
    "two upgrades": {"Upgrade": "websocket, h2c"},
    "an upgrade beyond ASCII": {"Upgrade": "websocket\xff"},
    "an origin beyond ASCII": {"Origin": "http://caf\xe9.example"},
    "an empty origin": {"Origin": ""},
    "a host beyond ASCII": {"Host": "\xff\xfe"},
    "an empty host": {"Host": ""},
    "a length": {"Content_Length": "5"},
    "a body of chunks": {"Transfer_Encoding": "chunked"},
    "a version of the key": {"Sec_WebSocket_Accept": "x"},
}
METHODS = ("POST", "HEAD", "PUT", "OPTIONS", "DELETE")
ENDS = {"101", "400", "405", "415", "421", "426"}


@attack(quick=True)
def bad_handshakes(arena: Arena) -> Verdict:
    """39 WebSocket handshakes that lack or distort something: which are a 500."""
    server = arena.behind(arena.stand_in(), READ_TIMEOUT_SECONDS=1)
    said: Counter[str] = Counter()
    wrong = []
    for name, data in handshakes().items():
        response = arena.tally.add(ask(server.port, data))
        what = str(response.status) if response else "no answer"
        said[what] += 1
        if what not in ENDS and not name.startswith("OPTIONS"):
            wrong.append(name)
    counts = ", ".join(f"{count} times {what}" for what, count in said.most_common())
    return Verdict(not wrong, counts + (f" ({', '.join(wrong[:4])} …)" if wrong else ""))


def handshakes() -> dict[str, bytes]:
    """Return every malformed handshake, by what it lacks or distorts."""
    bad = {name: request("GET", WEBSOCKET_PATH, **_changed(changes)) for name, changes in CHANGES.items()}
    bad |= {method: request(method, WEBSOCKET_PATH, **GOOD) for method in METHODS}
    bad["HTTP/1.0"] = request("GET", WEBSOCKET_PATH, **GOOD).replace(b"HTTP/1.1", b"HTTP/1.0")
    bad["two keys"] = request("GET", WEBSOCKET_PATH, **GOOD)[:-2] + f"Sec-WebSocket-Key: {KEY}\r\n\r\n".encode()
    bad["another path"] = request("GET", "/generate", **GOOD)
    return bad


def _changed(changes: dict[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in {**GOOD, **changes}.items() if text is not None}
