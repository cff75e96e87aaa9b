"""The interface of engines."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

from render_worker.contract import EngineHealth, Phase, Recipe
from render_worker.engines.slots import Slots
from render_worker.errors import EngineNotConfigured
from render_worker.packages import missing
from render_worker.settings import Settings

HONOURABLE = frozenset({"negative_prompt", "seed", "guidance_scale"})
"""The parameters, beside prompt and shape, that a recipe may ask for; a value that is its default asks for nothing."""


class Report(Protocol):
    """Reports progress: an engine calls it at each phase that it enters, and when it knows more of one."""

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
        """Report a phase; the numbers are the service's own, and no guess.

        `message` is a short sentence for the client; `position` counts in the service's queue, 1 is the next;
        `expected_seconds` is the time until the picture is there.
        """

    def setback(self, sentence: str) -> None:
        """Log what went wrong and what is done about it; the log's line about the picture counts it too."""


@dataclass(frozen=True)
class GeneratedImage:
    """The image that an engine made, a JPEG, PNG or WebP, and the parameters that it used."""

    data: bytes
    seed: int | None
    """None if the service does not return it."""
    guidance_scale: float | None
    """None if the model has none."""
    nsfw: bool | None = None
    """The engine's own classification; None if it has none."""
    note: str | None = None
    """A sentence about the picture, for the response and the file."""
    model: str | None = None
    """Which of its models the engine used, if it has several."""


class Engine(ABC):
    """Makes pictures. Override `generate`; `check` and `honours` where it needs settings or cannot honour everything;
    `start`, `stop` and `health` where there is something to keep.

    All of it runs on the runtime's loop. Failures are raised as an EngineError with its code, or as ServiceBlocked if
    the service refuses further requests. Cancelling `generate` must cancel the work at the service too.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    usual_seconds: ClassVar[float]
    """A rough idea of what a picture takes, as long as none was made here lately."""
    own_sizes: ClassVar[bool] = False
    """Whether its pictures have sizes of their own, at least the shape's, to be scaled down and cut to the shape."""
    cheap: ClassVar[bool] = False
    """Whether its pictures cost a moment of this machine and nothing else: they yield to those of other engines."""
    models: tuple[str, ...] = ()
    """Names that `model` accepts for this engine, beside its own."""

    slots: Slots
    """Its concurrency slots: as many as it can make pictures at a time."""

    @abstractmethod
    def __init__(self, settings: Settings) -> None:
        """Set `places`; start nothing yet."""

    async def start(self) -> None:
        """Prepare what the first request should not wait for."""

    async def stop(self) -> None:
        """Release everything."""

    def check(self) -> None:
        """Raise EngineNotConfigured if the engine's own settings or packages are missing."""

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
        """Return the engine's state, which is known without a request to its service."""
        return EngineHealth(state="ready")


def asked_for(recipe: Recipe) -> list[str]:
    """Which of HONOURABLE the recipe asks for, sorted."""
    defaults = {name: Recipe.model_fields[name].default for name in HONOURABLE}
    return sorted(name for name, default in defaults.items() if getattr(recipe, name) != default)


def require_package(module: str, engine: str) -> None:
    """Raise EngineNotConfigured, with what to do, if the engine's library is missing."""
    if problem := missing(module, f"engine {engine}", engine):
        raise EngineNotConfigured(problem)
