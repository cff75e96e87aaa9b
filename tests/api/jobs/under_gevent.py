"""A store of jobs in a process with gevent's patches, as the API tier is: what `argv` names is done and measured.

Prints a line of JSON: what it did, and by how many milliseconds the hub was late at most.
"""

from threading import Event  # a real one, which holds up a native thread

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import psutil  # noqa: E402
import psycopg  # noqa: E402

from image_api import native_thread  # noqa: E402
from image_api.errors import ApiError  # noqa: E402
from image_api.jobs.database import connection, database, group_commit  # noqa: E402
from tests.api.jobs.stored import Stored  # noqa: E402


class Hub:
    """Measures by how much the hub was late, and what it did meanwhile."""

    def __init__(self) -> None:
        self.late = 0.0
        gevent.spawn(self._tick)

    def _tick(self) -> None:
        while True:
            begun = time.perf_counter()
            gevent.sleep(0.005)
            self.late = max(self.late, time.perf_counter() - begun - 0.005)


def outcomes(*calls: Callable[[], Any]) -> list[str]:
    """Call functions in greenlets; return the names of what each returned or raised."""

    def run(call: Callable[[], Any]) -> str:
        try:
            return type(call()).__name__
        except ApiError as error:
            return type(error).__name__

    greenlets = [gevent.spawn(run, call) for call in calls]
    gevent.joinall(greenlets)
    return [greenlet.value for greenlet in greenlets]


def threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def many(stored: Stored) -> dict[str, Any]:
    """Submit and read a lot, and tell how many native threads there are."""
    outcomes(*[stored.submit] * 50, *[stored.page] * 50)
    before, cpu = threads(), time.process_time()
    done = outcomes(*[stored.submit] * 500, *[stored.page] * 100)
    busy = time.process_time()
    gevent.sleep(1)
    return {
        "done": sorted(set(done)),
        "new_threads": threads() - before,
        "threads": threads(),
        "cpu": busy - cpu,
        "idle_cpu": time.process_time() - busy,
        "orm": "sqlalchemy.orm" in sys.modules,
    }


def reconnecting(stored: Stored) -> dict[str, Any]:
    """Lose all connections again and again, and tell whether native threads are left over."""
    outcomes(stored.submit, *[stored.page] * 50)
    before, done = threads(), set()
    for _ in range(5):
        with psycopg.connect(
            stored.url.replace("+psycopg", "").replace("localhost", "127.0.0.1"), autocommit=True
        ) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()")
        done.update(outcomes(stored.submit, *[stored.page] * 20))
    return {"redone": sorted(done), "left_over": threads() - before}


def locked(stored: Stored) -> dict[str, Any]:
    """Submit and read while another process has the lock, and tell how long either took."""
    begun, reads = time.perf_counter(), []

    def read() -> list[Any]:
        page = stored.page()
        reads.append(time.perf_counter() - begun)
        return page

    done = outcomes(*[stored.submit] * 100, *[read] * 100)
    return {"done": sorted(set(done)), "seconds": time.perf_counter() - begun, "read_seconds": max(reads)}


def hanging(stored: Stored, server: int) -> dict[str, Any]:
    """Submit and read while the server is stopped, and once it goes on."""
    connection.WRITE_SECONDS = connection.READ_SECONDS = 2.0
    group_commit.OUTCOME_SECONDS = 1.0
    outcomes(*[stored.page] * 3, stored.submit)
    processes = [psutil.Process(server), *psutil.Process(server).children()]
    for process in processes:
        process.suspend()
    begun = time.perf_counter()
    done = outcomes(*[stored.submit] * 20, *[stored.page] * 20)
    seconds = time.perf_counter() - begun
    for process in processes:
        process.resume()
    gevent.sleep(1)
    again = outcomes(stored.submit, stored.page)
    return {"done": sorted(set(done)), "seconds": seconds, "again": again, "threads": threads()}


def stuck(stored: Stored) -> dict[str, Any]:
    """Read while the disk holds up one reader, and then all, which no interruption ends."""
    connection.READ_SECONDS = native_thread.GRACE_SECONDS = database.READER_SECONDS = 0.5
    held = Event()

    def read() -> list[Any]:
        return stored.database.read(lambda _: [held.wait(30)])

    one = outcomes(read, *[stored.page] * 20), outcomes(*[stored.page] * 20)
    begun = time.perf_counter()
    all_of_them = outcomes(*[read] * 10, *[stored.page] * 10), outcomes(*[stored.page] * 10)
    seconds = time.perf_counter() - begun
    held.set()
    gevent.sleep(0.5)
    return {
        "one": [sorted(set(it)) for it in one],
        "all": [sorted(set(it)) for it in all_of_them],
        "seconds": seconds,
        "again": [*set(outcomes(*[stored.page] * 20))],
        "free": stored.database._readers.qsize(),
    }


def killed(stored: Stored) -> dict[str, Any]:
    """Kill greenlets that wait: what they wait for is not carried out, and the writer goes on."""
    event = threading.Event()
    gevent.spawn(stored.database.write, lambda _: time.sleep(0.3))
    gevent.sleep(0.1)
    waiting = [gevent.spawn(stored.database.write, lambda _: event.set()) for _ in range(5)]
    gevent.sleep(0.05)
    gevent.killall(waiting)
    job = stored.submit()
    return {"carried_out": event.is_set(), "is_last": stored.page()[0] == job}


def everything(stored: Stored) -> dict[str, Any]:
    """Do all that needs no help of the parent."""
    result = many(stored)
    late = HUB.late
    if stored.url.startswith("postgresql"):
        result.update(reconnecting(stored))
    return {**result, **killed(stored), "late": late * 1000}


def main() -> None:
    what, url, *arguments = sys.argv[1:]
    stored = Stored(url, max_pending=100_000)
    stored.submit()
    sys.stdout.write("up\n")
    sys.stdout.flush()
    sys.stdin.readline()
    HUB.late = 0.0
    result = {"everything": everything, "locked": locked, "hanging": hanging, "stuck": stuck}[what](
        stored, *map(int, arguments)
    )
    sys.stdout.write(json.dumps({"late": HUB.late * 1000, **result}))
    sys.stdout.flush()
    os._exit(0)


HUB = Hub()

if __name__ == "__main__":
    main()
