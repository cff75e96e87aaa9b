"""Two models of Stable Diffusion XL's full size for a benchmark on a GPU, or two small ones to try it on a CPU."""

import os
import shutil
from pathlib import Path
from typing import Any

import diffusers
import torch

from bench import random_weights
from bench.local_engine import BarePipeline, LocalEngine
from tests.diffusers import tiny

MIB = 1024**2
FIRST, SECOND = "sdxl-a", "sdxl-b"


class Bench:
    """Models on disk, and how large pictures are."""

    def __init__(self, folder: Path, *, is_tiny: bool) -> None:
        self.folder = folder
        self.is_tiny = is_tiny
        self.device = "cpu" if is_tiny else "cuda"
        self.dtype = torch.float32 if is_tiny else torch.bfloat16
        self.side, self.steps = (128, 4) if is_tiny else (1024, 30)
        self.settings: dict[str, Any] = {"torch_threads": 1, "lora_dir": folder / "loras"}

    def memory_mib(self) -> float:
        """Return what PyTorch holds of the GPU."""
        return 0.0 if self.is_tiny else torch.cuda.memory_allocated() / MIB

    def bare(self) -> BarePipeline:
        """Return diffusers' own pipeline with the first model."""
        pipe = diffusers.DiffusionPipeline.from_pretrained(self.folder / FIRST, dtype=self.dtype)
        return BarePipeline(pipe.to(self.device))

    async def picture(self, local: LocalEngine, **more: Any) -> float:
        """Return the seconds of a picture of the full size."""
        return (await local.timed(FIRST, self.side, self.steps, **more)).wall


async def weights(bench: Bench) -> dict[str, Any]:
    """Make both models, which have the same weights."""
    folder = bench.folder / FIRST
    if bench.is_tiny:
        tiny.make("sdxl", folder)
    else:
        random_weights.sdxl(bench.device, bench.dtype).save_pretrained(folder)
    shutil.copytree(folder, bench.folder / SECOND, copy_function=os.link)
    free()
    return {
        "gb": round(sum(it.stat().st_size for it in folder.rglob("*") if it.is_file()) / 1e9, 2),
        "device": "cpu" if bench.is_tiny else torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
    }


def free() -> None:
    """Give memory that is not in use back to the system and to the GPU."""
    from render_worker.engines.diffusers.models.loader import free_memory

    free_memory()
