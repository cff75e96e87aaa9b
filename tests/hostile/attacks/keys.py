"""API keys, signed links and limits: what a client gets that has none, had one, or invents them."""

import base64
import json
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, urlencode

import simple_websocket

from image_api.auth.api_key import new_key
from image_api.auth.signed_links import signed_pairs
from tests.api.auth.keys import add, declared, store_at
from tests.fakes.processes import Server
from tests.hostile.arena import Arena, Verdict, attack
from tests.hostile.wire import Response, ask, flood, request

GUESSES = 400
OTHER_CLIENT = "127.0.0.2"
PICTURE = "/generate?prompt=a"
QUERY_NAMES = ("api_key", "api-key", "apikey", "key", "token", "access_token", "x-api-key", "authorization")
WINDOW = {"Sec_Fetch_Dest": "document", "Sec_Fetch_Mode": "navigate", "Accept": "text/html"}
SIGNING_KEY = "a-signing-key-of-the-tests-0123456789"
HOUR = 3600
REVOKED_SECONDS = 1.5  # a positive answer about a key is kept for one second
LIMIT = 5
ATTEMPTS = 60


@attack(quick=True)
def invented_keys(arena: Arena) -> Verdict:
    """400 invented API keys of one client at AUTH=keys: how many get in, and holders of keys, also at its address."""
    database = f"sqlite:///{arena.folder}/keys.db"
    with store_at(database) as store:
        known = add(store, "ann")
    own, entry = declared("ben")
    server = arena.behind(arena.stand_in(), AUTH="keys", API_KEYS=entry, DATABASE_URL=database)
    before = [_status(arena, server, known), _status(arena, server, own)]
    guesses = [request("GET", PICTURE, **_sent(new_key(), number)) for number in range(GUESSES)]
    guessed = flood(server.port, guesses)
    arena.tally += guessed
    refused = sum(count for outcome, count in guessed.outcomes.items() if outcome.startswith(("401 ", "429 ")))
    after = [_status(arena, server, key, OTHER_CLIENT) for key in (known, own)] + [_status(arena, server, own)]
    held = refused == GUESSES and {*before, *after} == {200}
    return Verdict(
        held, f"{GUESSES - refused} of {GUESSES} not refused; holders of keys got {_counted(before + after)}"
    )


@attack(quick=True)
def keys_in_addresses(arena: Arena) -> Verdict:
    """A valid API key in the address, of a script or of a window: what it opens, and what repeats it: log, answers."""
    key, entry = declared("ann")
    server = arena.behind(arena.stand_in(), AUTH="keys", API_KEYS=entry, LOG_LEVEL="DEBUG")
    paths = ("/generate", "/generate.png", "/sheet", "/sheet.png", "/api/v1/jobs", "/nowhere")
    opened, told = Counter[str](), 0
    for path in paths:
        for name in QUERY_NAMES:
            for headers in ({}, WINDOW):
                data = request("GET", f"{path}?prompt=a&{name}={quote(key)}", **headers)
                found = arena.tally.add(ask(server.port, data))
                told += found is None or key in found.body.decode("latin-1") + str(found.headers)
                opened[_opened(found)] += 1
    logged = server.log_file.read_bytes().count(key.encode())
    tried = opened.total()
    held = not logged and not told and not any(status.startswith("2") for status in opened)
    answers = ", ".join(f"{count} times {status}" for status, count in opened.most_common())
    return Verdict(held, f"{tried} tried: {answers}; the key is {logged} times in the log, in {told} answers")


@attack(quick=True)
def changed_links(arena: Arena) -> Verdict:
    """A signed link, changed in each of its parts, expired, or signed by a key that is out of use."""
    server = arena.behind(arena.stand_in(), AUTH="keys", SIGNING_KEYS=SIGNING_KEY)
    path, pairs, expires = "/generate.png", [("prompt", "a tree, größer"), ("seed", "7")], int(time.time()) + HOUR
    link = urlencode(signed_pairs(SIGNING_KEY.encode(), path, pairs, expires))
    opened = arena.tally.add(ask(server.port, request("GET", f"{path}?{link}")))
    again = arena.tally.add(ask(server.port, request("GET", f"{path}?{link.replace('+', '%20')}")))
    forged = [
        *(f"{path}?{query}" for query in _changed(link)),
        f"/generate?{link}",
        f"/sheet.png?{link}",
        f"{path}?{urlencode(signed_pairs(SIGNING_KEY.encode(), path, pairs, int(time.time()) - 1))}",
        f"{path}?{urlencode(signed_pairs(b'another key of the tests', path, pairs, expires))}",
    ]
    outcomes = Counter(_outcome(arena, server, request("GET", address)) for address in forged)
    outcomes += Counter([_outcome(arena, server, request("POST", f"/generate?{link}", b'{"prompt": "a"}'))])
    valid = [it.status if it else None for it in (opened, again)]
    told = ", ".join(f"{count} times {outcome}" for outcome, count in outcomes.most_common())
    held = valid == [200, 200] and not any(outcome.startswith("2") for outcome in outcomes)
    return Verdict(held, f"the link itself got {_counted(valid)}; {outcomes.total()} changed ones: {told}")


@attack(quick=True)
def a_revoked_key(arena: Arena) -> Verdict:
    """A key that is revoked while its WebSocket is open: how many more pictures it gets a moment later."""
    database = f"sqlite:///{arena.folder}/keys.db"
    with store_at(database) as store:
        key = add(store, "ann")
    server = arena.behind(arena.stand_in(), AUTH="keys", DATABASE_URL=database)
    address = f"ws://127.0.0.1:{server.port}/stream/generate/txt2img"
    socket = simple_websocket.Client(address, headers={"Authorization": f"Bearer {key}"})
    before = _ending(socket)
    with store_at(database) as store:
        store.revoke_key("ann")
    time.sleep(REVOKED_SECONDS)
    after = [_ending(socket) for _ in range(3)]
    refused = _outcome(arena, server, request("GET", PICTURE, Authorization=f"Bearer {key}"))
    held = before == "result" and "result" not in after and refused.startswith("401")
    return Verdict(held, f"{before} before, then {_counted(after)}; by HTTP {refused}")


@attack(quick=True)
def evaded_limits(arena: Arena) -> Verdict:
    """60 new pictures at a limit of 5: with invented addresses in X-Forwarded-For, or those of one IPv6 network."""
    made = {}
    for name, proxies, client in (
        ("a trusted proxy", "loopback", "203.0.113.7"),
        ("no trusted one", "0", "203.0.113.7"),
        ("a trusted proxy from one network", "loopback", "2001:db8::{:x}"),
    ):
        server = arena.behind(arena.stand_in(), TRUSTED_PROXIES=proxies, RATE_LIMIT=f"{LIMIT} per 10 minutes")
        asked = (_forwarded(number, client.format(number)) for number in range(ATTEMPTS))
        tally = flood(server.port, asked)
        arena.tally += tally
        made[name] = sum(count for outcome, count in tally.outcomes.items() if outcome.startswith("200"))
    told = ", ".join(f"{count} of {ATTEMPTS} made through {name}" for name, count in made.items())
    return Verdict(set(made.values()) == {LIMIT}, told)


def _forwarded(number: int, client: str) -> bytes:
    forged = f"198.51.100.{number}, {client}"
    headers = {"X_Forwarded_For": forged, "Forwarded": f"for=198.51.100.{number}", "X_Real_IP": f"198.51.100.{number}"}
    return request("GET", f"/generate?prompt={number}", **headers)


def _sent(key: str, number: int) -> dict[str, str]:
    """Return the header that sends a key, of each kind in turn."""
    return [{"Authorization": f"Bearer {key}"}, {"X_API_Key": key}, {"api_key": key}][number % 3]


def _status(arena: Arena, server: Server, key: str, source: str = "127.0.0.1") -> int | None:
    found = arena.tally.add(ask(server.port, request("GET", PICTURE, Authorization=f"Bearer {key}"), source))
    return found.status if found else None


def _outcome(arena: Arena, server: Server, data: bytes) -> str:
    found = arena.tally.add(ask(server.port, data))
    return f"{found.status} {found.code or ''}".strip() if found else "no answer"


def _opened(found: Response | None) -> str:
    """Return a response's status, and `a page` of one without a picture, on which a script asks for it."""
    if found is None:
        return "no answer"
    return "a page" if found.headers.get("content-type", "").startswith("text/html") else str(found.status)


def _counted(statuses: list[object]) -> str:
    return ", ".join(f"{count} times {status}" for status, count in Counter(map(str, statuses)).most_common())


def _changed(link: str) -> Iterator[str]:
    """Yield the query with each parameter left out, doubled, emptied and changed, and further ones."""
    pairs = parse_qsl(link)
    for index, (name, value) in enumerate(pairs):
        before, after = pairs[:index], pairs[index + 1 :]
        for other in (value + "0", value[:-1], "", value.swapcase(), base64.b64encode(value.encode()).decode()):
            if other != value:
                yield urlencode([*before, (name, other), *after])
        yield urlencode([*before, (name, value), (name, value), *after])
        if name != "signature":  # without one it is no signed link at all, which is refused for want of a key
            yield urlencode([*before, *after])
    yield urlencode([*pairs, ("n", "2")])
    yield urlencode([("model", "perchance"), *pairs])
    chance = random.Random(7)
    for _ in range(50):
        name, value = chance.choice(pairs)
        at = chance.randrange(len(value))
        letter = chance.choice("0123456789abcdefghijklmnopqrstuvwxyz")
        if value[at] != letter:
            changed = f"{value[:at]}{letter}{value[at + 1 :]}"
            yield urlencode([(key, changed if key == name else text) for key, text in pairs])
    yield f"{link}&signature={secrets.token_urlsafe(32)}"


def _ending(socket: simple_websocket.Client) -> str:
    """Return how a picture that is asked for by a WebSocket ends: `result`, an error's status, or `closed`."""
    try:
        socket.send(json.dumps({"prompt": "a tree"}))
        while True:
            said = json.loads(socket.receive(20) or '{"event": "silence"}')
            if said["event"] in ("result", "error", "silence"):
                return str(said.get("status") or said["event"])
    except simple_websocket.ConnectionClosed:
        return "closed"
