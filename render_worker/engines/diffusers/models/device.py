"""What the models run on, and with which numbers."""

import os
from dataclasses import dataclass
from typing import Any

import torch

from render_worker.browser.memory import MIB
from render_worker.engines.diffusers.settings import DiffusersSettings

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
CPU, GPU = "cpu", "cuda"


@dataclass(frozen=True)
class Device:
    """A GPU or the CPU."""

    name: str
    """As PyTorch names it: cuda, cpu."""
    dtype: Any
    """Of the weights."""
    budget_bytes: int
    """Memory for models."""

    @property
    def is_gpu(self) -> bool:
        """Return whether it is a GPU."""
        return self.name != CPU

    @property
    def precision(self) -> str:
        """Return the name of its numbers."""
        return next(name for name, dtype in TYPES.items() if dtype == self.dtype)

    @property
    def number_bytes(self) -> int:
        """Return how much memory a number takes."""
        return int(self.dtype.itemsize)


def choose_device(settings: DiffusersSettings) -> Device:
    """Return the GPU if PyTorch has one, else the CPU, and set PyTorch's threads for it."""
    name = GPU if torch.cuda.is_available() else CPU
    torch.set_num_threads(settings.torch_threads or (1 if name == GPU else _cores()))
    budget = settings.diffusers_memory_mb
    return Device(name, _dtype(settings, name), budget * MIB if budget else _memory(name))


def _dtype(settings: DiffusersSettings, name: str) -> Any:
    """Return the numbers to compute with: on a CPU fp16 takes sixteen times as long as fp32, so it is never used."""
    wish = settings.diffusers_precision
    if name == CPU:
        return torch.bfloat16 if wish == "bf16" else torch.float32
    if wish == "auto":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return TYPES[wish]


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory(name: str) -> int:
    """Return the memory for models if the settings name none, in bytes."""
    if name == GPU:
        return int(torch.cuda.mem_get_info()[1] * 0.9)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
