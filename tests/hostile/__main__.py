"""`python -m tests.hostile`: what one anonymous client can do to all others, tried on servers of its own.

Everything stays on loopback and ends with this program. The exit status is 1 if an attack breaks something.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.fakes.processes import ROOT
from tests.hostile import attacks
from tests.hostile.arena import ATTACKS, Arena, Attack, Verdict
from tests.hostile.table import Result, as_rows, as_text, result_of

DOCUMENT = ROOT / "docs" / "security.md"


def carry_out(attack: Attack) -> Result:
    """Start an attack's servers, carry it out and stop them; return its result, broken if it could not be completed."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder, Arena(Path(folder)) as arena:
        try:
            verdict = attack.run(arena)
        except Exception as error:  # noqa: BLE001 - the other attacks go on
            verdict = Verdict(False, f"it could not be carried out: {type(error).__name__}: {_last_line(error)}")
        arena.measure()
    return result_of(attack, verdict, arena, time.monotonic() - begun)


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=sorted(ATTACKS), help="these attacks alone")
    parser.add_argument("--quick", action="store_true", help="those alone that the tests have, too")
    parser.add_argument("--list", action="store_true", help="list the attacks and end")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    parser.add_argument(
        "--markdown", choices=("before", "now"), help="print the rows of docs/security.md with this column filled"
    )
    return parser


def main() -> int:
    """Carry out the attacks one after the other and print their results; return 1 if one broke something, else 0."""
    given = _parser().parse_args()
    chosen = [it for it in ATTACKS.values() if it.name in (given.only or ATTACKS) and (it.quick or not given.quick)]
    if given.list:
        for attack in chosen:
            sys.stdout.write(f"{attack.name:26}{attack.what}\n")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every server is stopped
    results = []
    for number, attack in enumerate(chosen, 1):
        sys.stderr.write(f"[{number:2}/{len(chosen)}] {attack.name} …")
        sys.stderr.flush()
        results.append(carry_out(attack))
        last = results[-1]
        sys.stderr.write(f" {'held' if last.good else 'BROKEN'}, {last.seconds:.0f} s: {last.summary}\n")
    sys.stdout.write(as_text(results) + "\n")
    if given.markdown:
        sys.stdout.write("\n" + as_rows(results, given.markdown, DOCUMENT) + "\n")
    if given.json:
        given.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    return 0 if all(result.good for result in results) else 1


if __name__ == "__main__":
    assert attacks  # importing it registers them
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
