"""Engines that do what a test says, and a pipeline of them."""

import asyncio
import io
import time

import pytest
from PIL import Image

from render_worker.circuit_breaker import CircuitBreaker
from render_worker.contract import GenerateRequest
from render_worker.engines.base import Engine, GeneratedImage
from render_worker.engines.capabilities import PARAMETERS, Capabilities
from render_worker.engines.slots import Slots
from render_worker.errors import EngineError, EngineNotConfigured, InvalidParameter
from render_worker.generation.admission import Admission
from render_worker.generation.latency import Latencies
from render_worker.generation.pipeline import Pipeline
from render_worker.generation.selector import EngineSelector
from render_worker.metrics import Metrics
from render_worker.settings import Settings
from render_worker.sizes import Sizes
from render_worker.storages import build_storages


def drawn(size):
    """Return the bytes of a PNG of that width and height."""
    out = io.BytesIO()
    Image.new("RGB", size, "navy").save(out, "PNG")
    return out.getvalue()


THREE = Sizes(((768, 768), (768, 512), (512, 768)))


class Played(Engine):
    """An engine that does what the test says, with a file of the size that it is asked for, or of that of `file`."""

    description = "Played."

    def __init__(
        self,
        name,
        does=None,
        *,
        honoured=PARAMETERS,
        usual=10,
        slots=4,
        missing=None,
        sizes=THREE,
        file=None,
        price=None,
        quality=2,
        nsfw=None,
        starting=0.0,
    ):
        self.name = name
        self.does = does
        self.typical_seconds = usual
        self.slots = Slots(slots)
        self.recipes = []
        self.cancelled = 0
        self.dollars, self.quality = price, quality
        self._missing = missing
        self._file, self._nsfw = file, nsfw
        self._starting = starting
        self.capabilities = Capabilities.of(honoured, sizes)

    def seconds_to_start(self):
        return self._starting

    def check(self):
        if self._missing:
            raise EngineNotConfigured(self._missing)

    async def generate(self, recipe, report):
        self.recipes.append(recipe)
        if isinstance(self.does, EngineError | InvalidParameter):
            raise self.does
        try:
            await asyncio.sleep({"hang": 60, "slow": 0.3, "late failure": 0.2}.get(self.does, 0))
        except asyncio.CancelledError:
            self.cancelled += 1
            self.ended = time.monotonic()
            raise
        if self.does == "late failure":
            raise EngineError("No.")
        if self.does == "rubbish":
            return GeneratedImage(b"<html>", 5, 7.0)
        size = self._file or self.plan(recipe).made
        seed = 5 if self.capabilities.seed else None
        return GeneratedImage(drawn(size), seed, recipe.guidance_scale, nsfw=self._nsfw)


def pipelines(folder):
    """Return a function that makes a pipeline of some engines, which answer model=auto in that order."""

    def make(*engines, failures=0, queue_size=5, budgets=None, prices=None, hedged=False, **settings):
        settings = Settings(local_storage_dir=folder / "images", **settings)
        latencies = Latencies()
        admission = Admission(8, queue_size, [engine.slots for engine in engines])
        named = {engine.name: engine for engine in engines}
        breakers = {name: CircuitBreaker(name, failures, 60) for name in named}
        selector = EngineSelector(named, tuple(named), breakers, latencies, admission, budgets, prices)
        return Pipeline(
            selector,
            build_storages(settings),
            admission,
            latencies,
            Metrics(),
            (),
            hedged=hedged,
            refuses_nsfw=settings.nsfw == "refuse",
        )

    return make


def ask(pipeline, **fields):
    """Return the result of a request with these fields, and the progress that was reported."""
    progress = []
    request = GenerateRequest(**{"prompt": "a tree", **fields})
    return asyncio.run(pipeline.generate(request, progress.append)), progress


def refused(pipeline, error, **fields):
    """Return the error of that class that a request with these fields raises."""
    with pytest.raises(error) as caught:
        ask(pipeline, **fields)
    return caught.value


def over(answer):
    """Return the engines that were passed over for a result or in an error, each with its code."""
    return [(it.engine, it.code) for it in answer.fallback_from or []]
