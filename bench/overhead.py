"""`python -m bench.overhead`: what the API tier adds to the render worker, and what a cached answer costs.

The render worker is a stub that answers at once. Ours is asked on connections that are kept, by one caller and by 32,
beside the stub itself and beside an empty view of Flask's under the same gunicorn settings.
"""

import argparse
import json
import sys

from bench import machine
from bench.capacity import stub
from bench.clients import drive, get, post
from bench.load import Load
from tests.fakes.processes import Server, api

MANY = 32
SHARE_OF_ONE = 4  # one caller asks a fourth as often
GENERATE = post("/generate", json.dumps({"prompt": "a tree", "request_id": "-"}).encode())


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    parser.add_argument("--requests", type=int, default=4000, help="by 32 callers (4000)")
    given = parser.parse_args()
    rows: dict[str, tuple[Load, Load]] = {}

    def measure(name: str, port: int, request: bytes) -> None:
        print(f"{name} ...", file=sys.stderr, flush=True)
        drive(port, request, 200, MANY)
        rows[name] = (
            drive(port, request, given.requests // SHARE_OF_ONE, 1),
            drive(port, request, given.requests, MANY),
        )

    with stub(0) as worker:
        measure("the worker itself (a stub)", int(worker.rpartition(":")[2]), GENERATE)
        with api(PERCHANCE_WORKER_URL=worker, LOG_LEVEL="WARNING") as front:
            mib = sum(process.memory_info().rss for process in front.tree()) / 2**20
            measure("ours before it", front.port, get("/generate?prompt=a+tree"))
            measure("ours, cached", front.port, get("/generate?prompt=a+tree&seed=7"))
        with Server("bench.empty:app", ready="/", LOG_LEVEL="WARNING") as empty:
            measure("an empty Flask view", empty.port, get("/"))
    print(f"\n{machine.line()}\n")
    direct, nothing = rows["the worker itself (a stub)"], rows["an empty Flask view"]
    print("| | one caller: ms | p90 | beyond the worker | 32 callers: a second | of the empty view's |")
    print("|---|---|---|---|---|---|")
    for name, (one, many) in rows.items():
        cells = [f"{one.median:.2f}", f"{one.p90:.2f}", f"{one.median - direct[0].median:.2f}", f"{many.a_second:.0f}"]
        print(f"| {name} | {' | '.join(cells)} | {many.a_second / nothing[1].a_second:.2f} |")
    print(f"\nIdle, the API tier's two processes have {mib:.0f} MiB together, shared pages counted twice.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
