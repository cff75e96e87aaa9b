"""Floods of free pictures against concurrency slots, the queue and the folder; and pictures that no storage keeps."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.fakes.processes import Server, wait_until
from tests.hostile.arena import TOKEN, Arena, Verdict, attack
from tests.hostile.wire import Response, Tally, ask, flood, request

ATTACKER, VICTIM = "127.0.0.2", "127.0.0.3"
FLOOD = 60  # requests at a time, more than all slots and the whole queue
VICTIMS = 5
FOLDER_MB = 1
SKETCHES = 400
HORDE_SECONDS = 60.0


def _sketch(seed: int) -> bytes:
    return request("GET", f"/generate?prompt=a+busy+city+street&model=sketch&seed={seed}&cache=false")


def _horde() -> bytes:
    return request("GET", "/generate?prompt=a&model=horde")


def _ready(worker: Server) -> None:
    def state() -> str:
        health = requests.get(f"{worker.url}/health", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=5).json()
        return health["engines"]["horde"]["state"]

    wait_until(lambda: state() == "ready", "a ready engine")


class _Flood:
    """Requests for sketches from FLOOD connections of one address, while it is entered."""

    def __init__(self, port: int, tally: Tally) -> None:
        self._port, self._tally, self._over = port, tally, False
        self._thread = ThreadPoolExecutor(1)

    def _requests(self) -> Iterator[bytes]:
        seed = 0
        while not self._over:
            yield _sketch(seed := seed + 1)

    def __enter__(self) -> None:
        self._work = self._thread.submit(flood, self._port, self._requests(), FLOOD, ATTACKER)
        time.sleep(1.0)  # until slots and queue are full

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._tally += self._work.result()
        self._thread.shutdown()


@attack()
def sketch_flood(arena: Arena) -> Verdict:
    """60 sketches at a time of one client: another's pictures of an engine that is idle."""
    _, worker = arena.horde()
    server = arena.behind(worker)
    _ready(worker)
    with arena.probed(server), _Flood(server.port, arena.tally):
        with ThreadPoolExecutor(VICTIMS) as pool:
            asked = [pool.submit(ask, server.port, _horde(), VICTIM, HORDE_SECONDS) for _ in range(VICTIMS)]
            responses = [arena.tally.add(it.result()) for it in asked]
    codes = [response.code or str(response.status) if response else "no answer" for response in responses]
    made = codes.count("200")
    return Verdict(made == VICTIMS, f"{made} of {VICTIMS} made ({', '.join(sorted(set(codes)))})")


def _small_sketch(seed: int) -> bytes:
    return request("GET", f"/generate?prompt=a+busy+city+street&model=sketch&seed={seed}&width=192&height=192")


def _path(response: Response | None) -> str:
    result = json.loads(response.body) if response else {}
    return "/" + result.get("image_url", "http:///none").split("/", 3)[3]


@attack(quick=True)
def folder_flood(arena: Arena) -> Verdict:
    """400 sketches into a folder of 1 MB: are another's 5 sketches and its picture of an engine still there?"""
    _, worker = arena.horde(LOCAL_STORAGE_MB=FOLDER_MB)
    server = arena.behind(worker, RATE_LIMIT="off")
    _ready(worker)
    asked = [_horde(), *map(_small_sketch, range(SKETCHES, SKETCHES + VICTIMS))]
    made = [arena.tally.add(ask(server.port, data, VICTIM, HORDE_SECONDS)) for data in asked]
    arena.tally += flood(server.port, map(_small_sketch, range(SKETCHES)), 4, ATTACKER)
    auth = {"Authorization": f"Bearer {TOKEN}"}
    kept = [requests.get(f"{worker.url}{_path(it)}", headers=auth, timeout=10).status_code for it in made]
    size = sum(file.stat().st_size for file in (arena.folder / "images").iterdir())
    held = kept == [200] * len(asked) and size <= FOLDER_MB * 2**20 and arena.tally.outcomes["200"] >= SKETCHES
    said = f"{kept.count(200)} of its {len(asked)} are there, the folder has {size // 2**10:,} KB"
    return Verdict(held, said)


@attack(quick=True)
def nowhere_to_keep(arena: Arena) -> Verdict:
    """Pictures at a service while the folder cannot be written: how many are made there for nothing."""
    (arena.folder / "file").write_text("no folder")
    site, worker = arena.horde(LOCAL_STORAGE_DIR=arena.folder / "file" / "images")
    server = arena.behind(worker)
    for _ in range(3):
        arena.tally.add(ask(server.port, _horde(), ATTACKER, HORDE_SECONDS))
    log = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
    made = sum(entry["endpoint"] == "horde" for entry in log)
    return Verdict(made == 0, f"{made} made for 3 requests, of which {dict(arena.tally.outcomes)}")
