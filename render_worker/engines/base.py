"""What an engine is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

from render_worker.contract import EngineHealth, Phase, Recipe
from render_worker.errors import EngineNotConfigured
from render_worker.generation.admission import Slots
from render_worker.optional_packages import missing_package
from render_worker.settings import Settings

HONOURABLE = frozenset({"negative_prompt", "seed", "guidance_scale"})
"""The parameters, beside prompt and shape, that a recipe may ask for; a value that is its default asks for nothing."""


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
        position: int | None = None,
        expected_seconds: int | None = None,
    ) -> None:
        """`message` is a short sentence for the caller; the numbers are the service's own, and no guess.

        `position` is the place in the service's queue, 1 the next; `expected_seconds` until the picture is there.
        """

    def setback(self, sentence: str) -> None:
        """Log what went wrong and what is done about it; the log's line about the picture will tell of it too."""


@dataclass(frozen=True)
class GeneratedImage:
    """What an engine made: a JPEG, PNG or WebP, and what it was really made with."""

    data: bytes
    seed: int | None
    """None where the service does not tell."""
    guidance_scale: float | None
    """None where the model has no such thing."""
    nsfw: bool | None = None
    """The engine's own opinion; None where it has none."""
    note: str | None = None
    """A sentence that belongs to the picture and goes into the answer and the file."""
    model: str | None = None
    """Which of its models the engine used, where it has several."""


class Engine(ABC):
    """Makes pictures. Override `generate`; `check` and `honours` where it needs settings or cannot honour everything;
    `start`, `stop` and `health` where there is something to keep.

    All of it runs on the runtime's loop. A failure is an EngineError with its code; a Wall where asking again soon
    would be in vain. Cancelling `generate` must end the work itself, outside too.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    usual_seconds: ClassVar[float]
    """A rough idea of what a picture takes, as long as none was made here lately."""
    own_sizes: ClassVar[bool] = False
    """Whether its pictures have sizes of their own, at least the shape's, to be scaled down and cut to the shape."""
    cheap: ClassVar[bool] = False
    """Whether its pictures cost a moment of this machine and nothing else: they give way to those of other engines."""
    models: tuple[str, ...] = ()
    """Names that `model` accepts for this engine, beside its own."""

    slots: Slots
    """As many places as the engine can make pictures at a time."""

    @abstractmethod
    def __init__(self, settings: Settings) -> None:
        """Set `places`; start nothing yet."""

    async def start(self) -> None:
        """Make ready what the first caller should not wait for."""

    async def stop(self) -> None:
        """Let go of everything."""

    def check(self) -> None:
        """Raise EngineNotConfigured where the engine's own settings or packages are missing."""

    def honours(self, model: str) -> frozenset[str]:
        """Which of HONOURABLE it can take for that model; `auto` and its own name mean the model it would use then."""
        return HONOURABLE

    def cannot_honour(self, recipe: Recipe) -> list[str]:
        """The parameters that the recipe asks for and that the engine cannot take."""
        return [name for name in asked_for(recipe) if name not in self.honours(recipe.model)]

    @abstractmethod
    async def generate(self, recipe: Recipe, report: Report) -> GeneratedImage:
        """Make one picture of the recipe's shape; a seed of -1 means that the engine chooses one.

        The recipe asks for nothing that `honours` leaves out.
        """

    def health(self) -> EngineHealth:
        """The engine's state, known without asking anybody."""
        return EngineHealth(state="ready")


def asked_for(recipe: Recipe) -> list[str]:
    """Which of HONOURABLE the recipe asks for, sorted."""
    defaults = {name: Recipe.model_fields[name].default for name in HONOURABLE}
    return sorted(name for name, default in defaults.items() if getattr(recipe, name) != default)


def require_package(module: str, engine: str) -> None:
    """Raise EngineNotConfigured, with what to do, where the engine's library is missing."""
    if problem := missing_package(module, f"engine {engine}", engine):
        raise EngineNotConfigured(problem)
