"""Ends the work of pictures that are not wanted any more, inside a step and inside the VAE.

A step of a large model on a CPU takes 13 seconds, and so does its VAE: a look between two steps would be too late.
diffusers' own interruption returns the unfinished picture as if it were good.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from render_worker.engines.diffusers.generation.request import Stopped

# A hook costs 3 µs at each call: on each layer of a tiny model, in each step, they took 8 % of its time. The layers of
# real models have more numbers than this, and take milliseconds on a GPU and up to a second on a CPU.
LARGE = 50_000


@contextmanager
def interruptible(pipe: Any, stops: Sequence[threading.Event]) -> Iterator[None]:
    """Raise Stopped within this, as soon as the next layer would run, once every one of `stops` is set."""
    with ExitStack() as hooks:
        hook = _hook(stops)
        for module in _watched(pipe):
            hooks.callback(module.register_forward_pre_hook(hook).remove)
        try:
            yield
        finally:
            pipe.maybe_free_model_hooks()  # an exception passes by the pipeline's own call


def _hook(stops: Sequence[threading.Event]) -> Any:
    """Return the hook; it is called thousands of times for a picture."""
    (is_set, *others) = [stop.is_set for stop in stops]

    def hook(module: Any, inputs: Any) -> None:
        if is_set() and all(it() for it in others):
            raise Stopped

    return hook


def _watched(pipe: Any) -> Iterator[Any]:
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
