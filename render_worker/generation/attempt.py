"""One engine's turn at a request: how much of the time is its own, and what it is told of those before it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from render_worker.contract import GenerateRequest
from render_worker.generation.progress import OnProgress
from render_worker.generation.selection import Candidate, Selection
from render_worker.runtime import CLEAN_UP_SECONDS

RESERVE = 1.5  # times what nine of ten pictures take, is what an engine should have
SAVING_SECONDS = 2.0

SecondsLeft = Callable[[], float]


@dataclass(frozen=True)
class Attempt:
    """One engine's turn at a request."""

    request: GenerateRequest
    candidate: Candidate
    choice: Selection
    later: list[Candidate]
    """Who has a turn after it, if need be."""
    started: float
    tell: OnProgress
    left: SecondsLeft

    @property
    def is_a_further_one(self) -> bool:
        """Whether another engine was asked before."""
        return self.candidate is not self.choice.candidates[0]

    def end(self) -> float | None:
        """Until which moment of the loop's clock the turn may last; None where there is nobody else, but the deadline.

        Who has others behind it leaves them what they are expected to need, but gets an equal share at least. The
        last of several is ended before the deadline: it takes back what it asked for, and the failure can tell
        of them all.
        """
        left = self.left()
        if len(self.choice.candidates) == 1 and not self.choice.out:
            return None
        needed = sum(candidate.making_seconds * RESERVE + SAVING_SECONDS for candidate in self.later)
        share = max(left - needed, left / (len(self.later) + 1))
        if not self.later:
            share = left - min(CLEAN_UP_SECONDS, left / 10)
        return asyncio.get_running_loop().time() + share

    def patience(self, end: float | None) -> float | None:
        """Until when a place is waited for: with a later one it would hardly be done. The last has nothing to lose."""
        return end - self.candidate.making_seconds * RESERVE if end and self.later else end

    def handed_on(self) -> str:
        """What the caller is told at the beginning of a further turn."""
        before, code = self.choice.out[-1]
        return f"{before.engine.name} cannot make it now ({code}); asking {self.candidate.engine.name}."
