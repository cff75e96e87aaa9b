"""`python -m bench.idle`: the memory of an API tier that is idle, without jobs, with each database of them, and by the
queue.

It has come up, and has served /health. Needs root, for the control group.
"""

import argparse
import sys
import tempfile
import time

import requests

from bench import machine
from bench.cgroup import Cgroup, CgroupError
from bench.table import print_table
from tests.fakes.postgres_server import PostgresServer
from tests.fakes.processes import Server, api, wait_until
from tests.fakes.redis_server import RedisServer

LIMIT_MIB = 512
SETTLED_SECONDS = 5.0  # after which the start is over, and what the jobs need is loaded


def _submit_one(server: Server) -> None:
    """Submit a job, so that its database exists, and no migration is measured with the next process."""

    def is_accepted() -> bool:
        answer = requests.post(f"{server.url}/api/v1/generate", json={"prompt": "a tree"}, timeout=20)
        return answer.status_code == 202

    wait_until(is_accepted, "a job")


def measure(url: str, *, has_jobs: bool, **settings: str) -> float:
    """Return the MiB of an API tier with that DATABASE_URL and these settings."""
    if has_jobs:
        with api(DATABASE_URL=url, **settings) as server:
            _submit_one(server)
    server = api(DATABASE_URL=url, **settings)
    with Cgroup(LIMIT_MIB, machine.cores()) as group:
        server.before_start = group.join
        with server:
            time.sleep(SETTLED_SECONDS)
            requests.get(f"{server.url}/health", timeout=20)
            return group.memory_mib


def main() -> int:
    """Measure each, and print them side by side."""
    argparse.ArgumentParser(prog="python -m bench.idle", description=__doc__).parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bench-idle-") as folder,
        PostgresServer() as postgres,
        RedisServer() as redis,
    ):
        url = f"sqlite:///{folder}/jobs.db"
        queue = {"DISPATCH": "celery", "REDIS_URL": redis.url}
        try:
            found = {
                "no jobs yet": measure(url, has_jobs=False),
                "jobs in SQLite": measure(url, has_jobs=True),
                "jobs in PostgreSQL": measure(postgres.url, has_jobs=True),
                "by the queue, no jobs yet": measure(f"sqlite:///{folder}/queue.db", has_jobs=False, **queue),
                "by the queue, jobs in PostgreSQL": measure(postgres.url, has_jobs=True, **queue),
            }
        except CgroupError as error:
            print(error, file=sys.stderr)
            return 1
    print_table(["the API tier, idle", "MiB"], [[name, f"{mib:.0f}"] for name, mib in found.items()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
