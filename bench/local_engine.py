"""The engine `diffusers` in this process, without a server, and the bare pipeline beside it."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from render_worker.contract import Progress, Recipe
from render_worker.engines.base import GeneratedImage
from render_worker.engines.diffusers.engine import DiffusersEngine
from render_worker.engines.diffusers.settings import DiffusersSettings
from render_worker.generation.latency import Latencies
from render_worker.generation.progress import ProgressReporter, ignore_progress

PROMPT = "a red fox in the snow"
GUIDANCE = 5.0


@dataclasses.dataclass(frozen=True)
class Time:
    """What something took, in seconds."""

    wall: float
    processor: float
    """Of this process, on all cores: other programs on a busy machine do not make it longer."""


class Stopwatch:
    """Measures from its start on."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    @property
    def time(self) -> Time:
        """Return the time since the start."""
        return Time(time.perf_counter() - self._wall, time.process_time() - self._processor)


class LocalEngine:
    """The engine as the pipeline of a render worker asks it."""

    def __init__(self, engine: DiffusersEngine) -> None:
        self.engine = engine

    async def make(
        self, model: str, side: int, steps: int, on_progress: Callable[[Progress], None] = ignore_progress, **more: Any
    ) -> GeneratedImage:
        """Return a square picture; without a `seed` the engine draws one, and may make it in a batch."""
        previews = bool(more.pop("previews", False))
        fields: dict[str, Any] = {
            "prompt": PROMPT,
            "guidance_scale": GUIDANCE,
            "width": side,
            "height": side,
            "steps": steps,
            **more,
        }
        recipe = Recipe(model=model, **fields)
        report = ProgressReporter("-", self.engine.name, Latencies(), on_progress, wants_previews=previews)
        return await self.engine.generate(recipe, report)

    async def timed(self, model: str, side: int, steps: int, **more: Any) -> Time:
        """Return what a picture takes."""
        watch = Stopwatch()
        await self.make(model, side, steps, **more)
        return watch.time


@asynccontextmanager
async def running(models: Path, default: str, **settings: Any) -> AsyncIterator[LocalEngine]:
    """Start an engine with the models of a folder; it is stopped at the end."""
    given = {"default_model_id": default, "model_cache_dir": models, "lora_dir": models / "loras", **settings}
    engine = DiffusersEngine(DiffusersSettings(**given))
    await engine.start()
    try:
        yield LocalEngine(engine)
    finally:
        await engine.stop()


class BarePipeline:
    """diffusers' own pipeline, called as its documents show it, on one thread."""

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe
        self.pipe.set_progress_bar_config(disable=True)

    def make(self, side: int, steps: int, seed: int = 0, **more: Any) -> Any:
        """Return the picture of a seed."""
        import torch

        torch.set_num_threads(1)  # OpenMP keeps the number for each thread, and asyncio may take another one each time
        generator = torch.Generator().manual_seed(seed)
        size = {"width": side, "height": side, "num_inference_steps": steps, "guidance_scale": GUIDANCE}
        return self.pipe(PROMPT, generator=generator, **size, **more).images[0]

    async def timed(self, side: int, steps: int, seed: int = 0, **more: Any) -> Time:
        """Return what a picture takes."""
        watch = Stopwatch()
        await asyncio.to_thread(self.make, side, steps, seed, **more)
        return watch.time
