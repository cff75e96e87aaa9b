"""What an engine is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

from render_worker.admission import Places
from render_worker.contract import EngineHealth, Phase, Recipe
from render_worker.settings import Settings


class Report(Protocol):
    """An engine calls it at each phase that it enters, and where it knows more of one than before."""

    def __call__(
        self,
        phase: Phase,
        message: str | None = None,
        *,
        percent: int | None = None,
        step: int | None = None,
        total: int | None = None,
    ) -> None:
        """`message` is a short sentence for the caller; the numbers are the service's own, and no guess."""

    def setback(self, sentence: str) -> None:
        """Log what went wrong and what is done about it; the log's line about the picture will tell of it too."""


@dataclass(frozen=True)
class GeneratedImage:
    """What an engine made: a JPEG, PNG or WebP, and what it was really made with."""

    data: bytes
    seed: int
    guidance_scale: float
    nsfw: bool | None = None
    """The engine's own opinion; None where it has none."""
    note: str | None = None
    """A sentence that belongs to the picture and goes into the answer and the file."""


class Engine(ABC):
    """Makes pictures. Override `generate`, and `start`, `stop` and `health` where there is something to keep.

    All of it runs on the runtime's loop. A failure is an EngineError with its code; cancelling `generate` must end
    the work itself, outside too.
    """

    name: ClassVar[str]
    description: ClassVar[str]

    places: Places
    """As many places as the engine can make pictures at a time."""

    @abstractmethod
    def __init__(self, settings: Settings) -> None:
        """Set `places`; start nothing yet."""

    async def start(self) -> None:
        """Make ready what the first caller should not wait for."""

    async def stop(self) -> None:
        """Let go of everything."""

    @abstractmethod
    async def generate(self, recipe: Recipe, report: Report) -> GeneratedImage:
        """Make one picture of the recipe's shape; a seed of -1 means that the engine chooses one."""

    def health(self) -> EngineHealth:
        """The engine's state, known without asking anybody."""
        return EngineHealth(state="ready")
