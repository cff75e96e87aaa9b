"""Failures at services, provoked by one client: many fallbacks at once, and pictures that a storage refuses."""

import contextlib
import time

import requests

from tests.fakes.processes import Sandbox, Server, sandbox
from tests.hostile.arena import TOKEN, Arena, Verdict, attack
from tests.hostile.wire import Connection, ask, request

ATTACKER, VICTIM = "127.0.0.2", "127.0.0.3"
CROWD = 60  # more than all slots and the whole queue
AT_ONCE = 10  # fewer than the queue holds, so that the first engine lets all of them in
SLOW_SECONDS = 30
REQUESTS = 8
TRIED = 2  # failures in a row open a storage's circuit breaker


def _queue(worker: Server) -> dict[str, int]:
    auth = {"Authorization": f"Bearer {TOKEN}"}
    return dict(requests.get(f"{worker.url}/health", headers=auth, timeout=5).json()["queue"])


def _engines(site: Sandbox) -> dict[str, object]:
    """Return the settings of an engine that refuses each request at once, and a slow one behind it."""
    requests.post(f"{site.url}/sandbox", json={"huggingface": "invalid", "delay": SLOW_SECONDS}, timeout=5)
    names = ("huggingface", "replicate")
    chosen = {"ENGINES": ",".join(names), "HUGGINGFACE_PROVIDER": "hf-inference"}
    return {**chosen, **site.pointers(*names), **site.keys(*names)}


@attack(quick=True)
def falling_back(arena: Arena) -> Verdict:
    """60 requests of one client that fall back to a slow engine: how many the worker holds, and another's sketch."""
    with sandbox() as site, contextlib.ExitStack() as crowd:
        worker = arena.worker(**_engines(site))
        server = arena.behind(worker)
        most = 0
        for number in range(CROWD):
            connection = crowd.enter_context(Connection(server.port, ATTACKER))
            connection.send(request("GET", f"/generate?prompt=a&cache=false&seed={number}"))
            arena.tally.requests += 1
            if number % AT_ONCE == AT_ONCE - 1:
                time.sleep(0.5)
                queue = _queue(worker)
                most = max(most, queue["running"] + queue["waiting"])
        sketch = arena.tally.add(ask(server.port, request("GET", "/generate?prompt=a&model=sketch"), VICTIM, 15.0))
        bound = queue["max_concurrency"] + queue["queue_size"]
    got = f"{sketch.status} {sketch.code or ''}".strip() if sketch else "no answer"
    return Verdict(got == "200" and most <= bound, f"{most} run and wait of {bound}; another's sketch got {got}")


@attack(quick=True)
def failed_storage(arena: Arena) -> Verdict:
    """Pictures while the storage refuses its key and the folder cannot be written: how many are made for nothing."""
    (arena.folder / "file").write_text("no folder")
    with sandbox() as imgur:
        requests.post(f"{imgur.url}/sandbox", json={"imgur": "invalid_client"}, timeout=5)
        keep = {"STORAGE": "imgur", **imgur.pointers("imgur"), **imgur.keys("imgur")}
        site, worker = arena.horde(LOCAL_STORAGE_DIR=arena.folder / "file" / "images", **keep)
        server = arena.behind(worker)
        for number in range(REQUESTS):
            line = request("GET", f"/generate?prompt=a&model=horde&cache=false&seed={number}")
            arena.tally.add(ask(server.port, line, ATTACKER, 60.0))
        log = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
    made = sum(entry["endpoint"] == "horde" for entry in log)
    return Verdict(made == TRIED, f"{made} made for {REQUESTS} requests, of which {dict(arena.tally.outcomes)}")
