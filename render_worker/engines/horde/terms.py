"""The terms on which AI Horde is asked for a picture: the planned ones first, then such as want no kudos beforehand."""

import asyncio
import time
from dataclasses import dataclass, replace

from render_worker.contract import Recipe, Size
from render_worker.engines.base import Reporter
from render_worker.engines.horde.client import HordeClient
from render_worker.engines.horde.models import MAX_STEPS, ModelChoice, names_with_workers, without_kudos
from render_worker.engines.horde.replies import KudosUpfront, KudosWanted
from render_worker.engines.horde.settings import HordeSettings
from render_worker.engines.horde.smaller import next_smaller
from render_worker.errors import BadPicture, EngineError

MODELS_CACHE_SECONDS = 60.0
NO_MODELS_CACHE_SECONDS = 5.0


@dataclass(frozen=True)
class Terms:
    """A size in pixels, and the models of which any may answer."""

    size: Size
    choice: ModelChoice
    chosen: bool = False
    """Whether the models were chosen so that no kudos are wanted."""


class Negotiation:
    """Finds the next terms when AI Horde wants kudos; keeps its list of models for a minute, for all requests."""

    def __init__(self, settings: HordeSettings) -> None:
        self._usual = ModelChoice(settings.horde_models, settings.horde_steps)
        self._lock = asyncio.Lock()
        self._names: tuple[str, ...] = ()
        self._fresh_until = 0.0

    def planned(self, size: Size, steps: int | None) -> Terms:
        """Return the first terms; None are as many steps as usual."""
        return Terms(size, replace(self._usual, steps=steps or self._usual.steps))

    async def next_terms(
        self,
        refused: Terms,
        refusal: KudosUpfront,
        recipe: Recipe,
        planned: Size,
        client: HordeClient,
        report: Reporter,
    ) -> Terms:
        """Return the terms after those that were refused: other models for the same size, then the next size down.

        Raises KudosWanted if there are none, TooLargeWithoutKudos if the picture must have its exact size.
        """
        if not refused.chosen:
            wanted = refused.choice
            refused = replace(refused, choice=await self._choice(client, report, refused), chosen=True)
            if refused.choice != wanted:
                return refused
        size = next_smaller(refused.size, planned, refusal.max_pixels)
        if size is None:
            raise KudosWanted
        if recipe.exact_size and recipe.size_required:
            raise TooLargeWithoutKudos(recipe.exact_size)
        report.setback(f"it wants kudos for {_in_words(refused.size)}; asking for {_in_words(size)}.")
        return replace(refused, size=size)

    async def _choice(self, client: HordeClient, report: Reporter, refused: Terms) -> ModelChoice:
        """Return the models to ask for without kudos, of the configured ones if there are any.

        If none lifts the limit they are those that were refused, with no more steps than any model allows.
        """
        running, configured = await self._running(client, report), self._usual.names
        names = [name for name in configured if name in running] or configured or running
        wanted = refused.choice
        found = without_kudos(names, wanted.steps, refused.size[0] * refused.size[1])
        return found or replace(wanted, steps=min(wanted.steps, MAX_STEPS))

    async def _running(self, client: HordeClient, report: Reporter) -> tuple[str, ...]:
        """Return the models that machines run now, from the cache if it is fresh; none if they are not to be had."""
        async with self._lock:
            if time.monotonic() >= self._fresh_until:
                try:
                    self._names = names_with_workers(await client.models())
                except (EngineError, TimeoutError) as error:
                    report.setback(f"its list of models is not to be had: {error}")
                    self._names = ()
                self._fresh_until = time.monotonic() + (
                    MODELS_CACHE_SECONDS if self._names else NO_MODELS_CACHE_SECONDS
                )
            return self._names


def _in_words(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


class TooLargeWithoutKudos(BadPicture):
    """Raised if a picture must have a size that it makes only for kudos at the moment."""

    hint = "Ask for a smaller size, or with model=auto, or later."
    caused_by_request = True  # others are made

    def __init__(self, size: Size) -> None:
        super().__init__("wrong_size", f"AI Horde makes {_in_words(size)} only for kudos at the moment.")
