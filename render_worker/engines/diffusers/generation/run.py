"""Makes the pictures of a batch with a loaded model. All of it runs on the generation thread."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from PIL import Image

from render_worker.browser.memory import MIB
from render_worker.contract import Size
from render_worker.engines.diffusers.generation.checks import to_images, to_png
from render_worker.engines.diffusers.generation.image_to_image import opened, strength_of
from render_worker.engines.diffusers.generation.interruption import interruptible
from render_worker.engines.diffusers.generation.out_of_memory import Outcome, Way, made_within_memory
from render_worker.engines.diffusers.generation.previews import LatentColors, Previews
from render_worker.engines.diffusers.generation.request import DiffusionPicture, DiffusionRequest, LoraUse, Stopped
from render_worker.engines.diffusers.generation.safety import blackened, flags
from render_worker.engines.diffusers.generation.schedulers import make_scheduler, name_of, scheduler_name
from render_worker.engines.diffusers.generation.steps import StepReports
from render_worker.engines.diffusers.generation.vae import IN_TILES, planned_vae
from render_worker.engines.diffusers.models.layout import Layout
from render_worker.engines.diffusers.models.loaded_model import LoadedModel
from render_worker.engines.diffusers.models.loader import free_memory
from render_worker.engines.diffusers.models.memory import MemoryReading, PicturePlan, plan_for, what_would_fit
from render_worker.errors import EngineError

ApplyLora = Callable[[LoadedModel, LoraUse | None], None]
"""Has exactly this LoRA be active in a model, or none."""
GPU_FAILED = "The GPU failed, and this process cannot use it any more; the operator starts the render worker again."
TRANSFORMERS = (Layout.SD3, Layout.FLUX)


class PictureMaker:
    """Makes pictures with loaded models."""

    def __init__(
        self, apply_lora: ApplyLora, clear_loras: Callable[[], None], free_bytes: MemoryReading, *, blackens: bool
    ) -> None:
        """`clear_loras` drops those in memory, if that is short; `free_bytes` reads how much there is. `blackens`:
        whether a flagged picture is black.
        """
        self._blackens = blackens
        self._apply_lora = apply_lora
        self._clear_loras = clear_loras
        self._free_bytes = free_bytes
        self._colors = LatentColors()
        self.failure: EngineError | None = None
        """Why no picture can be made any more in this process; None as long as that is not so."""

    def make(self, model: LoadedModel, batch: Sequence[DiffusionRequest]) -> list[Outcome]:
        """Return a picture for each request of a batch, or why there is none.

        They agree in all that a batch's pictures have in common. Raises Stopped if none is wanted any more, and what
        keeps all of them from being made.
        """
        lora = batch[0].lora
        self._apply_lora(model, lora)

        def free() -> None:
            self._clear_loras()
            free_memory()
            self._apply_lora(model, lora)

        def would_fit(size: Size) -> Size | None:
            within, vae = model.source.sizes.within, model.files.vae
            return what_would_fit(vae, within, size, self._free_bytes(), model.device.number_bytes) if within else None

        try:
            return made_within_memory(
                lambda requests, way: self._made(model, requests, way),
                batch,
                model.source.sizes.within,
                free,
                would_fit,
            )
        except torch.AcceleratorError as error:  # such as an illegal access: only a new process can use the GPU
            self.failure = EngineError(GPU_FAILED)
            raise EngineError(GPU_FAILED) from error

    def _made(self, model: LoadedModel, batch: Sequence[DiffusionRequest], way: Way) -> list[Outcome]:
        """Return what one call of the pipeline brings."""
        first, begun = batch[0], time.perf_counter()
        pipe = model.image_pipe() if first.image else model.pipe
        previews = self._previews(model, batch)
        reports = StepReports(batch, previews)
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        scheduler = first.scheduler and scheduler_name(model.layout, first.scheduler, first.steps)
        plan = self._plan(model, batch, way)
        with (
            _own_scheduler(model, pipe, scheduler) as used,
            planned_vae(pipe.vae, plan),
            interruptible(pipe, model.interruptible_layers, [request.stop for request in batch]),
        ):
            arguments = _arguments(model, batch, way)
            tensors = pipe(**arguments, output_type="pt", callback_on_step_end=reports).images
        images = to_images(tensors, model.device.dtype, first.lora)
        flagged = _flagged(model, images)
        return [
            _outcome(
                request,
                image,
                scheduler=scheduler or name_of(model.layout, used),
                steps=reports.done,
                nsfw=nsfw,
                blackens=self._blackens,
                seconds=time.perf_counter() - begun,
                batch=len(batch),
                note=IN_TILES if plan.tiled else None,
                is_guided=getattr(pipe, "do_classifier_free_guidance", False),
            )
            for request, image, nsfw in zip(batch, images, flagged, strict=True)
        ]

    def _plan(self, model: LoadedModel, batch: Sequence[DiffusionRequest], way: Way) -> PicturePlan:
        """Return how the VAE works: whole, unless there is no room for that."""
        vae = model.files.vae
        if way.frugal:
            return PicturePlan(sliced=len(batch) > 1, tiled=max(way.size) > vae.tile_side)
        return plan_for(vae, way.size, len(batch), self._free_bytes(), model.device.number_bytes)

    def _previews(self, model: LoadedModel, batch: Sequence[DiffusionRequest]) -> Previews | None:
        """Return the previews of a batch; None if there is no wish for them, or if the model can have none."""
        if not any(request.on_preview for request in batch):
            return None
        colors = self._colors.of(model)
        return None if colors is None else Previews(model, colors, batch)


def _arguments(model: LoadedModel, batch: Sequence[DiffusionRequest], way: Way) -> dict[str, Any]:
    """Return the arguments of the pipeline's call; a list of one is another thing to it than one without a list."""
    first, alone = batch[0], len(batch) == 1
    # Of the CPU even for a GPU, so that a seed is the same noise on both.
    generators = [torch.Generator().manual_seed(request.seed) for request in batch]
    prompts = [request.prompt for request in batch]
    found: dict[str, Any] = {
        "prompt": prompts[0] if alone else prompts,
        "num_inference_steps": first.steps,
        "guidance_scale": first.guidance_scale,
        "generator": generators[0] if alone else generators,
    }
    if model.layout is not Layout.FLUX:
        negative = [request.negative_prompt for request in batch]
        found["negative_prompt"] = first.negative_prompt if first.negative_prompt is None or alone else negative
    if first.image:
        images = [opened(request.image, way.size) for request in batch if request.image]
        found["image"] = images[0] if alone else images
        found["strength"] = strength_of(first)
    if not first.image or model.layout in TRANSFORMERS:
        found["width"], found["height"] = way.size
    return found


def _flagged(model: LoadedModel, images: Sequence[Image.Image | Exception]) -> list[bool | None]:
    """Return what the model's safety checker says of each picture; None if it has none."""
    safety = model.safety
    if safety is None:
        return [None] * len(images)
    whole = [image for image in images if isinstance(image, Image.Image)]
    found = iter(flags(safety.checker, safety.extractor, whole) if whole else [])
    return [next(found) if isinstance(image, Image.Image) else None for image in images]


def _outcome(
    request: DiffusionRequest,
    image: Image.Image | Exception,
    *,
    scheduler: str,
    steps: int,
    nsfw: bool | None,
    blackens: bool,
    seconds: float,
    batch: int,
    note: str | None,
    is_guided: bool,
) -> Outcome:
    """Return a request's picture, or why there is none."""
    if request.stop.is_set():
        return Stopped()
    if isinstance(image, Exception):
        return image
    peak = torch.cuda.max_memory_allocated() // MIB if torch.cuda.is_available() else None
    data = to_png(blackened(image) if nsfw and blackens else image)
    return DiffusionPicture(
        data, image.size, request.seed, scheduler, steps, nsfw, peak, seconds, batch, note, is_guided
    )


@contextlib.contextmanager
def _own_scheduler(model: LoadedModel, pipe: Any, name: str | None) -> Iterator[Any]:
    """Have the pipeline use a new scheduler, and return that; a scheduler's state is that of one run."""
    own = model.pipe.scheduler
    used = make_scheduler(model.layout, name, own)
    pipe.scheduler = used
    try:
        yield used
    finally:
        pipe.scheduler = own
