"""Loads a model's weights. Everything that loads any, LoRAs too, holds LOAD_LOCK meanwhile.

Two loads at a time leave tensors without data in the text encoders, and break the process for good (peft issue 3605,
diffusers issue 4296, transformers issue 41782).
"""

import ctypes
import gc
import threading
from typing import Any

import diffusers
import torch

from render_worker.engines.diffusers.errors import ModelUnusable
from render_worker.engines.diffusers.models.device import Device
from render_worker.engines.diffusers.models.layout import Layout, ModelFiles
from render_worker.engines.diffusers.models.registry import ModelSource

LOAD_LOCK = threading.Lock()
CLASSES = {
    Layout.SD1: (diffusers.StableDiffusionPipeline, diffusers.StableDiffusionImg2ImgPipeline),
    Layout.SD2: (diffusers.StableDiffusionPipeline, diffusers.StableDiffusionImg2ImgPipeline),
    Layout.SDXL: (diffusers.StableDiffusionXLPipeline, diffusers.StableDiffusionXLImg2ImgPipeline),
    Layout.SD3: (diffusers.StableDiffusion3Pipeline, diffusers.StableDiffusion3Img2ImgPipeline),
    Layout.FLUX: (diffusers.FluxPipeline, diffusers.FluxImg2ImgPipeline),
}


class LoadedModel:
    """A model in memory. Only the generation thread uses its pipelines."""

    def __init__(self, source: ModelSource, files: ModelFiles, pipe: Any) -> None:
        self.source = source
        self.name = source.name
        self.layout = files.layout
        self.size_bytes = files.size_bytes
        self.pipe = pipe
        """The pipeline that makes pictures of texts."""
        self.memory_bytes = sum(_bytes_of(part) for part in pipe.components.values())
        """What its weights take."""
        self._image_pipe: Any = None

    def image_pipe(self) -> Any:
        """Return the pipeline that makes pictures of pictures, with the same weights and the same scheduler."""
        if self._image_pipe is None:
            self._image_pipe = CLASSES[self.layout][1].from_pipe(self.pipe)
            self._image_pipe.set_progress_bar_config(disable=True)
        return self._image_pipe

    def release(self) -> None:
        """Give its memory back."""
        self.pipe = self._image_pipe = None
        free_memory()


def load(source: ModelSource, device: Device) -> LoadedModel:
    """Load a model that is on disk. Raises ModelUnusable, with a sentence, if that fails."""
    if source.files is None:
        raise source.problem or ModelUnusable(f"The model {source.name} is not downloaded.")
    with LOAD_LOCK:
        pipe = _pipeline(source.files, device)
    return LoadedModel(source, source.files, pipe)


def _pipeline(files: ModelFiles, device: Device) -> Any:
    """Return the pipeline of a folder, on the device."""
    options = dict.fromkeys(files.absent) | ({"safety_checker": None} if files.has_safety_checker else {})
    pipe = CLASSES[files.layout][0].from_pretrained(
        files.folder,
        dtype=device.dtype,
        use_safetensors=True,
        variant=files.variant,
        local_files_only=True,
        **options,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device.name)


def free_memory() -> None:
    """Give memory that is not in use back to the system and to the GPU."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    ctypes.CDLL(None).malloc_trim(0)


def _bytes_of(part: Any) -> int:
    """Return what the weights of a part take."""
    if not isinstance(part, torch.nn.Module):
        return 0
    return sum(it.numel() * it.element_size() for it in (*part.parameters(), *part.buffers()))
