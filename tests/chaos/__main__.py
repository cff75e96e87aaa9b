"""`python -m tests.chaos`: 200 jobs, and what runs them killed, stopped or locked out at a random moment.

Everything runs on loopback, with real servers, SQLite files and PostgreSQL, and ends with this program. The exit
status is 1 if a job was lost, answered twice, or is stuck.
"""

import argparse
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from tests.chaos.performance import Outcome, perform
from tests.chaos.programme import SCENES
from tests.chaos.scene import BOTH, Scene

LANES = 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=sorted(SCENES), help="these scenes alone")
    parser.add_argument("--database", choices=BOTH, help="this kind of database alone")
    parser.add_argument("--jobs", type=int, default=200, help="jobs in each scene (200)")
    parser.add_argument("--seed", type=int, help="of the random moments, to draw the same again")
    parser.add_argument("--lanes", type=int, default=LANES, help=f"scenes at a time, which mostly wait ({LANES})")
    parser.add_argument("--list", action="store_true", help="list the scenes and end")
    return parser


@dataclass(frozen=True)
class Turn:
    """A scene on a kind of database."""

    scene: Scene
    database: str
    jobs: int
    seed: int

    def __str__(self) -> str:
        return f"{self.scene.name} on {self.database}, seed {self.seed}"

    def carry_out(self) -> bool:
        """Carry it out in this process, and print what came of it; return whether it held."""
        outcome = perform(self.scene, self.database, self.jobs, self.seed)
        _say(f"{self} … {_told(outcome, self.jobs)}\n")
        return not outcome.problems

    def apart(self) -> list[str]:
        """Return the command that carries it out in a process of its own."""
        given = ("--only", self.scene.name, "--database", self.database, "--jobs", self.jobs, "--seed", self.seed)
        return [sys.executable, "-m", "tests.chaos", *map(str, given), "--lanes", "1"]


def _told(outcome: Outcome, jobs: int) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in sorted(outcome.statuses.items()))
    state = f"{len(outcome.problems)} PROBLEMS" if outcome.problems else "held"
    again = f"; {outcome.again} pictures made again after their worker was killed" if outcome.again else ""
    prompt = [str(outcome.promptness)] if outcome.promptness else []
    lines = [f"{state}, {outcome.seconds:.0f} s: of {jobs} jobs {counts}{again}", *prompt]
    return "\n    ".join([*lines, *outcome.problems[:10]])


def _in_lanes(turns: list[Turn], lanes: int) -> bool:
    """Carry out so many turns at a time; return whether all held. Those that run end with this process."""
    processes: list[subprocess.Popen[str]] = []

    def told(turn: Turn) -> tuple[str, int]:
        process = subprocess.Popen(turn.apart(), stdout=subprocess.PIPE, text=True)
        processes.append(process)
        return process.communicate()[0] or f"{turn}\n", process.returncode

    with ThreadPoolExecutor(lanes) as pool:
        running = [pool.submit(told, turn) for turn in turns]
        try:
            for number, done in enumerate(as_completed(running), 1):
                _say(f"[{number:2}/{len(turns)}] {done.result()[0]}")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.terminate()
    return all(done.result()[1] == 0 for done in running)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> int:
    """Carry out the scenes; return 1 if one did not hold, else 0."""
    given = _parser().parse_args()
    chosen = [scene for scene in SCENES.values() if scene.name in (given.only or SCENES)]
    if given.list:
        for scene in chosen:
            sys.stdout.write(f"{scene.name:26}{scene.what}\n")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every process is ended
    seed = given.seed if given.seed is not None else random.randrange(10_000)
    databases = [given.database] if given.database else BOTH
    turns = [Turn(scene, it, given.jobs, seed) for scene in chosen for it in scene.databases if it in databases]
    if given.lanes == 1 or len(turns) == 1:
        return 1 if sum(not turn.carry_out() for turn in turns) else 0
    return 0 if _in_lanes(turns, given.lanes) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
