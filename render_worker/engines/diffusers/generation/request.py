"""One picture as the generation thread is asked for it, and as it returns it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from render_worker.contract import Size
from render_worker.imaging import SourcePicture


@dataclass(frozen=True)
class LoraUse:
    """A LoRA of a request, and its weight."""

    name: str
    """As `lora_path` names it."""
    scale: float


@dataclass(frozen=True, eq=False)
class DiffusionRequest:
    """A picture that is asked for. Its callbacks run on the generation thread, and must not block."""

    model: str
    """A name of the model registry."""
    prompt: str
    negative_prompt: str | None
    size: Size
    """Width and height in pixels, of a kind that the model makes."""
    steps: int
    guidance_scale: float
    scheduler: str | None
    """A name of the schedulers; None for the model's own."""
    seed: int
    """From 0; one that was drawn if the client named none."""
    seed_named: bool
    """Whether the client named it: then the picture is made alone, so that its bytes are the same the next time."""
    image: SourcePicture | None = None
    """What it begins with."""
    strength: float | None = None
    lora: LoraUse | None = None
    smaller_allowed: bool = True
    """Whether a smaller picture may be made if the memory has no room for this one."""
    on_step: Callable[[int, int], None] = lambda step, total: None
    """Called after each step with its number, from 1, and the number of all, as the scheduler counts them."""
    on_preview: Callable[[bytes], None] | None = None
    """Called with a small JPEG of the unfinished picture after some steps; None if there is no wish for it."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set if the picture is not wanted any more: its work ends within a step, or inside the VAE."""


@dataclass(frozen=True)
class DiffusionPicture:
    """A picture that was made."""

    data: bytes
    """A PNG."""
    size: Size
    seed: int
    scheduler: str
    steps: int
    """As the scheduler took them."""
    nsfw: bool | None
    """What the model's safety checker says; None if there is none, or if it is off."""
    peak_memory_mb: int | None
    """The most that the device's memory held meanwhile, in MiB; None without a GPU."""
    seconds: float
    """For which the models ran."""
    batch: int
    """How many pictures were made together."""
    note: str | None = None
    """What a client should know, as of a smaller size than was asked for."""
    is_guided: bool = True
    """Whether the guidance scale led away from the negative prompt; not at 1 or less, nor with a distilled model."""


class Stopped(Exception):
    """Raised on the generation thread to end a picture that is not wanted any more."""
