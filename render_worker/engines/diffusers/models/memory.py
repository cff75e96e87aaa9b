"""How much memory there is, what a picture needs of it, and what is done to need less."""

import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from render_worker.browser.memory import MIB, measure
from render_worker.contract import Size
from render_worker.engines.diffusers.models.model_files import Vae
from render_worker.sizes import SizeRange

MEMINFO, STATUS = Path("/proc/meminfo"), Path("/proc/self/status")
UNLIMITED = 2**60
# Of the VAE's largest layer: its input, its output, and what lies between them. Measured with tiny models: 270 MiB at
# 1,024 pixels with 16 channels in fp32.
COPIES_OF_LARGEST_LAYER = 4.5
FIXED_BYTES = 64 * MIB  # of what does not grow with the picture: kernels' own buffers, the prompt

MemoryReading = Callable[[], int]
"""Returns how many bytes of the device's memory are free."""


@dataclass(frozen=True)
class PicturePlan:
    """How the VAE turns latents into pictures."""

    sliced: bool
    """One picture of a batch at a time."""
    tiled: bool
    """Tile by tile; the picture differs slightly from the one that is made at once."""


def plan_for(vae: Vae, size: Size, batch: int, free_bytes: int, number_bytes: int) -> PicturePlan:
    """Return the plan that needs the least of what changes the picture, and has room if any has."""
    if working_bytes(vae, size, batch, number_bytes) <= free_bytes:
        return PicturePlan(sliced=False, tiled=False)
    sliced = batch > 1
    tiled = working_bytes(vae, size, 1, number_bytes) > free_bytes and max(size) > vae.tile_side
    return PicturePlan(sliced, tiled)


def working_bytes(vae: Vae, size: Size, batch: int, number_bytes: int) -> int:
    """Return about what is needed beside the weights for pictures that are decoded at once."""
    channels = vae.channels[min(1, len(vae.channels) - 1)]  # of what the last block begins with, at full size
    layer = size[0] * size[1] * channels * number_bytes * batch
    return FIXED_BYTES + int(layer * COPIES_OF_LARGEST_LAYER)


def what_would_fit(vae: Vae, within: SizeRange, asked: Size, free_bytes: int, number_bytes: int) -> Size | None:
    """Return the largest size of about the proportion that was asked for, and below it, for which there is room.

    Returns None if there is none.
    """
    for percent in range(95, 0, -5):
        width, height = (max(1, side * percent // 100) for side in asked)
        size = within.covering((width, height))
        if size and size != asked and max(size) <= max(asked):
            tile = (min(size[0], vae.tile_side), min(size[1], vae.tile_side))
            if working_bytes(vae, tile, 1, number_bytes) + size[0] * size[1] * 3 * 4 <= free_bytes:
                return size
    return None


def free_memory_of(device: str) -> MemoryReading:
    """Return the function that reads the free memory of a device."""
    return _free_of_gpu if device.startswith("cuda") else _free_of_machine


def _free_of_gpu() -> int:
    """Return what the GPU has, and what PyTorch holds of it without using it."""
    free, _ = torch.cuda.mem_get_info()
    return int(free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated())


def _free_of_machine() -> int:
    """Return what the machine has, or less if a container or the process has a limit."""
    group = measure()
    return max(
        0,
        min(
            _number_of(MEMINFO, "MemAvailable"),
            (group.limit - group.used) * MIB if group.limit else UNLIMITED,
            _left_of_data(),
        ),
    )


def _left_of_data() -> int:
    """Return how much more the process may allocate by its RLIMIT_DATA."""
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return UNLIMITED if limit == resource.RLIM_INFINITY else limit - _number_of(STATUS, "VmData")


def _number_of(file: Path, name: str) -> int:
    """Return a number of a file of /proc, in bytes."""
    for line in file.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return UNLIMITED
