"""Pictures of loaded models, made without the engine: what theirs are compared with."""

import hashlib
from typing import Any

import torch


def picture_of(pipe: Any, seed: int = 1, side: int = 64, steps: int = 3, prompt: str = "a red fox") -> str:
    """Return a digest of the picture that a pipeline makes with a scheduler of its own."""
    own = type(pipe).from_pipe(pipe)
    own.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config)
    own.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(seed)
    picture = own(prompt, width=side, height=side, num_inference_steps=steps, generator=generator).images[0]
    return hashlib.sha256(picture.tobytes()).hexdigest()
