"""A scene as it is carried out: its processes, the clients, the disturbance, and the verdict."""

import contextlib
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import promptness, queue_verdict, verdict
from tests.chaos.clients import Clients
from tests.chaos.promptness import Promptness
from tests.chaos.row_watch import RowWatch
from tests.chaos.scene import Scene
from tests.chaos.stage import Stage

FINAL_SECONDS = 90.0  # within which every job is final, after the last disturbance
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Outcome:
    """What came of a scene on one database."""

    problems: list[str]
    statuses: Counter[str]
    seconds: float
    again: int
    """Pictures that were made again after their worker was killed."""
    promptness: Promptness | None = None
    """Of a queue, if it was measured."""


def perform(
    scene: Scene,
    database: str,
    jobs: int,
    seed: int,
    seconds: tuple[float, float] = (0.5, 1.0),
    *,
    is_timed: bool = True,
) -> Outcome:
    """Carry out a scene. A picture takes from and to so many seconds; what is not timed may be slow."""
    chance = random.Random(seed)
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder,
        Stage(database, Path(folder), seconds, scene.cast) as stage,
    ):
        clients = Clients(lambda: [it.url for it in stage.apis], jobs, chance, of_stub=scene.cast.kind == "stub")
        found = None
        try:
            with RowWatch(stage) as watch:
                _carry_out(scene, stage, clients, chance)
            problems = verdict.problems(stage, clients)
            if scene.cast.has_queue:
                found = promptness.measured(stage, clients, watch) if is_timed else None
                problems += [*queue_verdict.problems(stage, clients), *(found.problems() if found else ())]
        except Exception as error:  # noqa: BLE001 - the other scenes go on
            problems = [f"{type(error).__name__}: {error}", *clients.errors, *stage.tracebacks()]
        statuses = Counter(job.finals[0]["status"] if job.finals else "stuck" for job in clients.jobs)
        again = verdict.made_again(stage, clients)
        return Outcome(problems, statuses, time.monotonic() - begun, again, found)


def _carry_out(scene: Scene, stage: Stage, clients: Clients, chance: random.Random) -> None:
    """Submit the jobs, have happen what the scene says, and wait for every job's end."""
    with _watched(clients):
        clients.start()
        scene.disturb(stage, chance)
        clients.join()
        _wait(clients)
    verdict.last_look(clients)


@contextlib.contextmanager
def _watched(clients: Clients) -> Iterator[None]:
    """Ask for the jobs' statuses all the time while the context lasts."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            clients.look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _wait(clients: Clients) -> None:
    """Wait until every job was seen final. Raises AssertionError if one is not within FINAL_SECONDS."""
    end = time.monotonic() + FINAL_SECONDS
    while stuck := sum(not job.finals for job in clients.jobs):
        assert time.monotonic() < end, f"{stuck} jobs are not final"
        time.sleep(0.1)
