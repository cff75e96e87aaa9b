"""`python -m bench.overhead`: what the API tier adds to the render worker, and what a cached answer costs.

The render worker is a stub that responds at once. Ours is measured on kept connections, with one client and with 32,
beside the stub itself and an empty Flask view under the same gunicorn settings. The rows with limits are those of a
client with a key that has limits, and of one without. They come through a trusted proxy, as this machine has no limits.
"""

import argparse
import json
import sys

from bench.capacity import stub
from bench.clients import drive, get, post
from bench.load import Load
from bench.table import print_table
from image_api.auth.api_key import hash_of, new_key
from image_api.key_entries import KeyEntry
from tests.fakes.processes import Server, api

MANY = 32
SHARE_OF_ONE = 4  # one client sends a fourth as many
DIRECT, EMPTY = "the worker itself (a stub)", "an empty Flask view"
PATHS = {"ours before it": "/generate?prompt=a+tree", "ours, cached": "/generate?prompt=a+tree&seed=7"}
MANY_PICTURES = 900_000_000
VISITOR = {"X_Forwarded_For": "203.0.113.9"}
GENERATE = post("/generate", json.dumps({"prompt": "a tree", "request_id": "-"}).encode())


def _measure(name: str, port: int, request: bytes, count: int) -> tuple[Load, Load]:
    print(f"{name} ...", file=sys.stderr, flush=True)
    drive(port, request, 200, MANY)
    return drive(port, request, count // SHARE_OF_ONE, 1), drive(port, request, count, MANY)


def _row(name: str, loads: tuple[Load, Load], direct: Load, nothing: Load) -> list[str]:
    one, many = loads
    cells = [f"{one.median:.2f}", f"{one.p90:.2f}", f"{one.median - direct.median:.2f}", f"{many.a_second:.0f}"]
    return [name, *cells, f"{many.a_second / nothing.a_second:.2f}"]


def _with_limits(worker: str, count: int) -> dict[str, tuple[Load, Load]]:
    """Measure a client without a key under RATE_LIMIT, and one with a key that has limits."""
    key = new_key()
    entry = KeyEntry("bench", hash_of(key), per_minute=MANY_PICTURES, per_day=MANY_PICTURES)
    clients = {"a rate limit": VISITOR, "a key and its limits": VISITOR | {"X_API_Key": key}}
    settings = {"RATE_LIMIT": f"{MANY_PICTURES} per 10 minutes", "TRUSTED_PROXIES": "loopback", "API_KEYS": str(entry)}
    rows: dict[str, tuple[Load, Load]] = {}
    with api(PERCHANCE_WORKER_URL=worker, LOG_LEVEL="WARNING", **settings) as front:
        for client, headers in clients.items():
            for name, path in PATHS.items():
                row = f"{name}, with {client}"
                rows[row] = _measure(row, front.port, get(path, **headers), count)
    return rows


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    parser.add_argument("--requests", type=int, default=4000, help="by 32 clients (4000)")
    count = parser.parse_args().requests
    rows: dict[str, tuple[Load, Load]] = {}
    with stub(0) as worker:
        rows[DIRECT] = _measure(DIRECT, int(worker.rpartition(":")[2]), GENERATE, count)
        with api(PERCHANCE_WORKER_URL=worker, LOG_LEVEL="WARNING") as front:
            memory = [process.memory_full_info() for process in front.tree()]
            once, twice = (sum(getattr(each, kind) for each in memory) / 2**20 for kind in ("pss", "rss"))
            for name, path in PATHS.items():
                rows[name] = _measure(name, front.port, get(path), count)
        rows |= _with_limits(worker, count)
        with Server("bench.empty:app", ready="/", LOG_LEVEL="WARNING") as empty:
            rows[EMPTY] = _measure(EMPTY, empty.port, get("/"), count)
    columns = ("", "one client: ms", "p90", "beyond the worker", "32 clients: a second", "of the empty view's")
    print_table(columns, [_row(name, loads, rows[DIRECT][0], rows[EMPTY][1]) for name, loads in rows.items()])
    print(f"\nIdle, the API tier's two processes have {once:.0f} MiB; {twice:.0f} with shared pages counted twice.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
