"""Pollinations' door without an account: one GET brings one picture, if the service does not want to be paid.

What it answers, and has answered in other years, is read in https://github.com/pollinations/pollinations: its issues
and image.pollinations.ai/src. It cancels nothing: all that can be done is to close the connection.
"""

import asyncio
import random
import time

from render_worker.contract import MAX_SEED, Recipe, Size
from render_worker.engines.base import Engine, GeneratedImage, Reporter
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.pollinations.address import address_of
from render_worker.engines.pollinations.placeholders import Placeholders
from render_worker.engines.pollinations.refusals import Refusals
from render_worker.engines.pollinations.replies import HEADERS, picture_of
from render_worker.engines.pollinations.settings import PollinationsSettings
from render_worker.engines.slots import Slots
from render_worker.errors import ContentRefused, PhaseTimeout
from render_worker.imaging import size_of, without_exif
from render_worker.outbound.download import MAX_PICTURE_BYTES
from render_worker.outbound.exchange import HttpService
from render_worker.sizes import Sizes

LOGO = "Pollinations puts its logo on this picture."
# It refuses no size, but scales down what has more pixels than its model's 768x768; of the others it says nothing.
SIZES = Sizes(((768, 768), (768, 512), (512, 768), (1024, 576), (576, 1024), (512, 512)))
ABANDONED_SECONDS = 10.0  # about a picture's time: it goes on with what was cancelled here, and takes one at a time


class PollinationsEngine(Engine):
    """Pictures by Pollinations, for which it knows this server by its address."""

    name = "pollinations"
    description = "Pollinations without an account: DreamShaper 8 LCM, free, with its logo on each picture."
    needs = "nothing; it wants to be paid by most addresses, and is left alone then"
    typical_seconds = 10
    capabilities = Capabilities(SIZES, seed=True)
    dollars = 0.0
    quality = 1

    def __init__(self, settings: PollinationsSettings) -> None:
        self._settings = settings
        self.slots = Slots(settings.pollinations_concurrency)
        self._service = HttpService("Pollinations", settings.pollinations_seconds, MAX_PICTURE_BYTES)
        self._placeholders = Placeholders()
        self._refusals = Refusals()
        self._free_at = 0.0
        self._is_safe = settings.nsfw == "refuse"  # it has no classification to return, but a mode that refuses

    async def generate(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        seed = recipe.seed if recipe.seed >= 0 else random.randint(1, MAX_SEED)  # without one it is 42 for all
        size = self.plan(recipe).made
        address = address_of(self._settings.pollinations_url, recipe.prompt, seed, size, safe=self._is_safe)
        self._refusals.raise_if_too_many()
        await self._wait_for_abandoned(report)
        report("generating")
        data = await self._picture(address)
        data = await asyncio.to_thread(self._checked, data, size, address)
        return GeneratedImage(data, seed, guidance_scale=None, note=LOGO)

    async def _wait_for_abandoned(self, report: Reporter) -> None:
        """Wait until the service is likely to be done with what was cancelled here: it counts that as a second one."""
        seconds = self._free_at - time.monotonic()
        if seconds > 0:
            report("queued", "Waiting for Pollinations to end what was cancelled.", expected_seconds=round(seconds))
            await asyncio.sleep(seconds)

    async def _picture(self, address: str) -> bytes:
        """Return the bytes of the picture. Raises an EngineError if the reply is none."""
        try:
            return picture_of(await self._service.exchange("GET", address, headers=HEADERS))
        except (asyncio.CancelledError, PhaseTimeout):
            self._free_at = time.monotonic() + ABANDONED_SECONDS
            raise
        except ContentRefused:
            self._refusals.add()
            raise

    def _checked(self, data: bytes, size: Size, address: str) -> bytes:
        """Return the picture without EXIF, where the service repeats the request.

        Raises EngineRateLimited if it is a placeholder. What is no picture is left to the pipeline.
        """
        if found := size_of(data):
            self._placeholders.check(data, found, size, address)
        return without_exif(data)
