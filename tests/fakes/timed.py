"""Engines that take some seconds, for hedging."""

import asyncio

from render_worker.contract import GenerateRequest
from render_worker.engines.base import GeneratedImage
from render_worker.errors import WorkerError
from tests.fakes.played import Played, drawn

USUAL = 0.05  # twice that is what an engine has before a hedge, as long as it made no pictures


class Timed(Played):
    """An engine whose picture, or error, comes after some seconds."""

    def __init__(self, name, seconds, does=None, **options):
        super().__init__(name, **{"usual": USUAL, "price": 0.0, **options})
        self.seconds, self.ends_with, self.running = seconds, does, 0

    async def generate(self, recipe, report):
        self.recipes.append(recipe)
        self.running += 1
        report("generating", f"{self.name} at it.")
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if self.ends_with:
            raise self.ends_with
        return GeneratedImage(drawn((768, 768)), 5, 7.0)


def hedged(pipeline, **fields):
    """Return the result or the error of a request, and its progress; nothing is left running."""
    told = []

    async def asked():
        request = GenerateRequest(**{"prompt": "a", "timeout_seconds": 20, **fields})
        try:
            return await pipeline.generate(request, told.append)
        finally:
            assert asyncio.all_tasks() == {asyncio.current_task()}

    try:
        return asyncio.run(asked()), told
    except WorkerError as error:
        return error, told
    finally:
        assert pipeline.admission.health().running == pipeline.admission.health().waiting == 0


def count(pipeline, name, **labels):
    return pipeline._metrics.registry.get_sample_value(f"render_worker_{name}_total", labels) or 0
