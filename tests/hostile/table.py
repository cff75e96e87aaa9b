"""Results of attacks, and how they are printed: as a table, or as rows of docs/security.md."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tests.hostile.arena import Arena, Attack, Verdict

COLUMNS = ("attack", "", "requests", "own 5xx", "tracebacks", "/health p99", "MiB", "files open", "log KB", "on disk")
ROW = re.compile(r"^\| `([a-z0-9-]+)`[^|]*\|([^|]*)\|([^|]*)\|$", re.MULTILINE)
Column = Literal["before", "now"]


@dataclass(frozen=True)
class Result:
    """The result of an attack."""

    attack: str
    what: str
    held: bool
    value: str
    seconds: float
    requests: int
    own_faults: int
    tracebacks: int
    health_p99_ms: float | None
    health_unanswered: int
    outcomes: dict[str, int]
    before: dict[str, int] | None
    after: dict[str, int] | None

    @property
    def good(self) -> bool:
        """Return whether the service held, without a fault of its own."""
        return self.held and not self.own_faults and not self.tracebacks

    @property
    def summary(self) -> str:
        """Return the value, with the faults that the attack itself did not check for."""
        faults = [f"{self.own_faults} own-fault 5xx"] if self.own_faults else []
        faults += [f"{self.tracebacks} tracebacks"] if self.tracebacks else []
        return "; ".join([self.value, *faults])


def result_of(attack: Attack, verdict: Verdict, arena: Arena, seconds: float) -> Result:
    """Return an attack's verdict together with what was measured."""
    return Result(
        attack=attack.name,
        what=attack.what,
        held=verdict.held,
        value=verdict.value,
        seconds=round(seconds, 1),
        requests=arena.tally.requests,
        own_faults=arena.tally.own_faults,
        tracebacks=arena.tracebacks,
        health_p99_ms=arena.p99,
        health_unanswered=arena.unanswered,
        outcomes=dict(arena.tally.outcomes),
        before=asdict(arena.before) if arena.before else None,
        after=asdict(arena.after) if arena.after else None,
    )


def as_text(results: list[Result]) -> str:
    """Return the table, and below it the value of each attack."""
    rows = [COLUMNS, *(_cells(result) for result in results)]
    widths = [max(len(row[number]) for row in rows) for number in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    values = [f"{result.attack}: {result.summary}" for result in results]
    return "\n".join([*lines, "", *values])


def _cells(result: Result) -> tuple[str, ...]:
    def change(name: str, unit: int = 1) -> str:
        if not result.before or not result.after:
            return ""
        return f"{result.before[name] // unit} -> {result.after[name] // unit}"

    p99 = "" if result.health_p99_ms is None else f"{result.health_p99_ms:.0f} ms"
    lost = f" ({result.health_unanswered} lost)" if result.health_unanswered else ""
    return (
        result.attack,
        "held" if result.good else "BROKEN",
        str(result.requests),
        str(result.own_faults),
        str(result.tracebacks),
        p99 + lost,
        change("mib"),
        change("descriptors"),
        change("log_bytes", 1024),
        change("files"),
    )


def as_rows(results: list[Result], column: Column, document: Path) -> str:
    """Return the rows of docs/security.md with one column from these results and the other as it stands there."""
    standing = ROW.findall(document.read_text()) if document.exists() else []
    kept = {name: (before.strip(), now.strip()) for name, before, now in standing}
    rows = []
    for result in results:
        before, now = kept.get(result.attack, ("", ""))
        measured = f"{'held' if result.good else 'broken'}: {result.summary}".replace("|", "/")
        before, now = (measured, now) if column == "before" else (before, measured)
        rows.append(f"| `{result.attack}`: {result.what.rstrip('.')} | {before} | {now} |")
    return "\n".join(rows)
