"""`python -m tests.chaos`: 200 jobs, and what runs them killed, stopped or locked out at a random moment.

Everything runs on loopback, with real servers, SQLite files and PostgreSQL, and ends with this program. The exit
status is 1 if a job was lost, answered twice, or is stuck.
"""

import argparse
import random
import signal
import sys

from tests.chaos.performance import Outcome, perform
from tests.chaos.scenes import BOTH, SCENES


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=sorted(SCENES), help="these scenes alone")
    parser.add_argument("--database", choices=BOTH, help="this kind of database alone")
    parser.add_argument("--jobs", type=int, default=200, help="jobs in each scene (200)")
    parser.add_argument("--seed", type=int, help="of the random moments, to draw the same again")
    parser.add_argument("--list", action="store_true", help="list the scenes and end")
    return parser


def _told(outcome: Outcome, jobs: int) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in sorted(outcome.statuses.items()))
    state = f"{len(outcome.problems)} PROBLEMS" if outcome.problems else "held"
    again = f"; {outcome.again} pictures made again after their render worker was killed" if outcome.again else ""
    lines = [f"{state}, {outcome.seconds:.0f} s: of {jobs} jobs {counts}{again}"]
    return "\n    ".join([*lines, *outcome.problems[:10]])


def main() -> int:
    """Carry out the scenes one after the other; return 1 if one did not hold, else 0."""
    given = _parser().parse_args()
    chosen = [scene for scene in SCENES.values() if scene.name in (given.only or SCENES)]
    if given.list:
        for scene in chosen:
            sys.stdout.write(f"{scene.name:26}{scene.what}\n")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every process is ended
    seed = given.seed if given.seed is not None else random.randrange(10_000)
    turns = [(scene, it) for scene in chosen for it in scene.databases if given.database in (None, it)]
    failed = 0
    for number, (scene, database) in enumerate(turns, 1):
        sys.stdout.write(f"[{number:2}/{len(turns)}] {scene.name} on {database}, seed {seed} … ")
        sys.stdout.flush()
        outcome = perform(scene, database, given.jobs, seed)
        failed += bool(outcome.problems)
        sys.stdout.write(_told(outcome, given.jobs) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
