"""`python -m bench.workers`: what four render workers carry, beside what one of them does.

Each is a stub in a process of its own with a fixed number of slots, each taken for half a second by a request. Both API
tiers have the same clients, who ask again as soon as they have an answer, in turns; the ratio is that of the medians.
Exits with 1 if it is below what several workers promise.
"""

import argparse
import statistics
import sys
from contextlib import ExitStack

from bench.capacity import stub
from bench.clients import drive, get
from bench.table import print_table
from tests.fakes.processes import api

COUNTS = (1, 4)
SLOTS = 8
SECONDS = 0.5
CLIENTS = 3 * SLOTS * max(COUNTS)
PROMISED = 3.6
PATH = get("/generate?prompt=a+tree")


def measure(rounds: int, seconds: float) -> dict[int, list[float]]:
    """Return the pictures a second with each number of workers, in turns of about so many seconds."""
    with ExitStack() as running:
        urls = [running.enter_context(stub(SECONDS, "--slots", str(SLOTS))) for _ in range(max(COUNTS))]
        fronts = {
            count: running.enter_context(api(PERCHANCE_WORKER_URL=",".join(urls[:count]), LOG_LEVEL="WARNING"))
            for count in COUNTS
        }
        for front in fronts.values():
            drive(front.port, PATH, CLIENTS, CLIENTS)
        found: dict[int, list[float]] = {count: [] for count in COUNTS}
        for number in range(rounds):
            for count, front in fronts.items():
                print(f"round {number + 1}, {count} ...", file=sys.stderr, flush=True)
                pictures = round(seconds / SECONDS) * SLOTS * count
                found[count].append(drive(front.port, PATH, pictures, CLIENTS).a_second)
        return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (3)")
    parser.add_argument("--seconds", type=float, default=10, help="of one turn (10)")
    given = parser.parse_args()
    found = measure(given.rounds, given.seconds)
    medians = {count: statistics.median(rates) for count, rates in found.items()}
    one = medians[1]
    columns = ("render workers", "pictures a second", "in each turn", "of one's", "of what their slots could do")
    print_table(
        columns,
        [
            [
                str(count),
                f"{rate:.1f}",
                ", ".join(f"{each:.1f}" for each in found[count]),
                f"{rate / one:.2f}",
                f"{rate * SECONDS / (SLOTS * count):.2f}",
            ]
            for count, rate in medians.items()
        ],
    )
    return 0 if medians[max(COUNTS)] >= PROMISED * one else 1


if __name__ == "__main__":
    sys.exit(main())
