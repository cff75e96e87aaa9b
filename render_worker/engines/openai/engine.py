"""OpenAI's API of images, as OpenAI and many others serve it: https://platform.openai.com/docs/api-reference/images."""

import math
import random
from typing import Self

from render_worker.contract import MAX_SEED, Recipe
from render_worker.engines.base import Engine, GeneratedImage, Reporter
from render_worker.engines.capabilities import COMMON_PARAMETERS, IMAGE_PARAMETERS, Capabilities
from render_worker.engines.openai.answers import SIMULATED, Item, picture_of, seed_of
from render_worker.engines.openai.client import ImagesClient
from render_worker.engines.openai.connection import connection
from render_worker.engines.openai.models import (
    FREE,
    IMAGE_INPUT_DOLLARS,
    PARTIAL_IMAGE_DOLLARS,
    TEXT_BYTE_DOLLARS,
    quality_of,
)
from render_worker.engines.openai.refusals import ResponseFormatRefused
from render_worker.engines.openai.requests import (
    PARTIAL_IMAGES,
    request_fields,
    require_no_code,
    sent_guidance,
    wants_previews,
)
from render_worker.engines.openai.settings import OpenAISettings
from render_worker.engines.slots import Slots
from render_worker.errors import EngineNotConfigured
from render_worker.imaging import SourcePicture
from render_worker.outbound.exchange import HttpService
from render_worker.outbound.replies import printable


class OpenAIEngine(Engine):
    """Asks one endpoint of OpenAI's API of images for each picture."""

    name = "openai"
    description = "An API of images that is compatible with OpenAI's: OpenAI itself, others, or one's own server."
    needs = "a paid account's `OPENAI_API_KEY`; or `OPENAI_BASE_URL` of another service or of one's own server"
    typical_seconds = 30
    capabilities = Capabilities.of(COMMON_PARAMETERS, FREE)

    def __init__(self, settings: OpenAISettings, name: str = "openai") -> None:
        self.name = name
        self.slots = Slots(settings.engine_concurrency)
        self._settings = settings
        self._connection = connection(name, settings)
        self._service = HttpService(self._connection.service, settings.openai_seconds)
        self._capabilities = self._honoured()
        self._takes_response_format = True
        """Whether the server has not refused it yet."""

    @classmethod
    def of(cls, name: str, settings: OpenAISettings) -> Self:  # type: ignore[override]
        return cls(settings, name)

    def check(self) -> None:
        to, model = self._connection, self._connection.known
        first = self.name == type(self).name
        if to.preset.needs_key and not to.key:
            raise EngineNotConfigured(f"{'OPENAI_API_KEY' if first else f'The key of {self.name}'} not configured.")
        if to.preset.needs_model and not to.model:
            raise EngineNotConfigured(
                f"{'OPENAI_IMAGE_MODEL' if first else f'The model of {self.name}'} not configured."
            )
        if to.key and to.owner:
            raise EngineNotConfigured(f"{self.name}'s address has a user, and a key is set too: leave one of them out.")
        if model.has_ended() and not model.end_announced:
            where = "OPENAI_IMAGE_MODEL" if first else "OPENAI_ENDPOINTS"
            raise EngineNotConfigured(f"{to.service}'s {to.model} has ended on {model.end}; name another in {where}.")

    def capabilities_of(self, model: str) -> Capabilities:
        return self._capabilities

    def price(self, recipe: Recipe) -> float | None:
        """Return the picture's price at most: of OpenAI's own models with the tokens of what is sent."""
        known = self._connection.known
        each = known.price(self._connection.quality, math.prod(self.plan(recipe).made))
        if each is None or not known.has_qualities:
            return self._connection.preset.dollars if each is None else each
        each += TEXT_BYTE_DOLLARS * len(recipe.prompt.encode())
        each += IMAGE_INPUT_DOLLARS if recipe.image else 0
        return each + (PARTIAL_IMAGES * PARTIAL_IMAGE_DOLLARS if self._streams(recipe) else 0)

    def quality_of(self, model: str) -> int:
        return quality_of(self._connection.model)

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        return await self._make(recipe, None, report)

    async def edit(self, recipe: Recipe, image: SourcePicture, report: Reporter) -> GeneratedImage:
        return await self._make(recipe, image, report)

    async def _make(self, recipe: Recipe, image: SourcePicture | None, report: Reporter) -> GeneratedImage:
        self.check()
        to = self._connection
        require_no_code(to, recipe)
        seed = recipe.seed if recipe.seed >= 0 else random.randint(0, MAX_SEED)
        report("generating", f"Asking {to.service} for the picture.")
        item = await self._item(recipe, image, seed, report)
        data = await picture_of(item, to, report)
        sent = seed if "seed" in to.extensions else None
        return GeneratedImage(
            data,
            seed_of(item, sent, to),
            sent_guidance(to, recipe),
            note=printable(item.get("note")) or None if to.preset.tells_seed else None,
            model=to.model,
            simulated=to.preset.tells_seed and item.get(SIMULATED) is True,
        )

    async def _item(self, recipe: Recipe, image: SourcePicture | None, seed: int, report: Reporter) -> Item:
        to, previews = self._connection, report.wants_previews and self._connection.preset.streams
        fields = request_fields(to, recipe, self.plan(recipe), seed, previews=previews)
        if not self._takes_response_format:
            fields.pop("response_format", None)
        texts = tuple(text for text in (recipe.prompt, recipe.negative_prompt) if text)
        async with self._service.client() as client:
            asking = ImagesClient(to, self._service, client, texts)
            if to.preset.is_asynchronous:
                return await asking.task_item(fields, self._settings.openai_poll_seconds, report)
            try:
                return await asking.item(fields, image, report)
            except ResponseFormatRefused:
                if not fields.pop("response_format", None):
                    raise
                self._takes_response_format = False
                return await asking.item(fields, image, report)

    def _streams(self, recipe: Recipe) -> bool:
        return self._connection.preset.streams and wants_previews(recipe)

    def _honoured(self) -> Capabilities:
        """Return what the endpoint honours with its model."""
        to = self._connection
        names = set(to.extensions) - (set() if to.preset.edits else IMAGE_PARAMETERS)
        names |= {"image"} if to.preset.edits else set()
        names |= {"previews"} if to.preset.streams else set()
        return Capabilities.of(names, to.known.sizes or to.preset.sizes)
