"""The interface of engines."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from render_worker.contract import EngineHealth, Phase, Recipe, Size
from render_worker.engines.capabilities import SIZE_PARAMETERS, Capabilities, requested
from render_worker.engines.settings import EngineSettings
from render_worker.engines.slots import Slots
from render_worker.errors import EngineNotConfigured
from render_worker.optional_packages import missing_package
from render_worker.sizes import SizePlan

if TYPE_CHECKING:
    from render_worker.imaging import SourcePicture


class Reporter(Protocol):
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

    async def preview(self, data: bytes) -> None:
        """Report the unfinished picture, an image file of any size; does nothing unless `wants_previews`.

        One that cannot be read is left out: a picture may come of it yet.
        """

    @property
    def wants_previews(self) -> bool:
        """Return whether the client wants previews: an engine asks for none that cost time or money otherwise."""

    @property
    def time_left(self) -> float:
        """Return the seconds until the attempt's deadline: longer waits for the service are in vain."""

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
    simulated: bool = False
    """Whether the service says that a stand-in made it."""
    note: str | None = None
    """A sentence about the picture, for the response and the file."""
    model: str | None = None
    """Which of its models the engine used, if it has several."""
    made: Size | None = None
    """What the service was asked for in place of the size that `plan` says, as it makes no larger one at the moment."""
    steps: int | None = None
    """Denoising steps as the scheduler took them; None if the service does not return that."""
    scheduler: str | None = None
    """The name of the scheduler; None if the service does not return it."""
    strength: float | None = None
    """How far it left the image that it began with, also if the recipe does not say; None if that is not known."""
    ignored: tuple[str, ...] = ()
    """Parameters that it honours otherwise, and did not this time; a size that cannot be made is told of by `made`."""


class Engine(ABC):
    """Makes pictures. Override `generate`, and `edit` if it honours `image`; `check` if it needs settings,
    `capabilities_of` if its models differ; `start`, `stop` and `health` if it keeps something, `seconds_to_start` if
    that takes long.

    All of it runs on the runtime's loop. Failures are raised as an EngineError with its code, or as ServiceBlocked if
    the service refuses further requests. Cancelling `generate` must cancel the work at the service too.
    """

    name: str
    """The registry's key; of an engine that the settings name, the key and its name, as openai:local."""
    description: ClassVar[str]
    needs: ClassVar[str]
    """The account, keys or machine that it needs, as docs/engines.md says it."""
    capabilities: ClassVar[Capabilities]
    """What it honours; `capabilities_of` says how much of it a model honours."""
    typical_seconds: ClassVar[float]
    """A rough idea of a picture's latency, as long as none was made here lately."""
    cheap: ClassVar[bool] = False
    """Whether its pictures cost a moment of this machine and nothing else: they yield to those of other engines."""
    dollars: ClassVar[float | None] = None
    """US dollars that each picture costs; 0 if it is free, None if `price` knows better, or if it is not known."""
    quality: ClassVar[int] = 2
    """How good its pictures are, as a judgement: 0 a sketch, 1 small models, 2 Stable Diffusion, 3 FLUX and the like, 4
    the best of the day. `quality_of` says it of a model."""
    models: tuple[str, ...] = ()
    """Names that `model` accepts for this engine, beside its own. It is read anew for each request, so that an engine
    whose models come and go may have it as a property."""

    secrets: tuple[str, ...] = ()
    """Keys and passwords of the settings, which no words of a service may repeat."""
    slots: Slots
    """Its concurrency slots: as many as it can make pictures at a time."""

    @abstractmethod
    def __init__(self, settings: EngineSettings) -> None:
        """Set `slots`; start nothing yet."""

    @classmethod
    def of(cls, name: str, settings: EngineSettings) -> Self:
        """Return the engine of that name; an engine of which there may be several overrides this."""
        return cls(settings)

    async def start(self) -> None:
        """Prepare what the first request should not wait for."""

    async def stop(self) -> None:
        """Release everything."""

    def seconds_to_start(self) -> float:
        """Return the seconds for which what `start` prepares is likely to take yet; 0 if it is there, or not begun."""
        return 0.0

    def check(self) -> None:
        """Raise EngineNotConfigured if the engine's own settings or packages are missing."""

    def capabilities_of(self, model: str) -> Capabilities:
        """Return what it honours with that model; `auto` and its own name mean the model that it would use then."""
        return self.capabilities

    def price(self, recipe: Recipe) -> float | None:
        """Return what the recipe's picture costs at most, in US dollars; 0 if it is free, None if it is not known."""
        return self.dollars

    def quality_of(self, model: str) -> int:
        """Return how good that model's pictures are, as `quality`."""
        return self.quality

    def capabilities_for(self, recipe: Recipe) -> Capabilities:
        """Return what it honours of that recipe; an engine overrides this if an image changes more than its model."""
        return self.capabilities_of(recipe.model)

    def cannot_honour(self, recipe: Recipe) -> list[str]:
        """Return the parameters that the recipe asks for and that the engine does not honour."""
        capabilities = self.capabilities_for(recipe)
        exact = recipe.exact_size
        sizes = () if exact is None or capabilities.sizes.can_make(exact) else SIZE_PARAMETERS
        given = [name for name in sizes if getattr(recipe, name)]
        return given + [name for name in requested(recipe) if name not in capabilities.parameters]

    def plan(self, recipe: Recipe) -> SizePlan:
        """Return which size the service is asked for, and what becomes of its file."""
        return self.capabilities_for(recipe).sizes.plan(recipe)

    @abstractmethod
    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        """Make one picture of the size that `plan` says; a seed of -1 means that the engine chooses one.

        The recipe asks for nothing that `capabilities_of` leaves out.
        """

    async def edit(self, recipe: Recipe, image: "SourcePicture", report: Reporter) -> GeneratedImage:
        """Make one picture that begins with an image, as `generate` does; only asked if it honours `image`."""
        raise NotImplementedError

    def description_of(self, model: str) -> str:
        """Return what clients read about a name that `model` accepts."""
        return self.description

    def weights_of(self, model: str) -> Mapping[str, bool | int | None]:
        """Return `loaded`, `loading`, `size_bytes` and `memory_mib` of a model, as Model has them.

        It is empty if the engine keeps no weights itself.
        """
        return {}

    def health(self) -> EngineHealth:
        """Return the engine's state, which is known without a request to its service."""
        return EngineHealth(state="ready")


def require_package(module: str, engine: str) -> None:
    """Raise EngineNotConfigured, with what to do, if the engine's library is missing."""
    if problem := missing_package(module, f"engine {engine}", engine):
        raise EngineNotConfigured(problem)
