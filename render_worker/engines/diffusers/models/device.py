"""What the models run on, and with which numbers."""

import os
from dataclasses import dataclass
from typing import Any

import torch

from render_worker.engines.diffusers.settings import DiffusersSettings

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


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
        return self.name != "cpu"

    @property
    def precision(self) -> str:
        """Return the name of its numbers."""
        return next(name for name, dtype in TYPES.items() if dtype == self.dtype)

    @property
    def bytes_per_number(self) -> int:
        """Return how much memory a number takes."""
        return int(self.dtype.itemsize)


def choose_device(settings: DiffusersSettings) -> Device:
    """Return the GPU if PyTorch has one, else the CPU."""
    name = "cuda" if torch.cuda.is_available() else "cpu"
    budget = settings.diffusers_memory_mb
    return Device(name, _dtype(settings, name), budget * 1024**2 if budget else _memory(name))


def _dtype(settings: DiffusersSettings, name: str) -> Any:
    """Return the numbers to compute with: on a CPU fp16 takes sixteen times as long as fp32, so it is never used."""
    wish = settings.diffusers_precision
    if name == "cpu":
        return torch.bfloat16 if wish == "bf16" else torch.float32
    if wish == "auto":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return TYPES[wish]


def _memory(name: str) -> int:
    """Return the memory for models if the settings name none, in bytes."""
    if name == "cuda":
        return int(torch.cuda.mem_get_info()[1] * 0.9)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
