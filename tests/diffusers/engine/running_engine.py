"""The engine as the worker runs it: on the runtime's loop, with tiny models."""

import asyncio
import hashlib
import io
from collections.abc import Coroutine
from typing import Any

import numpy as np
from PIL import Image

from render_worker.contract import GenerateRequest
from render_worker.engines.base import GeneratedImage
from render_worker.engines.diffusers.engine import DiffusersEngine
from render_worker.engines.diffusers.settings import DiffusersSettings
from render_worker.imaging import SourcePicture
from render_worker.runtime import Runtime

SECONDS = 100
SIDE = 64


class Reported:
    """What the engine reported of one picture."""

    def __init__(self, *, wants_previews: bool = False) -> None:
        self.wants_previews = wants_previews
        self.time_left = SECONDS
        self.steps: list[tuple[int, int]] = []
        self.messages: list[str | None] = []
        self.previews: list[bytes] = []

    def __call__(self, phase: str, message: str | None = None, **numbers: int) -> None:
        self.messages.append(message)
        if "step" in numbers:
            self.steps.append((numbers["step"], numbers["total"]))

    async def preview(self, data: bytes) -> None:
        self.previews.append(data)

    def setback(self, sentence: str) -> None:
        self.messages.append(sentence)


class RunningEngine:
    """An engine that runs until it is closed."""

    def __init__(self, settings: DiffusersSettings) -> None:
        self._is_closed = False
        self.runtime = Runtime()
        self.runtime.start()
        self.engine = DiffusersEngine(settings)
        self.run(self.engine.start())

    @property
    def backend(self) -> Any:
        """Return what the engine keeps, once PyTorch is imported."""
        return self.run(self.engine._running())

    def run(self, work: Coroutine[Any, Any, Any], seconds: float = SECONDS) -> Any:
        """Return the result of a coroutine on the runtime's loop."""
        return self.runtime.run(work, seconds)

    def made(
        self, reported: Reported | None = None, *, image: SourcePicture | None = None, **recipe: Any
    ) -> GeneratedImage:
        """Return the picture of a recipe."""
        return self.run(self.making(reported, image=image, **recipe))

    def making(
        self, reported: Reported | None = None, *, image: SourcePicture | None = None, **recipe: Any
    ) -> Coroutine[Any, Any, GeneratedImage]:
        """Return the coroutine that makes the picture of a recipe."""
        request, report = request_of(**recipe), reported or Reported()
        return self.engine.edit(request, image, report) if image else self.engine.generate(request, report)

    def made_together(self, *recipes: dict[str, Any]) -> list[Any]:
        """Return the pictures of recipes that are asked for at the same time, or what was raised in place of one."""

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*(self.making(**recipe) for recipe in recipes), return_exceptions=True)

        return self.run(all_of_them())

    def close(self) -> None:
        """Stop it, unless it was."""
        if self._is_closed:
            return
        self._is_closed = True
        self.runtime.stop(self.engine.stop())


def request_of(**recipe: Any) -> GenerateRequest:
    """Return a request for a small picture of few steps."""
    usual = {"prompt": "a red fox in the snow", "model": "sd1", "steps": 4, "width": SIDE, "height": SIDE}
    return GenerateRequest(**{**usual, **recipe})


def pixels(picture: GeneratedImage | bytes) -> np.ndarray:
    """Return the shades of a picture, by rows and columns."""
    with Image.open(io.BytesIO(picture if isinstance(picture, bytes) else picture.data)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def digest(picture: GeneratedImage) -> str:
    """Return what tells pictures apart."""
    return hashlib.sha256(picture.data).hexdigest()


def source(size: tuple[int, int] = (SIDE, SIDE)) -> SourcePicture:
    """Return a picture to begin with."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(file, "PNG")
    return SourcePicture(file.getvalue(), *size)
