"""A model in memory."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import diffusers
import torch

from render_worker.engines.diffusers.models.device import Device
from render_worker.engines.diffusers.models.layout import Layout
from render_worker.engines.diffusers.models.model_files import ModelFiles
from render_worker.engines.diffusers.models.registry import ModelSource

IMAGE_PIPELINES = {
    Layout.SD1: diffusers.StableDiffusionImg2ImgPipeline,
    Layout.SD2: diffusers.StableDiffusionImg2ImgPipeline,
    Layout.SDXL: diffusers.StableDiffusionXLImg2ImgPipeline,
    Layout.SD3: diffusers.StableDiffusion3Img2ImgPipeline,
    Layout.FLUX: diffusers.FluxImg2ImgPipeline,
}

# A hook costs 3 µs at each call: on each layer of a tiny model, in each step, they took 8 % of its time. The layers of
# real models have more numbers than this, and take milliseconds on a GPU and up to a second on a CPU.
LARGE = 50_000


@dataclass(frozen=True)
class Safety:
    """A model's own safety checker."""

    checker: Any
    extractor: Any


class LoadedModel:
    """A model in memory. Only the generation thread uses its pipelines."""

    def __init__(
        self,
        source: ModelSource,
        files: ModelFiles,
        device: Device,
        pipe: Any,
        safety: Safety | None = None,
        offloaded_bytes: int | None = None,
    ) -> None:
        self.source = source
        self.name = source.name
        self.files = files
        self.layout = files.layout
        self.size_bytes = files.size_bytes
        self.device = device
        self.pipe = pipe
        """The pipeline that makes pictures of texts."""
        self.safety = safety
        self.is_offloaded = offloaded_bytes is not None
        """Whether its parts are on the GPU one by one, each while it is needed."""
        self.memory_bytes = offloaded_bytes or sum(
            map(_bytes_of, (*pipe.components.values(), safety and safety.checker))
        )
        """What its weights take of the device's memory."""
        self.seconds = 0.0
        """For which it was loaded."""
        self.displaced: tuple[str, ...] = ()
        """The models that had to leave the memory for it."""
        self.interruptible_layers = tuple(_interruptible_layers(pipe))
        """The layers before which its work may end."""
        self._image_pipe: Any = None

    def image_pipe(self) -> Any:
        """Return the pipeline that makes pictures of pictures, with the same weights and the same scheduler."""
        if self._image_pipe is None:
            kind = IMAGE_PIPELINES[self.layout]
            known = inspect.signature(kind.__init__).parameters
            # Not by from_pipe, which turns all weights into numbers of one kind: float32 unless it is told another.
            options = {**self.pipe.config, **self.pipe.components}
            self._image_pipe = kind(**{name: value for name, value in options.items() if name in known})
            self._image_pipe.set_progress_bar_config(disable=True)
        return self._image_pipe

    def release(self) -> None:
        """Drop the weights. Called once, when no batch uses the model any more."""
        self.pipe = self._image_pipe = self.safety = None
        self.interruptible_layers = ()


def _bytes_of(part: Any) -> int:
    """Return what the weights of a part take."""
    if not isinstance(part, torch.nn.Module):
        return 0
    return sum(it.numel() * it.element_size() for it in (*part.parameters(), *part.buffers()))


def _interruptible_layers(pipe: Any) -> Iterator[Any]:
    """Yield the large layers of what runs in each step, and all layers of what runs once for a picture."""
    stepping = getattr(pipe, "unet", None) or pipe.transformer
    for part in pipe.components.values():
        if not isinstance(part, torch.nn.Module):
            continue
        yield part
        least = LARGE if part is stepping else 0
        for module in part.modules():
            weight = getattr(module, "weight", None)
            if weight is not None and weight.numel() >= least:
                yield module
