"""A way to a picture at Hugging Face: its providers, or a Space. Each has its own credit or quota."""

import math
import time
from abc import ABC, abstractmethod

from render_worker.contract import Recipe
from render_worker.engines.base import GeneratedImage, Reporter
from render_worker.engines.capabilities import SIZE_PARAMETERS, Capabilities, requested
from render_worker.errors import EngineError, EngineNotConfigured, EngineUnauthorized, ServiceBlocked

DEFAULT_BLOCK_SECONDS = 60
UNUSABLE = (ServiceBlocked, EngineNotConfigured, EngineUnauthorized)
"""What a way raises if it makes this account no picture at the moment, whatever is asked for."""


class Way(ABC):
    """Makes pictures, but not while the service gives this account none: as long as it says, else for a minute."""

    model: str | None
    """What clients name it by, if there is a name."""
    capabilities: Capabilities
    quality: int
    dollars: float | None

    def __init__(self) -> None:
        self._refusal: EngineError | None = None
        self._blocked_until = 0.0

    def check(self) -> None:
        """Raise EngineNotConfigured if its settings or packages are missing."""

    async def stop(self) -> None:
        """Release everything."""

    @property
    def blocked(self) -> EngineError | None:
        """Return why it is unusable, with the seconds that this lasts yet; None if it is over, or nothing was wrong."""
        remaining = self._blocked_until - time.monotonic()
        if self._refusal is None or remaining <= 0:
            return None
        return type(self._refusal)(str(self._refusal), math.ceil(remaining))

    def misses(self, recipe: Recipe) -> list[str]:
        """Return the parameters that the recipe asks for and that this way does not honour."""
        exact = recipe.exact_size
        sizes = () if exact is None or self.capabilities.sizes.can_make(exact) else SIZE_PARAMETERS
        return [*sizes, *(name for name in requested(recipe) if name not in self.capabilities.parameters)]

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        """Make one picture. Raises what made it unusable, without asking, as long as that lasts."""
        if refusal := self.blocked:
            raise refusal
        try:
            return await self._make(recipe, report)
        except UNUSABLE as error:
            self._refusal = error
            self._blocked_until = time.monotonic() + (error.retry_after or DEFAULT_BLOCK_SECONDS)
            raise

    @abstractmethod
    async def _make(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        """Make one picture, as an engine does."""
